"""Numbers as JSON writes them, and what a float holds of them."""

from typing import TypeVar

from pydantic_core import PydanticCustomError

T = TypeVar("T")

EXACT_INTEGERS = 2**53
"""Up to here a float is every integer; of the larger ones it is only some."""


def exact(value: T) -> T:
    """Refuse an integer that a float would change, before it becomes one.

    Raises:
        PydanticCustomError: It is one.
    """
    if isinstance(value, int) and abs(value) > EXACT_INTEGERS:
        raise PydanticCustomError(
            "inexact", "Input should be a number that a float holds exactly: an integer up to 2^53"
        )
    return value
