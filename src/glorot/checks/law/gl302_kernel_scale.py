"""GL302: kernels whose scale no convention explains."""

from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.law.measures import drawn, gain_of, is_normalised

LARGEST = 4.0
"""The gain from which a kernel is too large: twice the std ×√2 of He's law, and still above 0.02 at 28,672 inputs."""

SMALLEST = 0.02
"""The gain below which a kernel lets nothing pass: an eighth of std 0.02 at 64 inputs."""

EXEMPT = ("head", "adapter A", "gate", "expert gate")
"""Purposes whose results are logits or updates, with scales of their own."""

SMALL = ("router",)
"""Purposes whose results may be as small as one likes: shares that start equal choose nothing yet."""


class KernelScale(Check):
    """A kernel is far too large or too small for what feeds it.

    What it does:
        Computes the gain of each kernel, √(fan_in · σ² · E φ²), by which the std of a signal is multiplied where the
        activation φ feeds it. He's, Xavier's and LeCun's laws lie between 0.5 and 1.5, the fixed std 0.02 of
        transformers between 0.1 and 3. Found is what lies above 4 or below 0.02; of the router of a mixture,
        which may start at 0, above 4 alone. A constant that a layer multiplies its weight by when it runs counts. Heads
        have a check by themselves, and a kernel before a norm is only a note.

        Setting: `kernel-scale = 4`, the largest gain.

    Why it matters:
        Gains multiply over depth: five layers of gain 4 are a thousand, and a single one of 0.01 leaves a hundredth.
        Such a kernel was mostly drawn as if it were an embedding (std 1), with the std of another width, or scaled
        twice.

    Example that fails:
        >>> import glorot, torch
        >>> _ = torch.manual_seed(0)
        >>> model = torch.nn.Sequential(torch.nn.Linear(64, 256), torch.nn.ReLU(), torch.nn.Linear(256, 10))
        >>> _ = torch.nn.init.normal_(model[0].weight)
        >>> print(glorot.check(model, select="GL302").findings[0])
        GL302 warning: 0.weight: multiplies the signal by far too much (8.025, expected between 0.02 and 4)

    What to do:
        Draw it by its fans: `glorot.initialize(model, "auto", seed=0)`, or He's law after a ReLU and LeCun's or
        Xavier's otherwise.
    """

    code = "GL302"
    name = "kernel-scale"
    threshold = LARGEST
    mended_by_drawing = True

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        least, most = SMALLEST, self.limit(evidence)
        for one in drawn(evidence):
            part, gain = one.part, gain_of(one)
            may_be_small = part.branch is not None or part.purpose in SMALL
            if part.purpose in EXEMPT or part.is_told or (gain < least and may_be_small):
                continue
            finding = None
            if not least <= gain <= most:
                harmless = is_normalised(evidence.folded, part.path)
                finding = self.finding(
                    part.name,
                    f"multiplies the signal by far too {'much' if gain > most else 'little'}",
                    figure=gain,
                    expected=f"between {least:g} and {most:g}",
                    remedy='draw it by its fans and what feeds it, as glorot.initialize(model, "auto", seed=0) does',
                    severity="note" if harmless else None,
                )
            bound = min(max(gain, least), most)
            yield Tested(1.0 if bound == gain else one.spread.chance(one.spread.std * bound / gain), finding)
