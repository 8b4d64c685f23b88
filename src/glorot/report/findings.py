"""Findings: what the figures of a comparison say, in one sentence for each chart."""

import math

from glorot.comparison.comparison import Comparison
from glorot.comparison.judging.standings import Standings
from glorot.comparison.judging.symptoms import ratio, times, usual_saturation
from glorot.comparison.judging.verdicts import SLOWER
from glorot.comparison.nicknames import nicknames
from glorot.comparison.results import GOAL, RecipeResult
from glorot.report.labels import capital, listed, span
from glorot.text import brief, counted


def percent(value: float, digits: int = 0) -> str:
    """Write a share in percent; a whole 100 % only for what is whole."""
    if math.isnan(value):
        return "–"
    written = f"{100 * value:.{digits}f}"
    return f"{written} %" if digits or written != "100" or value == 1 else f"{100 * value:.1f} %"


def pace(comparison: Comparison) -> str:
    """Say which recipes reach the goal, and when."""
    goal = percent(GOAL)
    names = nicknames(comparison)
    there = sorted((r for r in comparison.results if r.epochs_to_goal), key=lambda r: sum(r.epochs_to_goal or ()))
    if not there:
        top = Standings(comparison).leader
        end = _accuracy(top.final("test_accuracy").mean)
        return f"No recipe reaches {goal} on the test set; the highest, {names[top.recipe]}, ends at {end}"
    limit = SLOWER * max(sum(there[0].epochs_to_goal or ()), 1)
    fast = [r for r in there if sum(r.epochs_to_goal or ()) < limit]
    slow = [r for r in there if r not in fast]
    words = [f"{_names(fast, names)} {_verb(fast, 'reach')} {goal} on the test set after {_epochs(fast)}"]
    words[0] += " epoch" if _epochs(fast) == "1" else " epochs"
    if slow:
        words.append(f"{_names(slow, names)} after {_epochs(slow)}")
    never = len(comparison.results) - len(there)
    if never:
        rest = _names(_rest(comparison, there), names)
        words.append(f"{counted(never, 'recipe')} never" if never > 1 else f"{rest} never")
    return capital(", ".join(words))


def overfitting(comparison: Comparison) -> str:
    """Say how far training and test are apart where they are farthest."""
    names = nicknames(comparison)
    gaps = {
        names[r.recipe]: (r.final("train_accuracy").mean, r.final("test_accuracy").mean) for r in comparison.results
    }
    gaps = {name: pair for name, pair in gaps.items() if all(map(math.isfinite, pair))}
    if not gaps:
        return "No recipe ends with a number"
    name, (train, test) = max(gaps.items(), key=lambda item: item[1][0] - item[1][1])
    if train - test > 0.05:
        return f"{capital(name)}: {percent(train, 1)} in training, {percent(test, 1)} on the test set"
    if train - test < 0.001:
        return "No recipe ends lower on the test set than in training"
    return f"Training and test are at most {100 * (train - test):.1f} points apart ({name})"


def losses(comparison: Comparison, part: str) -> str:
    """Say between which values the losses end; `part` is train or test."""
    names = nicknames(comparison)
    ends = {names[r.recipe]: v for r in comparison.results if math.isfinite(v := r.final(f"{part}_loss").mean)}
    where = "Training" if part == "train" else "Test"
    broken = [r for r in comparison.results if r.diverged]
    words = []
    if ends:
        low, high = min(ends, key=lambda name: ends[name]), max(ends, key=lambda name: ends[name])
        words.append(f"{where} loss ends at {brief(ends[low])} ({low})")
        if ends[high] > ends[low]:
            words[0] = f"{where} loss ends between {brief(ends[low])} ({low}) and {brief(ends[high])} ({high})"
    if broken:
        words.append(f"{_names(broken, names)} {_verb(broken, 'diverge')}")
    return "; ".join(words)


def propagation(comparison: Comparison, figure: str) -> str:
    """Say what becomes of the signal ("std") or the gradient ("gradient_std") through the layers."""
    backwards = figure == "gradient_std"
    what, way = ("gradient", "on its way back") if backwards else ("signal", "from the first hidden layer to the last")
    names = nicknames(comparison)
    factors = {names[r.recipe]: ratio(r.by_layer(figure), backwards) for r in comparison.results}
    factors = {name: factor for name, factor in factors.items() if math.isfinite(factor) and factor > 0}
    if not factors:
        return f"No {what} passes through more than one hidden layer"
    least, most = min(factors, key=lambda n: factors[n]), max(factors, key=lambda n: factors[n])
    if factors[least] >= 0.5 and factors[most] <= 2:
        return f"Every recipe keeps the {what} within a factor of 2 {way}"
    words = []
    if factors[least] < 0.5:
        words.append(f"that of {least} falls {times(factors[least])}")
    if factors[most] > 2:
        words.append(f"that of {most} grows {times(factors[most])}")
    leader = names[Standings(comparison).leader.recipe]
    if leader in factors and leader not in (least, most):
        words.append(f"that of {leader} goes {times(factors[leader])}")
    words[0] = words[0].replace("that", f"the {what}", 1)
    sentence = f"{words[0]} {way}, {listed(words[1:])}" if words[1:] else f"{words[0]} {way}"
    return capital(sentence)


def saturation(comparison: Comparison) -> str:
    """Say how many units are saturated at the start, at most and at least."""
    names = nicknames(comparison)
    shares = {
        names[r.recipe]: max(s.mean for s in layers) for r in comparison.results if (layers := r.by_layer("saturated"))
    }
    shares = {name: share for name, share in shares.items() if math.isfinite(share)}
    if not shares:
        return "What enters the activations"
    usual = {name: usual_saturation(r) for r in comparison.results if (name := names[r.recipe]) in shares}
    full = sorted((name for name in shares if shares[name] > (1 + usual[name]) / 2), key=lambda n: -shares[n])
    rest = [name for name in shares if name not in full]
    if not full:
        most = max(shares, key=lambda n: shares[n])
        if usual[most] > 0.2:  # half of what enters a ReLU lies where it is flat
            return (
                f"Near {percent(usual[most])} of the units start where the activation is flat, as is usual for it "
                f"({most} most, {percent(shares[most])})"
            )
        return f"No recipe starts with more than {percent(shares[most], 1)} of its units saturated ({most})"
    if not rest:
        low, high = shares[full[-1]], shares[full[0]]
        between = percent(low) if percent(low) == percent(high) else f"{percent(low)} to {percent(high)}"
        return f"Every recipe starts with {between} of its units saturated in the fullest layer"
    words = listed([f"{name} with {percent(shares[name])}" for name in full], 3)
    words = words.replace(" with ", " starts with ", 1) + " of its units saturated in the fullest layer"
    leader = names[Standings(comparison).leader.recipe]
    other = leader if leader in rest else min(rest, key=lambda n: shares[n])
    return capital(f"{words}; {other} with {percent(shares[other])}")


def copies(rows: dict[str, tuple[int, int]]) -> str:
    """Say whose rows of first-layer weights are copies; `rows` holds (distinct, all) for each recipe."""
    copied = {name: pair for name, pair in rows.items() if pair[0] < pair[1]}
    if not copied:
        return "No recipe ends with copied units in the first layer"
    alike: dict[tuple[int, int], list[str]] = {}
    for name, pair in copied.items():
        alike.setdefault(pair, []).append(name)
    words = [
        f"{listed(names)} {'ends' if len(names) == 1 else 'end'} with {distinct} of {total} units distinct"
        for (distinct, total), names in alike.items()
    ]
    others = [name for name in rows if name not in copied]
    rest = f"; with {listed(others, 3)} all units differ" if others else ""
    return capital(f"{listed(words, 3)} in the first layer{rest}")


def over_depth(comparison: Comparison) -> str:
    """Say which recipe loses most in depth and which stands it best."""
    depths = sorted({point.depth for point in comparison.sweep})
    names = nicknames(comparison)
    table = {
        (names.get(point.recipe, point.recipe), point.depth): point.test_accuracy.mean for point in comparison.sweep
    }
    shallow, deep = depths[0], depths[-1]
    both = [name for name, depth in table if depth == deep and (name, shallow) in table]
    both = [name for name in both if math.isfinite(table[name, deep]) and math.isfinite(table[name, shallow])]
    if not both or shallow == deep:
        return "Test accuracy by depth"
    top = max(both, key=lambda name: table[name, deep])
    words = f"At {counted(deep, 'hidden layer')} {top} still reaches {percent(table[top, deep])}"
    drop = max(both, key=lambda name: table[name, shallow] - table[name, deep])
    if drop == top or table[drop, shallow] - table[drop, deep] < 0.05:
        return words
    falls = (table[drop, shallow] + table[drop, deep]) / 2
    first = next(d for d in depths if table.get((drop, d), math.inf) < falls)
    return (
        f"{words}; {drop} falls from {percent(table[drop, shallow])} at {shallow} to "
        f"{percent(table[drop, first])} at {first}"
    )


def theory_gap(result: RecipeResult, figure: str, predicted: str) -> tuple[float, int] | None:
    """Return the greatest relative gap between measurement and theory, and the layer (from 1) where it is."""
    if result.prediction is None:
        return None
    pairs = zip(result.by_layer(figure), result.prediction, strict=False)
    gaps = [
        (abs(seen.mean / said - 1), number)
        for number, (seen, one) in enumerate(pairs, 1)
        if (said := getattr(one, predicted)) > 0 and math.isfinite(seen.mean)
    ]
    return max(gaps, default=None)


def _rest(comparison: Comparison, some: list[RecipeResult]) -> list[RecipeResult]:
    return [r for r in comparison.results if r not in some]


def _names(results: list[RecipeResult], names: dict[str, str]) -> str:
    return listed([names[r.recipe] for r in results])


def _epochs(results: list[RecipeResult]) -> str:
    reached = [n for r in results for n in r.epochs_to_goal or ()]
    return span(min(reached), max(reached))


def _verb(subjects: list[RecipeResult], verb: str) -> str:
    third = verb + ("es" if verb.endswith("ch") else "s")
    return third if len(subjects) == 1 else verb


def _accuracy(value: float) -> str:
    return percent(value, 1)
