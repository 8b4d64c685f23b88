"""Explaining: what a name stands for."""


def explain(name: str | None = None, *, full: bool = False) -> str:
    """Explain a topic, a scheme, a recipe, an activation or a check on one screen; without a name, list them all.

    page = docstring + the numbers of a layer from 300 to 100 units

    Args:
        name: its name in any spelling, as in "xavier", "He normal" or "gelu", also as other libraries have it,
            "nn.init.kaiming_normal_(w)"; words, "vanishing gradients"; or code that starts weights. "scheme:zeros"
            where a recipe has the same name. None lists what there is, by group.
        full: the whole page instead of one screen.

    Returns:
        The page as text.

    Raises:
        GlorotError: if nothing has that name; the nearest names are told, and all topics.

    Example:
        >>> import glorot
        >>> "fan_in" in glorot.explain("xavier")
        True
        >>> print(glorot.explain("why do gradients vanish?").splitlines()[0])
        vanishing gradients · topic · see also saturation, exploding_gradients, residual

    References:
        Glorot & Bengio (2010).
    """
    from glorot.report.explanation import explanation

    return explanation(name, full=full)
