"""States: which layers a net has in which phase, stage and level."""

from collections.abc import Iterable
from dataclasses import dataclass

from glorot.caffe.formats.messages import Message

PHASES = {"TRAIN": 0, "TEST": 1}


@dataclass(frozen=True)
class State:
    """What a net is built for.

    Attributes:
        phase: "TRAIN" or "TEST".
        level: a number that rules may ask for.
        stages: names that rules may ask for.
    """

    phase: str = "TEST"
    level: int = 0
    stages: frozenset[str] = frozenset()


def state_of(messages: Iterable[Message], phase: str | None, level: int | None, stages: Iterable[str]) -> State:
    """Return the state that a file and the user ask for.

    Args:
        messages: what the file says of its state, the most general first; later ones decide, and stages add up.
        phase: the phase that the user asks for, if he does.
        level: the level that he asks for, if he does.
        stages: the stages that he asks for.
    """
    state = State()
    for message in messages:
        state = State(
            message.choice("phase", state.phase, PHASES),
            message.integer("level", state.level),
            state.stages | set(message.texts("stage")),
        )
    return State(phase or state.phase, state.level if level is None else level, state.stages | set(stages))


def is_present(layer: Message, state: State) -> bool:
    """Tell whether a layer belongs to a net in some state.

    One without rules does; one with `include` if any of them is met, one with `exclude` if none is.

    Raises:
        GlorotError: if it has rules of both kinds.
    """
    include, exclude = layer.messages("include"), layer.messages("exclude")
    if include and exclude:
        raise layer.error("a layer may have include rules or exclude rules, not both", "exclude")
    if include:
        return any(_is_met(rule, state) for rule in include)
    return not any(_is_met(rule, state) for rule in exclude)


def _is_met(rule: Message, state: State) -> bool:
    return (
        rule.choice("phase", state.phase, PHASES) == state.phase
        and rule.integer("min_level", state.level) <= state.level <= rule.integer("max_level", state.level)
        and state.stages.issuperset(rule.texts("stage"))
        and state.stages.isdisjoint(rule.texts("not_stage"))
    )
