"""What is measured: cases side by side, and the lines of the table that they become."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple


class Comparison(NamedTuple):
    """Some cases to be compared with the first of them, each of which gives a figure."""

    cases: Mapping[str, Callable[[], float]]
    rounds: int
    unit: str = "s"

    def lines(self, name: str, rounds: int | None = None) -> Iterator[str]:
        """Measure the cases in turn, for some rounds; give a line of the table for each."""
        figures: dict[str, list[float]] = {case: [] for case in self.cases}
        for _ in range(rounds or self.rounds):
            for case, measure in self.cases.items():
                figures[case].append(measure())
        first = next(iter(figures.values()))
        for case, values in figures.items():
            median = f"{statistics.median(values):,.4g} {self.unit}"
            ratio = statistics.median(one / base for one, base in zip(values, first, strict=True))
            yield f"| {name} | {case} | {median} | {ratio:.2f} | {len(values)} |"


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
