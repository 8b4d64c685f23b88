"""Purposes: what each kernel is for in its model, read from where its signal comes from and what becomes of its result.

q, k, v, o                  of attention, by the operands of its products
gate, up, down              of an MLP in a branch or with a gate; "expert gate" and so on where a router chooses
router                      its shares weigh what others make, or the largest of them choose
adapter A, adapter B        a low-rank update beside a kernel of the same signal
head                        its result is what the model returns, but for a softmax, a mean or a bias
shortcut                    projects a stream beside a branch; so does a scale after it
residual                    the last kernel of any other branch
output bias                 what is added to the result of a head
"""

from collections.abc import Container, Iterable, Iterator, Mapping

from glorot.graph.curves import recognised
from glorot.graph.folding import Folded
from glorot.graph.graph import Step
from glorot.graph.operations import Contract, Map, Opaque, Reduce, Take
from glorot.inventory.attending import role_in
from glorot.inventory.meetings import Met, before_kernels, features, is_dense, met_in, shares_last_axis
from glorot.inventory.parts import Part
from glorot.inventory.walking import before, between, cone, is_nearly_affine, signals_of, weighs

SAME_SIGNAL = ("move", "affine", "dropout", "normalised", "centred", "extreme", "join")
"""What leaves the result of a kernel what it is, for its purpose."""

CHOSEN = tuple(kind for kind in SAME_SIGNAL if kind != "extreme")
"""What leaves shares one for each expert; the largest of several classes is the score of a place."""

READ_OUT = {"identity", "sigmoid", "log_sigmoid", "softplus"}
"""Functions between a head and what its model returns."""

NAMED = ("q", "k", "v", "gate", "up")
"""The pieces of fused kernels that are called after what they are for."""

CHOOSING = ("topk", "top_k", "sort")
"""Parts of the names of steps that choose by size."""


def purposes_of(folded: Folded, ends: Container[str], shortcuts: Iterable[str] = ()) -> dict[str, str]:
    """Return what each kernel of a graph is for, by its path, as far as the graph shows it.

    Args:
        folded: the graph.
        ends: the paths that end residual branches.
        shortcuts: the paths that project a stream beside them.
    """
    return {**_Reader(folded, ends).read(), **dict.fromkeys(shortcuts, "shortcut")}


def purpose_of(purposes: Mapping[str, str], part: Part) -> str:
    """Return what a part is for; a piece of a fused kernel may be called after it.

    Args:
        purposes: those of the kernels, by their paths, and of pieces that are told by themselves, by their names.
        part: the part.
    """
    whole, piece = purposes.get(part.path, ""), part.name.removeprefix(part.path).strip("[]")
    if part.role == "kernel" and piece in NAMED:
        return f"expert {piece}" if whole.startswith("expert") else piece
    return purposes.get(part.name, whole)


class _Reader:
    """Asks the graph of a model kernel by kernel."""

    def __init__(self, folded: Folded, ends: Container[str]) -> None:
        self.folded, self.ends = folded, ends
        self.kernels = list(met_in(folded))
        self.by_result = {kernel.result: kernel for kernel in self.kernels}
        self.leading = before_kernels(folded)
        self.gated: set[str] = set()  # the kernels on either side of a gated product
        self.found: dict[str, str] = {}

    def read(self) -> dict[str, str]:
        """Return the purposes: what is told by one kernel alone, then what other kernels tell."""
        for kernel in self.kernels:
            alone = self._alone(kernel)
            if alone:
                self.found.setdefault(kernel.path, alone)
        for kernel in self.kernels:
            self._adapter(kernel)
            self._down(kernel)
        for kernel in self.kernels:
            if self.found.get(kernel.path) == "router":
                self._experts(kernel)
        for kernel in self.kernels:
            if kernel.path in self.ends:
                self.found.setdefault(kernel.path, "residual")
        return {**self.found, **dict.fromkeys(self._output_biases(), "output bias")}

    def _alone(self, kernel: Met) -> str:
        if self._is_head(kernel):
            return "head"
        if self._is_router(kernel):
            return "router"
        roles = set(self._meetings(kernel.result))
        attention = roles - {"kernel"} if "q" in roles else roles  # q also meets kernels made of positions
        if len(attention) == 1 and attention <= {"q", "k", "v"}:
            return attention.pop()
        if self._takes_attention(kernel.signal):
            return "o"
        self.gated |= {kernel.path} if roles & {"gate", "up", "gated"} else set()
        return roles.pop() if len(roles) == 1 and roles <= {"gate", "up"} else ""

    def _output_biases(self) -> Iterator[str]:
        for path, uses in self.folded.uses.items():
            for use in uses:
                signal = self.folded.signal_beside(use) if use.role in ("shift", "bias") else None
                maker = None if signal is None else self.by_result.get(self.folded.back(signal))
                if maker is not None and self.found.get(maker.path) == "head":
                    yield path

    # ---- what becomes of a result ------------------------------------------------------------------------------------

    def _after(self, value: int, through: tuple[str, ...]) -> Iterator[tuple[Step, int, bool]]:
        """Follow a value on, and return each step that takes it, with the operand and whether it goes on."""
        folded, reached, waiting = self.folded, {value}, [value]
        while waiting:
            at = waiting.pop()
            for position, operand in folded.users[at]:
                step = folded.graph.steps[position]
                source = folded.source.get(step.result)
                if source is None or (isinstance(step.operation, Reduce) and folded.is_statistic(step.result)):
                    continue
                is_own = folded.kind.get(source) in ("sum", "product") and reached.issuperset(folded.data_of(step))
                goes_on = source in reached or is_own or folded.kind.get(step.result) in through
                yield step, operand, goes_on
                if goes_on and step.result not in reached:
                    reached.add(step.result)
                    waiting.append(step.result)

    def _meetings(self, result: int) -> Iterator[str]:
        """Return what a result is for where it meets other signals."""
        folded = self.folded
        for step, operand, goes_on in self._after(result, SAME_SIGNAL):
            if isinstance(step.operation, Contract) and not goes_on:
                role = role_in(folded, step.operation, step, operand)
                yield "signal" if role == "v" and not self._attends(step.operands[1 - operand]) else role
            elif folded.kind.get(step.result) == "product" and step.operation == Map("mul"):
                others = [value for value in folded.data_of(step) if value != step.operands[operand]]
                if len(others) == 1 and self._is_made(others[0]):
                    yield self._gate(step.operands[operand], others[0])

    def _is_made(self, value: int) -> bool:
        """Tell whether a factor is made of a kernel's result, element by element, and not one share for many."""
        at: int | None = value
        while at is not None and self.folded.kind.get(at) != "kernel":
            at = before(self.folded, at)
        return at is not None and self.folded.graph.shape(value)[-1:] != (1,)

    def _gate(self, own: int, other: int) -> str:
        """Return which side of a gated product a factor is: of two functions the sigmoid is the gate."""
        bent, other_bent = self._bent(own), self._bent(other)
        if "softplus" in (bent, other_bent):  # a step of a state space
            return "signal"
        if bool(bent) != bool(other_bent):
            return "gate" if bent else "up"
        if (bent == "sigmoid") != (other_bent == "sigmoid"):
            return "gate" if bent == "sigmoid" else "up"
        return "gated"

    def _bent(self, value: int) -> str:
        """Return the name of the function by which a factor was made; "" of one that was only moved and scaled."""
        at: int | None = value
        while at is not None and self.folded.kind.get(at) != "kernel":
            source = self.folded.source[at]
            if source != at:
                match = recognised(self.folded.curve(at, source))
                if not is_nearly_affine(self.folded, at):
                    return "a function" if match is None else match.text.rpartition("·")[2]
            at = before(self.folded, at)
        return ""

    # ---- attention ---------------------------------------------------------------------------------------------------

    def _back(self, value: int, through: tuple[str, ...]) -> Iterator[int]:
        """Return the values that a value is made of, back to those that other signals are contracted in."""
        reached, waiting = {value}, [value]
        while waiting:
            at = waiting.pop()
            yield at
            one = before(self.folded, at)
            several = signals_of(self.folded, at) if self.folded.kind.get(at) in through else []
            for operand in several if one is None else [one]:
                if operand not in reached:
                    reached.add(operand)
                    waiting.append(operand)

    def _attends(self, shares: int) -> bool:
        """Tell whether shares are a softmax of products of two signals, as in attention."""
        folded = self.folded
        softmax = folded.back(shares)
        if folded.kind[softmax] != "softmax":
            return False
        logits = signals_of(folded, softmax)
        through = ("sum", "join", "mix", "product", "softmax")
        made = (at for value in logits for at in self._back(value, through))
        return any(folded.kind.get(at) == "interaction" for at in made)

    def _takes_attention(self, signal: int) -> bool:
        """Tell whether a signal is what attention returns, gated or normalised as it may be."""
        for at in self._back(signal, ("product", "join")):
            if self.folded.kind.get(at) == "interaction":
                return any(self._attends(operand) for operand in signals_of(self.folded, at))
        return False

    # ---- heads and routers -------------------------------------------------------------------------------------------

    def _is_head(self, kernel: Met) -> bool:
        """Tell whether a result is what the model returns, or leads there by what reads it out."""
        folded = self.folded
        if kernel.result in self.leading or kernel.path in self.ends:
            return False
        through = (*SAME_SIGNAL, "softmax", "mean", "sum")
        is_normed = False
        for step, _, goes_on in self._after(kernel.result, through):
            is_normed |= folded.kind.get(step.result) == "normalised"
            is_scaled = any(max(folded.graph.shape(v), default=1) > 1 for v in step.operands if v in folded.parameters)
            if is_normed and is_scaled:  # the norm at the end of a model that returns its hidden states
                return False
            is_compared = any(not folded.has_kernel(value) for value in folded.data_of(step))
            if not goes_on and not (is_normed or is_compared or isinstance(step.operation, Opaque)):
                return False
            if goes_on and folded.source[step.result] != step.result and not self._reads_out(step.result):
                return False
        return True

    def _reads_out(self, value: int) -> bool:
        """Tell whether a function of a signal is on its way to another one, or such as ends a model."""
        folded, source = self.folded, self.folded.source[value]
        users = [folded.graph.steps[position].result for position, _ in folded.users[value]]
        within = ("softmax", "normalised")
        others = [user for user in users if folded.source.get(user) != source and not folded.is_statistic(user)]
        if users and all(folded.kind.get(user) in within for user in others):
            return True
        match = recognised(folded.curve(value, source))
        if match is not None and match.text.rpartition("·")[2] in READ_OUT:
            return True
        return is_nearly_affine(folded, value)

    def _is_router(self, kernel: Met) -> bool:
        """Tell whether the shares that a kernel makes weigh or choose what other kernels make."""
        folded = self.folded
        outputs = folded.graph.shape(kernel.result)[-1:]
        is_share = False
        for step, operand, goes_on in self._after(kernel.result, (*CHOSEN, "softmax")):
            is_chosen = isinstance(step.operation, Opaque) and any(word in step.operation.name for word in CHOOSING)
            is_sorted = isinstance(step.operation, Take) and step.operation.index is None and len(step.operands) == 1
            if is_chosen or is_sorted:
                return kernel.result in self.leading
            own = step.operands[operand]
            if folded.kind.get(step.result) == "softmax":
                is_share |= folded.graph.shape(own)[-1:] == outputs and shares_last_axis(folded, step)
            if goes_on or not is_share or outputs == (1,):
                continue
            others = [value for value in folded.data_of(step) if value != own]
            if weighs(folded, own) and len(others) == 1 and folded.has_kernel(others[0]):
                return folded.graph.shape(own) != folded.graph.shape(others[0])
        return False

    def _experts(self, router: Met) -> None:
        """Name the kernels between what a router sees and what its shares weigh; or after it, if they weigh that."""
        folded = self.folded
        weighed: list[int] = []
        products: list[int] = []
        for step, operand, goes_on in self._after(router.result, (*CHOSEN, "softmax", "mean")):
            if not goes_on and folded.kind.get(step.result) in ("product", "interaction"):
                weighed += [value for value in folded.data_of(step) if value != step.operands[operand]]
                products.append(step.result)
        for anchor in self._back(router.signal, ()):
            inside = between(folded, anchor, sorted(cone(folded, weighed, anchor)))
            if self._name_experts(inside):
                return
        if any(folded.back(value) == folded.back(router.signal) for value in weighed):
            self._name_experts(self._up_to_merge(products))

    def _name_experts(self, values: Iterable[int]) -> bool:
        """Name the kernels among some values after the experts that they are of; tell whether there are any."""
        paths = [self.by_result[value].path for value in values if value in self.by_result]
        experts = [path for path in paths if self.found.get(path) != "router"]
        for path in experts:
            alone = self.found.get(path, "").removeprefix("expert").strip()
            self.found[path] = f"expert {alone}".strip()
        return bool(experts)

    def _up_to_merge(self, values: list[int]) -> set[int]:
        """Return what is made of some values, up to where it is summed."""
        folded, reached, waiting = self.folded, set(values), [*values]
        while waiting:
            for position, _ in folded.users[waiting.pop()]:
                result = folded.graph.steps[position].result
                is_summed = folded.kind.get(result) in ("sum", "mean", "interaction")
                if result in folded.source and result not in reached and not is_summed:
                    reached.add(result)
                    waiting.append(result)
        return reached

    # ---- what other kernels tell -------------------------------------------------------------------------------------

    def _adapter(self, kernel: Met) -> None:
        """Name two kernels in a row through a narrow middle, beside another kernel of the same signal."""
        folded = self.folded
        first = self._kernel_before(kernel.signal, is_bent=False)
        if first is None or not isinstance(kernel.step.operation, type(first.step.operation)):
            return
        steps = ((first.step, first.signal), (first.step, first.result), (kernel.step, kernel.result))
        inputs, middle, outputs = (features(folded.graph, *one) for one in steps)
        if not 0 < middle < min(inputs, outputs):
            return
        signal = folded.back(first.signal)
        for step, _, _ in self._after(kernel.result, ("move", "affine", "dropout")):
            if folded.kind.get(step.result) != "sum":
                continue
            beside = [self._kernel_before(value, is_bent=False) for value in folded.data_of(step)]
            if any(one is not None and one != kernel and folded.back(one.signal) == signal for one in beside):
                self.found[first.path], self.found[kernel.path] = "adapter A", "adapter B"

    def _kernel_before(self, value: int, is_bent: bool) -> Met | None:
        """Return the kernel that a value is made of, whether or not through a function; None if there is none."""
        if bool(self._bent(value)) != is_bent:
            return None
        at: int | None = value
        while at is not None and at not in self.by_result:
            at = before(self.folded, at)
        return None if at is None else self.by_result[at]

    def _down(self, kernel: Met) -> None:
        """Name the last kernel of an MLP, and the first one of an MLP without a gate."""
        if kernel.path in self.found or not is_dense(kernel.step):
            return
        folded, at = self.folded, kernel.signal
        made = next((v for v in self._back(at, ()) if folded.kind.get(v) in ("product", "kernel")), None)
        if made is not None and folded.kind.get(made) == "product":
            factors = [self._kernel_of(value) for value in signals_of(folded, made)]
            if any(one is not None and one.path in self.gated for one in factors):
                self.found[kernel.path] = "down"
            return
        first = self._kernel_before(at, is_bent=True)
        if first is not None and kernel.path in self.ends and is_dense(first.step):
            self.found[kernel.path] = "down"
            self.found.setdefault(first.path, "up")

    def _kernel_of(self, value: int) -> Met | None:
        return next((self.by_result[at] for at in self._back(value, ()) if at in self.by_result), None)
