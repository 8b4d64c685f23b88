"""Probe: what signal and gradient do in a real model on a real batch."""

from glorot.probe.collector import measure
from glorot.probe.predicting import prediction, unpredicted
from glorot.probe.signal import Grade, Histogram, LayerSignal, Signal, StepSignal

__all__ = ["Grade", "Histogram", "LayerSignal", "Signal", "StepSignal", "measure", "prediction", "unpredicted"]
