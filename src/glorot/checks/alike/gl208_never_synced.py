"""GL208: networks that should follow another one, and start as one of their own."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from glorot.checks.alike.followers import FROZEN_MARKS, MARKS, follower_of, inner_names, leaders_among, words_of
from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence
from glorot.checks.looks import looks_drawn

LIKE = 0.5
"""The correlation of the weights from which on a network follows another one, if late: that of two draws is near 0."""

FEWEST = 64
"""Random numbers from which on a correlation says something."""

SAME_LAW = 0.05
"""How far the stds of a start may differ, beside chance; training changes those of a teacher by more."""

APART = frozenset(["predictor", "predict", "prediction", "source", "src", "fast", "random", "fixed", "prior", "rnd"])
"""Words in the name of a network that is meant to differ: what predicts a random target, or stands across from it."""

Pair = tuple[Array, Array]


class Follower(NamedTuple):
    """A network that follows another one by its name.

    Attributes:
        root: its path.
        tensors: the paths of its tensors by their names in it.
        frozen: whether none of them is trained.
    """

    root: str
    tensors: dict[str, str]
    frozen: bool


class NeverSynced(Check):
    """A target or averaged network starts with other weights than the network that it follows.

    What it does:
        Takes networks whose names say that they follow another one ("target", "ema", "momentum", "teacher", "shadow";
        "ref", "key" if they are frozen), finds the network of the same tensors and shapes that their name leads to, and
        compares the random weights. It warns where none of them is that of the other. Copies that lag are let pass, and
        so are teachers that are trained already, networks that an optimizer trains, and random targets that a predictor
        learns.

    Why it matters:
        A target critic is the critic of some steps ago, and a mean teacher the average of its student. Built anew
        instead of copied, it answers at random: with a decay of 0.999 it takes thousands of steps until its start is
        forgotten, and all the while the network learns from noise.

    Example that fails:
        >>> import glorot, torch
        >>> net = lambda: torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4))
        >>> agent = torch.nn.ModuleDict({"q": net(), "q_target": net()})
        >>> print(glorot.check(agent, select="GL208").findings[0].why)
        follows q by its name, and starts with other weights

    What to do:
        Copy the weights after both are initialised: `target.load_state_dict(online.state_dict())`, or make the target
        by `copy.deepcopy(online)`.
    """

    code = "GL208"
    name = "never-synced"
    severity = "warning"

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        frozen = {one.path for one in evidence.inventory.parameters if one.frozen}
        followers = _followers(evidence, frozen)
        if not followers:
            return
        tensors = {**evidence.buffers, **evidence.weights}
        copies = {path for one in followers for path in one.tensors.values()}
        inner: dict[str, dict[str, str]] = defaultdict(dict)
        for path in evidence.weights:
            for network, name in () if path in copies else inner_names(path):
                inner[network][name] = path
        trained = {path for group in evidence.groups or () for path in group.paths}
        for one in followers:
            if trained.isdisjoint(one.tensors.values()):
                yield from self._of_follower(one, inner, tensors)

    def _of_follower(
        self, one: Follower, inner: Mapping[str, dict[str, str]], tensors: Mapping[str, Array]
    ) -> Iterator[Finding]:
        matched = {network: _match(one, held, tensors) for network, held in inner.items()}
        pairs = {network: found for network, found in matched.items() if found}
        likeness = {network: _likeness(one, pairs[network]) for network in _leaders(one.root, list(pairs))}
        if likeness and all(abs(value) < LIKE for value in likeness.values()):  # False of NaN
            leader = next(iter(likeness))
            yield self.finding(
                one.root,
                f"follows {leader or 'the model'} by its name, and starts with other weights",
                remedy="copy the weights into it after both are initialised",
                figure=likeness[leader],
                expected="a correlation of 1",
            )


def _followers(evidence: Evidence, frozen: set[str]) -> list[Follower]:
    """Return the networks that follow another one by their names; shadows that are buffers count as frozen."""
    tied = {one.path for one in evidence.inventory.parameters if one.tied_to is not None}
    own: dict[str, dict[str, str]] = {}
    shadows: dict[str, dict[str, str]] = {}
    for path in evidence.weights:
        _add(own, path, frozen=path in frozen, unwanted=path in tied)
    for path, values in evidence.buffers.items():
        _add(shadows, path, frozen=True, unwanted=path in evidence.weights or values.size < 2)
    found = [Follower(root, names, set(names.values()) <= frozen) for root, names in own.items()]
    found += [Follower(root, names, True) for root, names in shadows.items() if root not in own]
    return [one for one in found if one.frozen or not MARKS.isdisjoint(words_of(one.root.rpartition(".")[2]))]


def _add(roots: dict[str, dict[str, str]], path: str, *, frozen: bool, unwanted: bool) -> None:
    """Add a tensor to the network that it lies in, if that follows another one."""
    root = None if unwanted else follower_of(path, frozen=frozen)
    if root is not None:
        name = next(name for network, name in inner_names(path) if network == root)
        roots.setdefault(root, {})[name] = path


def _match(one: Follower, other: Mapping[str, str], tensors: Mapping[str, Array]) -> list[Pair]:
    """Return each tensor of a follower with that of a network that has all of them in the same shapes; else none."""
    if not all(name in other for name in one.tensors):
        return []
    pairs = [(tensors[path], tensors[other[name]]) for name, path in one.tensors.items()]
    return pairs if all(ours.shape == theirs.shape for ours, theirs in pairs) else []


def _leaders(root: str, fitting: list[str]) -> list[str]:
    """Return the networks that a follower may follow: the one of its name, or else those beside it, or else all."""
    beside = [network for network in fitting if network and network.rpartition(".")[0] == root.rpartition(".")[0]]
    words = {word for network in (root, *beside) for word in words_of(network)}
    if not words.isdisjoint(APART):
        return []
    return leaders_among(fitting, root) or ([] if _is_weak(root) else beside or fitting)


def _is_weak(root: str) -> bool:
    """Tell whether a name says that a network follows another one only if that one is there."""
    words = set(words_of(root.rpartition(".")[2]))
    return words.isdisjoint(MARKS) and not words.isdisjoint(FROZEN_MARKS)


def _likeness(one: Follower, pairs: list[Pair]) -> float:
    """Return the correlation of the random weights of two networks; NaN where it says nothing."""
    drawn = [(ours, theirs) for ours, theirs in pairs if looks_drawn(ours) and np.isfinite(theirs).all()]
    matrices = sum(ours.ndim > 1 for ours, _ in drawn)
    count = sum(ours.size for ours, _ in drawn)
    if count < FEWEST or matrices < (1 if one.frozen else 2):
        return math.nan
    is_teacher = "teacher" in words_of(one.root)
    if is_teacher and not all(_is_same_law(ours, theirs) for ours, theirs in drawn):
        return math.nan
    total = 0.0
    for ours, theirs in drawn:
        a, b = (values.astype(np.float64).ravel() for values in (ours, theirs))
        a, b = a - a.mean(), b - b.mean()
        size = math.sqrt(float(a @ a) * float(b @ b))
        total += float(a @ b) / size * ours.size if size else 0.0
    return total / count


def _is_same_law(ours: Array, theirs: Array) -> bool:
    one, other = (float(values.std(dtype=np.float64)) for values in (ours, theirs))
    return other > 0 and abs(math.log(one / other)) < SAME_LAW + 5 / math.sqrt(ours.size)
