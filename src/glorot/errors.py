"""The one exception that glorot raises for input it refuses."""


class GlorotError(ValueError):
    """Input that glorot refuses: what was given, what was expected, where, and what to do."""
