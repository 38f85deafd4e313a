"""Numbers that a float holds exactly."""

import pytest
from pydantic_core import PydanticCustomError

from sales_assets.feed.numbers import exact


@pytest.mark.parametrize("value", [2**53, -(2**53), 0.5, 1e300, True, "2"])
def test_all_but_large_integers_pass(value: object) -> None:
    assert exact(value) is value


def test_a_float_of_fewer_bits_holds_fewer_integers() -> None:
    assert exact(2**24, bits=24) == 2**24
    with pytest.raises(PydanticCustomError, match=r"up to 2\^24"):
        exact(2**24 + 1, bits=24)


@pytest.mark.parametrize("value", [2**53 + 1, -(2**53) - 1, 10**400])
def test_an_integer_that_a_float_would_change_is_refused(value: int) -> None:
    with pytest.raises(PydanticCustomError, match="holds exactly"):
        exact(value)
