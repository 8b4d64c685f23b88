"""Activations: nonlinearities with their Gaussian moments, from which the gain of a layer follows."""

from glorot.activations.base import ACTIVATIONS, Activation, Function, Moments
from glorot.activations.lookup import activation
from glorot.activations.pairs import pair_moment

__all__ = ["ACTIVATIONS", "Activation", "Function", "Moments", "activation", "pair_moment"]
