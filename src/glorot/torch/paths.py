"""Paths of modules and parameters, without what wrappers insert."""

WRAPPERS = ("_orig_mod", "_checkpoint_wrapped_module")


def structural(path: str) -> str:
    """Return a path without what wrappers such as `torch.compile` insert.

    Example:
        >>> structural("_orig_mod.layers.0._checkpoint_wrapped_module.weight")
        'layers.0.weight'
    """
    return ".".join(step for step in path.split(".") if step not in WRAPPERS)
