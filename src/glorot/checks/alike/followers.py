"""Networks whose names say that they follow another one: targets, moving averages, teachers."""

import re
from collections.abc import Iterator, Sequence

from glorot.checks.ranks.shards import bare

MARKS = frozenset(("target", "targets", "targ", "tgt", "ema", "teacher", "momentum", "averaged", "avg", "shadow", "swa",
                   "old", "slow", "polyak", "lagged", "delayed"))  # fmt: skip
"""Words in the name of a network that follows another one, and so starts as its copy."""

FROZEN_MARKS = frozenset(["k", "m", "t", "key", "ref", "reference", "bar", "hat", "prime", "minus", "copy", "frozen"])
"""Words that say so of a network that is not trained, beside one that is: the keys of MoCo, the reference of DPO, Q̄."""

LEADERS = frozenset(["q", "query", "online", "student", "main", "live", "policy", "model", "net", "network", "current"])
"""Words that the network which is followed may have instead."""

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def words_of(step: str) -> list[str]:
    """Return the words of one step of a path, in lower case.

    Example:
        >>> words_of("critic1_target"), words_of("targetNet")
        (['critic', '1', 'target'], ['target', 'net'])
    """
    return [word.lower() for word in WORD.findall(step)]


def follows(path: str) -> bool:
    """Tell whether a path lies in a network that follows another one, or is such a tensor itself."""
    return any(not MARKS.isdisjoint(words_of(step)) for step in path.split("."))


def follower_of(path: str, *, frozen: bool) -> str | None:
    """Return the path of the network that a tensor lies in, if the name of that says that it follows another one.

    Args:
        path: the path of the tensor.
        frozen: whether it is not trained.

    Example:
        >>> follower_of("agent.q_target.0.weight", frozen=False)
        'agent.q_target'
    """
    marks = MARKS | FROZEN_MARKS if frozen else MARKS
    steps = path.split(".")
    for count, step in enumerate(steps[:-1], 1):
        if not marks.isdisjoint(words_of(step)):
            return ".".join(steps[:count])
    return None


def leaders_among(networks: Sequence[str], follower: str) -> list[str]:
    """Return the networks beside a follower that have its name but for the words that say which of them it is.

    Example:
        >>> leaders_among(["q1", "q2"], "q1_target"), leaders_among(["student", "head"], "teacher")
        (['q1'], ['student'])
    """
    parent, _, name = follower.rpartition(".")
    beside = [network for network in networks if network and network.rpartition(".")[0] == parent]
    for left_out in (MARKS | FROZEN_MARKS, MARKS | FROZEN_MARKS | LEADERS):
        own = _without(name, left_out)
        found = [network for network in beside if _without(network.rpartition(".")[2], left_out) == own]
        if found:
            return found
    return []


def _without(name: str, left_out: frozenset[str]) -> list[str]:
    return [word for word in words_of(name) if word not in left_out]


def inner_names(path: str) -> Iterator[tuple[str, str]]:
    """Yield each network that a tensor lies in, the model itself as "", with the name that the tensor has in it.

    Steps of wrappers and dots are left out of that name, for shadows are stored without them.

    Example:
        >>> list(inner_names("net.0.weight"))
        [('', 'net0weight'), ('net', '0weight'), ('net.0', 'weight')]
    """
    steps = path.split(".")
    for count in range(len(steps)):
        yield ".".join(steps[:count]), bare(".".join(steps[count:])).replace(".", "")
