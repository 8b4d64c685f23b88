"""GL301: kernels drawn with the fans of the stored tensor, not of the layer."""

import math
from collections.abc import Callable, Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.law.measures import Measured, Spread, drawn, is_normalised
from glorot.checks.law.stacks import stacks_in
from glorot.inventory.parts import path_of

Fan = tuple[float, float]

RULES: dict[str, Callable[[float, float], float]] = {
    "Xavier's": lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out)),
    "He's": lambda fan_in, fan_out: math.sqrt(2 / fan_in),
    "He's by fan_out": lambda fan_in, fan_out: math.sqrt(2 / fan_out),
    "LeCun's": lambda fan_in, fan_out: math.sqrt(1 / fan_in),
    "PyTorch's own": lambda fan_in, fan_out: math.sqrt(1 / (3 * fan_in)),
}
"""The std that each known law asks for."""

RECURRENT = ("LSTM", "GRU", "RNN")
"""Layers all of whose weights PyTorch draws by the size of the state, which is the outputs of a gate."""

ROUND = (0.001, 0.01, 0.02, 0.05, 0.1)
"""Stds that people write down, which then depend on no fan."""

EFFECT = 0.05
"""The relative difference in std from which a wrong fan matters."""

CERTAIN = 0.05
"""The largest relative standard error of a std that is still told from others."""

NEAR, FAR = 3.0, 5.0
"""Standard errors within which a law explains a std, and beyond which it does not."""


class WrongFan(Check):
    """A kernel is drawn with fans that it does not have.

    What it does:
        Compares the standard deviation of each kernel with what the known laws (Xavier, He, LeCun, PyTorch's own) ask
        for by its true connections, and by the shape that the tensor is stored in. It finds those that only the stored
        shape explains: fused q, k, v; the gates of an LSTM; stacks of experts; grouped, depthwise and transposed
        convolutions; matrices that are stored the other way round. It also finds gates, or q, k and v, that are
        orthogonal as one matrix and not each by itself.

        Setting: `wrong-fan = 0.05`, how far the std must be from every law by the true fans.

    Why it matters:
        A library's rule sees a shape and knows nothing of what the tensor is for. For three projections packed into a
        (3d, d) tensor, Xavier's rule takes fan_out = 3d, so that q, k and v get half of their variance, and the logits
        of attention a quarter. A depthwise kernel by fan_out gets one part in so many as it has channels. A norm that
        follows undoes it forward, so that it is only a note there; the gradient and the step relative to the weight
        are still off.

    Example that fails:
        >>> import glorot, torch
        >>> _ = torch.manual_seed(0)
        >>> print(glorot.check(torch.nn.MultiheadAttention(256, 8), select="GL301").findings[0])
        GL301 warning: in_proj_weight[q], in_proj_weight[k], in_proj_weight[v]: follows Xavier's law by the shape that
        it is stored in, not by how it connects (0.04424, expected 0.0625 by 256 inputs and 256 outputs)

    What to do:
        Draw each piece by itself: `glorot.initialize(model, "xavier", seed=0)` takes the true fans of every piece; or
        call the library's rule on each chunk of the tensor.
    """

    code = "GL301"
    name = "wrong-fan"
    threshold = EFFECT
    mended_by_drawing = True

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        effect = self.limit(evidence)
        for one in drawn(evidence):
            filler = one.part.declared
            if one.spread.error > CERTAIN or one.part.is_told or (filler is not None and filler.fans is None):
                continue
            right, wrong = true_fans(one), stored_fans(one, evidence)
            stds = {rule(*fans) for fans in right for rule in RULES.values()}
            stds |= {math.sqrt(1 / (3 * right[0][1]))} if one.part.layer.startswith(RECURRENT) else set()
            nearest = min(stds, key=lambda std: abs(math.log(std / one.spread.std)))
            finding = None
            if all(abs(one.spread.std / std - 1) > max(effect, FAR * one.spread.error) for std in stds):
                finding = self._explained(one, right[-1], wrong, evidence)
            yield Tested(one.spread.chance(nearest), finding)
        for stack in stacks_in(evidence):
            yield self.finding(
                stack.names,
                "are one orthogonal matrix as stored, and none of them is orthogonal by itself"
                if len(stack.names) > 1
                else "is one orthogonal matrix, and none of the gates that it holds is orthogonal by itself",
                figure=stack.gain,
                expected=f"{stack.whole:.4g}, the gain of the whole",
                remedy="draw each piece by itself, as glorot.initialize does",
                severity="note" if is_normalised(evidence.folded, path_of(stack.names[0])) else None,
            )

    def _explained(self, one: Measured, right: Fan, wrong: list[Fan], evidence: Evidence) -> Finding | None:
        if any(_is_that_of(one.spread, std) for std in ROUND):
            return None
        laws = [(rule(*fans), law) for fans in wrong for law, rule in RULES.items()]
        found = [(abs(math.log(std / one.spread.std)), law) for std, law in laws if _is_that_of(one.spread, std)]
        if not found:
            return None
        harmless = is_normalised(evidence.folded, one.part.path)
        return self.finding(
            one.part.name,
            f"follows {min(found)[1]} law by the shape that it is stored in, not by how it connects",
            figure=one.spread.std,
            expected=f"{RULES[min(found)[1]](*right):.4g} by {right[0]:.4g} inputs and {right[1]:.4g} outputs",
            remedy="draw each piece with its true fans, as glorot.initialize does",
            severity="note" if harmless else None,
        )


def true_fans(one: Measured) -> list[Fan]:
    """Return the fans of a part: those that its axes give, and those that the batch showed."""
    sizes: dict[str, float] = {}
    for letter, size in zip(one.part.axes, one.part.shape, strict=False):
        sizes[letter] = sizes.get(letter, 1.0) * size
    window = sizes.get("k", 1.0)
    by_axes = sizes.get("i", 1.0) * window, sizes.get("o", 1.0) * window
    fans = one.part.fans
    shown = by_axes if fans is None else (fans.fan_in, fans.fan_out)
    return [by_axes, (by_axes[0], shown[1]), (shown[0], by_axes[1]), shown]


def stored_fans(one: Measured, evidence: Evidence) -> list[Fan]:
    """Return the fans that the rules of the libraries take from the shape of the stored tensor.

    Of a grouped convolution also those of one without groups, as of a rule that takes the channels of the layer.
    """
    parameter = evidence.inventory.parameter(one.part.path)
    shape = () if parameter is None else parameter.shape
    if len(shape) < 2:
        return []
    last = shape[-2] * math.prod(shape[:-2]), shape[-1] * math.prod(shape[:-2])
    first = shape[1] * math.prod(shape[2:]), shape[0] * math.prod(shape[2:])
    by_adapter = {"torch": [first], "jax": [last], "keras": [last], "caffe": [first]}
    found = [(float(a), float(b)) for a, b in by_adapter.get(evidence.inventory.adapter, [first, last])]
    groups = one.part.shape[0] if one.part.axes[:1] == "b" and len(one.part.shape) > len(shape) else 1
    return found + [(groups * a, b) for a, b in found if groups > 1]


def _is_that_of(spread: Spread, std: float) -> bool:
    """Tell whether a std explains a sample; a uniform one must reach its bound and not pass it."""
    if abs(spread.std / std - 1) > NEAR * spread.error:
        return False
    if spread.kurtosis > 2.1:
        return True
    bound = math.sqrt(3) * std
    return bound * (1 - 12 / spread.size) <= spread.largest <= bound * 1.0001
