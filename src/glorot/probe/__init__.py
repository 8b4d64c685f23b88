"""Probe: what signal and gradient do in a real model on a real batch."""

from glorot.probe.collector import measure
from glorot.probe.predicting import prediction, unpredicted
from glorot.probe.signal import Histogram, LayerSignal, Signal

__all__ = ["Histogram", "LayerSignal", "Signal", "measure", "prediction", "unpredicted"]
