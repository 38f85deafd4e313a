"""What is measured: cases side by side, and the lines of the table that they become."""

import statistics
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from typing_extensions import Self


class Figure(NamedTuple):
    """One figure of one case: what was measured, and in what unit."""

    value: float
    unit: str = "s"


Case = Callable[[], Figure]


class Benchmark(NamedTuple):
    """Some cases to be compared with the first of them."""

    cases: dict[str, Case]
    rounds: int

    def rows(self, name: str, rounds: int | None = None) -> Iterator["Row"]:
        """Measure the cases in turn, for some rounds; give a line for each."""
        figures: dict[str, list[Figure]] = {case: [] for case in self.cases}
        for _ in range(rounds or self.rounds):
            for case, measure in self.cases.items():
                figures[case].append(measure())
        values = {case: [figure.value for figure in all_of] for case, all_of in figures.items()}
        first = next(iter(values.values()))
        for case, measured in values.items():
            ratios = [one / base for one, base in zip(measured, first, strict=True) if base]
            figure = Figure(statistics.median(measured), figures[case][0].unit)
            ratio = statistics.median(ratios) if ratios else None
            yield Row(name, case, figure, ratio, len(measured))


class Row(NamedTuple):
    """A line of the table: the median of a case, and that of its ratios to the first case."""

    benchmark: str
    case: str
    figure: Figure
    ratio: float | None
    rounds: int

    def __str__(self) -> str:
        """The line as Markdown."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        figure = f"{self.figure.value:,.4g} {self.figure.unit}"
        return f"| {self.benchmark} | {self.case} | {figure} | {ratio} | {self.rounds} |"

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read such a line."""
        benchmark, case, figure, ratio, rounds = (
            cell.strip() for cell in line.strip().strip("|").split("|")
        )
        value, unit = figure.split(" ", 1)
        number = Figure(float(value.replace(",", "")), unit)
        return cls(benchmark, case, number, float(ratio) if ratio else None, int(rounds))


def timed(action: Callable[[], object]) -> Figure:
    """Measure the seconds that something takes."""
    started = time.perf_counter()
    action()
    return Figure(time.perf_counter() - started)
