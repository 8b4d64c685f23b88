"""Rules as they are written on the command line."""

from glorot.errors import GlorotError


def parse_rule(text: str) -> tuple[str, str]:
    """Split PATTERN=SCHEME."""
    pattern, equals, scheme = text.partition("=")
    if not equals or not pattern or not scheme:
        raise GlorotError(f"--rule {text!r}: write PATTERN=SCHEME, as in 'head.*=normal(std=0.02)' or 'cls_token=skip'")
    return pattern, scheme
