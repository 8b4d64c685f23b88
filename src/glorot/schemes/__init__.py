"""Schemes: rules from fans, shape and axes to a distribution. One file a family.

Every scheme is an attribute of this package: `glorot.schemes.xavier_uniform(gain=2)`.
"""

from collections.abc import Callable

from glorot.schemes.base import SCHEMES, Scheme, as_scheme, scheme

__all__ = ["SCHEMES", "Scheme", "as_scheme", "scheme"]


def __getattr__(name: str) -> Callable[..., Scheme]:
    if name.startswith("_") or name not in SCHEMES:
        raise AttributeError(f"module 'glorot.schemes' has no attribute {name!r}")
    return SCHEMES.factory(name)


def __dir__() -> list[str]:
    return [*__all__, *SCHEMES]
