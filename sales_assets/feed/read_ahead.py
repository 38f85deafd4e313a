"""Requesting results ahead of their use, in order or side by side.

The client decides how many requests are under way at a time, and how many results wait to be used.
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

    After n results, up to n more are requested ahead, while the client has room: most sequences are
    short, and requests past their end are wasted.

    Args:
        question: Describes a request; what its result raises is raised here, in its turn.
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
            while asked < (2 * taken if likely else 0):
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
    """Return the results of some questions; an error of the first that fails is raised here."""
    try:
        for question in questions.values():
            question.begin()
        return {number: question.result() for number, question in questions.items()}
    finally:
        for question in questions.values():
            question.drop()
