"""Probe: what signal and gradient do in a real model on a real batch."""

from glorot.probe.assumptions import Assumptions, assumptions
from glorot.probe.collector import measure
from glorot.probe.predicting import prediction, unpredicted
from glorot.probe.record import KernelRecord, Record, record
from glorot.probe.signal import Grade, Histogram, LayerSignal, Signal, StepSignal

__all__ = [
    "Assumptions", "Grade", "Histogram", "KernelRecord", "LayerSignal", "Record", "Signal", "StepSignal", "assumptions",
    "measure", "prediction", "record", "unpredicted",
]  # fmt: skip
