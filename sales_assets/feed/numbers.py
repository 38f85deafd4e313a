"""Numbers as JSON writes them, and what a float holds of them."""

from typing import TypeVar

from pydantic_core import PydanticCustomError

T = TypeVar("T")


def exact(value: T, bits: int = 53) -> T:
    """Refuse an integer that a float would change, before it becomes one.

    Args:
        value: Anything.
        bits: Up to two to this power a float is every integer; of the larger ones it is only some.

    Raises:
        PydanticCustomError: It is such an integer.
    """
    if isinstance(value, int) and abs(value) > 2**bits:
        raise PydanticCustomError(
            "inexact",
            f"Input should be a number that a float holds exactly: an integer up to 2^{bits}",
        )
    return value
