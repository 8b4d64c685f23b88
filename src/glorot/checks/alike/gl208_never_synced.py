"""GL208: networks that should follow another one, and start with other weights."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from glorot.checks.alike.followers import MARKS, follower_of, inner_names, leaders_among, words_of
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


class Pair(NamedTuple):
    """A tensor of a follower, and that of the network that it may follow."""

    path: str
    ours: Array
    theirs: Array


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

    @property
    def is_weak(self) -> bool:
        """Whether its name says that it follows another one only if that one is there."""
        return MARKS.isdisjoint(words_of(self.root.rpartition(".")[2]))

    @property
    def is_teacher(self) -> bool:
        """Whether it may be trained before that what it teaches."""
        return "teacher" in words_of(self.root)


class NeverSynced(Check):
    """A target or averaged network starts with other weights than the network that it follows.

    What it does:
        Takes networks whose names say that they follow another one ("target", "ema", "momentum", "teacher", "shadow";
        "ref", "key", "bar" if they are not trained and the other one is), finds the network of the same tensors and
        shapes that their name leads to, and compares the random weights. It warns where none of them is that of the
        other, or some are and some are not. Copies that lag are let pass, and so are teachers that are trained already,
        networks that an optimizer trains, and random targets that a predictor learns.

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
        trained = {path for group in evidence.groups or () for path in group.paths}
        still = frozen | (set(evidence.weights) - trained if trained else set())
        followers = [one for one in _followers(evidence, still) if trained.isdisjoint(one.tensors.values())]
        if not followers:
            return
        tensors = {**evidence.buffers, **evidence.weights}
        copies = {path for one in followers for path in one.tensors.values()}
        inner: dict[str, dict[str, str]] = defaultdict(dict)
        for path in evidence.weights:
            for network, name in () if path in copies else inner_names(path):
                inner[network][name] = path
        for one in followers:
            yield from self._of_follower(one, inner, tensors, still)

    def _of_follower(
        self, one: Follower, inner: Mapping[str, dict[str, str]], tensors: Mapping[str, Array], still: set[str]
    ) -> Iterator[Finding]:
        names = {network: held for network, held in inner.items() if held.keys() >= one.tensors.keys()}
        if one.is_weak:  # a name that says little, as that of keys in attention: what it follows must be trained
            names = {to: held for to, held in names.items() if not any(held[name] in still for name in one.tensors)}
        matched = {network: _match(one, held, tensors) for network, held in names.items()}
        pairs = {network: found for network, found in matched.items() if _says_something(one, found)}
        likeness = {network: _likeness(pairs[network]) for network in _leaders(one, list(pairs))}
        if not likeness:
            return
        leader = max(likeness, key=lambda network: abs(likeness[network]))
        big = [pair for pair in pairs[leader] if pair.ours.size >= FEWEST and pair.ours.ndim > 1]
        apart = [pair for pair in big if abs(_likeness([pair])) < LIKE]
        is_named = leader in leaders_among(list(pairs), one.root)
        remedy = "copy the weights into it after both are initialised"
        told = leader or "the model"
        if abs(likeness[leader]) < LIKE and len(apart) == len(big):
            why, blamed = f"follows {told} by its name, and starts with other weights", [one.root]
        elif apart and len(apart) < len(big) and is_named and not one.is_teacher:
            why, blamed = f"lies in what follows {told}, and is no copy, as others are", [pair.path for pair in apart]
        else:
            return
        figure = _likeness(apart or pairs[leader])
        yield self.finding(blamed, why, remedy=remedy, figure=figure, expected="a correlation of 1")


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
    return [one for one in found if one.frozen or not one.is_weak]


def _add(roots: dict[str, dict[str, str]], path: str, *, frozen: bool, unwanted: bool) -> None:
    """Add a tensor to the network that it lies in, if that follows another one."""
    root = None if unwanted else follower_of(path, frozen=frozen)
    if root is not None:
        name = next(name for network, name in inner_names(path) if network == root)
        roots.setdefault(root, {})[name] = path


def _match(one: Follower, other: Mapping[str, str], tensors: Mapping[str, Array]) -> list[Pair]:
    """Return the random tensors of a follower with those of a network, if that has all of them in the same shapes."""
    pairs = [Pair(path, tensors[path], tensors[other[name]]) for name, path in one.tensors.items()]
    if any(pair.ours.shape != pair.theirs.shape for pair in pairs):
        return []
    return [pair for pair in pairs if looks_drawn(pair.ours) and np.isfinite(pair.theirs).all()]


def _says_something(one: Follower, pairs: list[Pair]) -> bool:
    """Tell whether pairs are enough to judge by; those of a teacher that is trained are not."""
    matrices = sum(pair.ours.ndim > 1 for pair in pairs)
    if sum(pair.ours.size for pair in pairs) < FEWEST or matrices < (1 if one.frozen and not one.is_weak else 2):
        return False
    return not one.is_teacher or all(_is_same_law(pair) for pair in pairs)


def _leaders(one: Follower, fitting: list[str]) -> list[str]:
    """Return the networks that a follower may follow: the one of its name, or else those beside it, or else all."""
    beside = [network for network in fitting if network and network.rpartition(".")[0] == one.root.rpartition(".")[0]]
    words = {word for network in (one.root, *beside) for word in words_of(network)}
    if not words.isdisjoint(APART):
        return []
    return leaders_among(fitting, one.root) or ([] if one.is_weak else beside or fitting)


def _likeness(pairs: list[Pair]) -> float:
    """Return the correlation of random weights with others, those of larger tensors counting more."""
    total = 0.0
    for _, ours, theirs in pairs:
        a, b = (values.astype(np.float64).ravel() for values in (ours, theirs))
        a, b = a - a.mean(), b - b.mean()
        size = math.sqrt(float(a @ a) * float(b @ b))
        total += float(a @ b) / size * ours.size if size else 0.0
    return total / sum(pair.ours.size for pair in pairs)


def _is_same_law(pair: Pair) -> bool:
    one, other = (float(values.std(dtype=np.float64)) for values in (pair.ours, pair.theirs))
    return other > 0 and abs(math.log(one / other)) < SAME_LAW + 5 / math.sqrt(pair.ours.size)
