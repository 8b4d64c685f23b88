"""What the compiled program of a draw must not do."""

import math
import re

import jax

MESSAGES = re.compile(r"all-gather|all-reduce|all-to-all|collective|reduce-scatter|\bsend\b|\brecv\b")


def expensive(compiled: jax.stages.Compiled, shape: tuple[int, ...], scratch: int = 128) -> list[str]:
    """Return what a compiled function does that a draw of an array must not do; `scratch` is in bytes: as many as settings take."""
    text = compiled.as_text()
    found = sorted(set(MESSAGES.findall(text)))
    sizes = {math.prod(map(int, extents.split(","))) for extents in re.findall(r"[fsu]\d+\[([\d,]+)\]", text)}
    if math.prod(shape) in sizes:
        found.append("whole")
    if compiled.memory_analysis().temp_size_in_bytes > scratch:
        found.append("scratch")
    return found
