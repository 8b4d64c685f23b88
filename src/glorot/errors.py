"""The exception that glorot raises for input it refuses."""

from glorot.text import printable


class GlorotError(ValueError):
    """Input that glorot refuses: what was given, what was expected, where, and what to do.

    Its message may quote names and files; what would steer a terminal there is written as an escape.
    """

    def __str__(self) -> str:
        return printable(super().__str__(), keep="\n")


class NothingHeldError(GlorotError):
    """A model holds no values to read, as on the meta device."""


class NoStepError(GlorotError):
    """An optimiser belongs to a model, and its first step cannot be tried on copies of the weights."""
