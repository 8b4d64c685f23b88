"""What is remembered of a model makes few objects: of many, Python searches all that the process holds for garbage."""

import gc

from torch import nn

from glorot.torch.preserve import preserved

MOST = 20
"""Objects for each module, of which PyTorch alone makes a dozen."""


def test_a_model_is_remembered_in_few_objects() -> None:
    block = [nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU()) for _ in range(50)]
    model = nn.Sequential(*block)
    with preserved(model):  # what is made but once
        pass
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        with preserved(model):
            made = len(gc.get_objects()) - before
    finally:
        gc.enable()
    assert made < MOST * len(list(model.modules()))
