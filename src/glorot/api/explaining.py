"""Explaining: what a name stands for."""


def explain(name: str | None = None, *, full: bool = False) -> str:
    """Explain a scheme, a recipe or an activation on one screen; without a name, list them all.

    page = docstring + the numbers of a layer from 300 to 100 units

    Args:
        name: its name in any spelling, as in "xavier", "He normal" or "gelu"; "scheme:zeros" where a recipe has the
            same. None lists what there is, by group.
        full: the whole page instead of one screen.

    Returns:
        The page as text.

    Raises:
        GlorotError: if nothing has that name, and what the nearest names are.

    Example:
        >>> import glorot
        >>> "fan_in" in glorot.explain("xavier")
        True

    References:
        Glorot & Bengio (2010).
    """
    from glorot.report.explanation import explanation

    return explanation(name, full=full)
