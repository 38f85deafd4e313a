"""Requesting results ahead of their use, in order or side by side.

The client limits the requests in flight and the results that wait to be used.
"""

from collections import deque
from collections.abc import Callable, Generator, Mapping
from typing import TypeVar

from sales_assets.http.client import Question

T = TypeVar("T")


def in_order(
    question: Callable[[int], Question[T]], goes_on: Callable[[T], bool]
) -> Generator[T, None, None]:
    """Yield the results of `question(1)`, `question(2)` and so on, without end.

    After n results, up to n - 1 more are requested ahead, as the client allows: most sequences are
    short, and requests past their end are wasted.

    Args:
        question: Describes a request; an error of its result is raised here, in order.
        goes_on: Whether more results are likely after this one. If not, only the next is requested.
    """
    ahead: deque[Question[T]] = deque()
    asked = taken = 0
    likely = True
    try:
        while True:
            if not ahead:
                asked += 1
                ahead.append(question(asked))
            ahead[0].begin()
            while asked < (2 * taken - 1 if likely else 0):
                following = question(asked + 1)
                if not following.begin_ahead():
                    break
                ahead.append(following)
                asked += 1
            result = ahead[0].result()
            ahead.popleft()
            taken += 1
            likely = goes_on(result)
            yield result
    finally:
        for unwanted in ahead:
            unwanted.drop()


def side_by_side(questions: Mapping[int, Question[T]]) -> dict[int, T]:
    """Return the results of concurrent requests; raise the error of the first that fails."""
    try:
        for question in questions.values():
            question.begin()
        return {number: question.result() for number, question in questions.items()}
    finally:
        for question in questions.values():
            question.drop()
