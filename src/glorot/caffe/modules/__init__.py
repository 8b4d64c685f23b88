"""Caffe nets as PyTorch modules; one file a family of layers, as in `glorot.caffe.kinds`."""

from glorot.caffe.modules.net import CaffeModule, Outputs, to_torch
from glorot.caffe.modules.training import parameter_groups

__all__ = ["CaffeModule", "Outputs", "parameter_groups", "to_torch"]
