"""The processes of one launch: what they send each other, and how one lets the others follow its draws."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch.distributed as dist
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Case = TypeVar("Case")


@dataclass(frozen=True)
class World:
    """This process among the others.

    Attributes:
        rank: its number.
        size: how many there are.
        examples: how many cases a property draws.
    """

    rank: int
    size: int
    examples: int

    def failures_of(self, run: Callable[[], None]) -> list[str]:
        """Run something in every process, and return in each what went wrong in any."""
        try:
            run()
            own = ""
        except Exception:
            own = f"rank {self.rank}: {traceback.format_exc()}"
        every: list[str] = [""] * self.size
        dist.all_gather_object(every, own)
        return [one for one in every if one]

    def each_case(self, cases: st.SearchStrategy[Case], run: Callable[[Case], None]) -> None:
        """Let rank 0 draw cases by hypothesis, and every process run each of them.

        Raises:
            AssertionError: in rank 0, of the smallest case that fails in any process.
        """
        if self.rank:
            while (case := self._received()) is not None:
                self.failures_of(lambda case=case: run(case))  # type: ignore[misc]
            return

        @settings(max_examples=self.examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(cases)
        def check(case: Case) -> None:
            dist.broadcast_object_list([case])
            failed = self.failures_of(lambda: run(case))
            assert not failed, "\n".join(failed)

        try:
            check()
        finally:
            dist.broadcast_object_list([None])

    def _received(self) -> Any:
        told = [None]
        dist.broadcast_object_list(told)
        return told[0]
