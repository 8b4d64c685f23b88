"""What the layers of Flax declare: the constant that an initialiser of theirs sets a vector to."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from glorot.jax.models.describing import Layout, Shape
from glorot.jax.models.running import SWITCHES
from glorot.preserving import process_preserved

USUAL = {"bias": 0.0, "shift": 0.0, "scale": 1.0}
"""What the initialisers of vectors give where nobody chose them."""


def with_starts(module: Any, layout: Layout) -> Layout:
    """Add to the vectors of a layer what its `bias_init` or `scale_init` sets them to, if that is not the usual value.

    The layers of Linen keep their initialisers, and so do those of NNX in some versions of Flax.
    """
    found = {}
    for name, stored in layout.items():
        initializer = getattr(module, f"{name.rpartition('/')[2]}_init", None)
        start = _constant_of(initializer, stored.shape) if stored.role in USUAL and callable(initializer) else None
        is_usual = start is None or start == USUAL[stored.role]
        found[name] = stored if is_usual else stored._replace(start=start)
    return found


def _constant_of(initializer: Any, shape: Shape) -> float | None:
    """Return the value that an initialiser sets; None for one that draws, sets several values, or fails."""
    if initializer in (jax.nn.initializers.zeros, jax.nn.initializers.ones):
        return float(initializer is jax.nn.initializers.ones)
    try:
        with process_preserved(SWITCHES), jax.ensure_compile_time_eval():
            drawn = [initializer(jax.random.key(seed), shape, jnp.float32) for seed in (0, 1)]
            (value,) = np.unique([np.asarray(leaf) for leaf in jax.tree_util.tree_leaves(drawn)])  # boxes are opened
    except Exception:  # it is the user's own function; or (value,) are several
        return None
    return float(str(value)) if np.isfinite(value) else None  # 0.01 and not 0.009999999776
