"""Topic: fan_in and fan_out."""

import numpy as np

from glorot.topics.base import topic
from glorot.topics.figures import Figure, Grids, grid


@topic()
def fans() -> Figure:
    """How many inputs one output unit sums (fan_in), and how many output units one input feeds (fan_out).

    fan_in = inputs·kernel points, fan_out = outputs·kernel points; z_j = Σ w_ij·x_i over fan_in inputs

    The question:
        A weight matrix has rows and columns. Which of them are the inputs?

    The answer:
        That depends on the framework. PyTorch and Caffe store (out, in): a row holds what one unit sums, so
        fan_in is the number of columns. Keras, TensorFlow and JAX store (in, out): fan_in is the number of rows.

        Both sentences stand in books, and each is right for its framework. A rule that goes by the wrong one
        is off by the ratio of the two: He's law for 512 → 128 has σ = √(2/512) = .0625, and by the wrong fan
        √(2/128) = .125.

        In a convolution every point of the window counts: 3 × 3 over 64 channels sums 576 numbers. Groups,
        strides and fused matrices change the count; glorot reads it from what the model computes.

    Rows and columns:
        Linear(300, 100) in PyTorch: weight (100, 300), fan_in 300 = columns, fan_out 100 = rows.

        InnerProduct of 300 → 100 in Caffe: blob (100, 300), as in PyTorch; with `transpose: true` (300, 100).

        Dense(100) on 300 inputs in Keras and TensorFlow: kernel (300, 100), fan_in 300 = rows, fan_out 100
        = columns.

        Dense(100) in Flax (JAX): kernel (300, 100), as in Keras. Equinox stores (100, 300), as PyTorch does.

    What to do:
        Let glorot count: `print(glorot.plan(model))` shows both fans of every part. For an array of your own
        say which axis is which: `in_axis=-2, out_axis=-1`.

    Example:
        >>> from glorot.fans import conv, dense
        >>> dense(300, 100)
        Fans(fan_in=300.0, fan_out=100.0)
        >>> conv(64, 128, (3, 3)).fan_in  # 64·9
        576.0

    Next:
        `glorot draw he_normal 512 128 --seed 0` takes the first axis for the inputs; docs/fans.md counts all layers.

    Related:
        variance, xavier, he.

    Also asked as:
        fan, fan_in, fan_out, fan in fan out, fan_in and fan_out, fan_avg, fan mode, rows and columns, rows,
        columns, number of inputs, number of outputs, n_in, n_out, connections, fan in mode, receptive field, n
        inputs, number of neurons

    References:
        Glorot & Bengio (2010), section 4.2.1; each framework's own code, compared in docs/fans.md.
    """
    values = np.full((3, 4), 0.12)
    values[:, 2], values[1, :] = -0.6, 1.0
    told = "Strong: what one unit sums, fan_in = 4. Across it: what one input feeds, fan_out = 3."
    grids = (grid("PyTorch, Caffe: (out, in)", values), grid("Keras, TensorFlow, JAX: (in, out)", values.T))
    return Grids("A layer from 4 inputs to 3 units: a row of the one is a column of the other.", told, grids)
