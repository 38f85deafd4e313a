"""The ride contract."""

import json
from typing import Any

import pytest

from sales_assets.rides.ride import InvalidRideError, read_ride
from sales_assets_tests.helpers.rows import ride_answer


def encoded(answer: Any) -> bytes:
    return json.dumps(answer).encode()


def refused(answer: Any, reason: str) -> None:
    with pytest.raises(InvalidRideError, match=reason):
        read_ride(answer if isinstance(answer, bytes) else encoded(answer))


@pytest.mark.parametrize("distance", [2**53, -(2**53), 1e308, 1e16, 0.1, -0.0, 5e-324])
def test_a_number_that_a_float_holds_comes_back_as_it_is(distance: float) -> None:
    read = read_ride(encoded(ride_answer(distance=distance)))["ride"]["distance"]
    assert (repr(read), type(read)) == (repr(float(distance)), float)


def test_a_driver_may_have_no_expiry_and_unknown_fields_do_no_harm() -> None:
    answer = ride_answer()
    answer["driver"]["expiry_date"] = None
    more = {**answer, "ride": {**answer["ride"], "colour": "red"}, "tip": 1}
    assert read_ride(encoded(more)) == answer


@pytest.mark.parametrize(
    ("part", "field", "value", "reason"),
    [
        ("ride", "distance", "2.5", "valid number"),
        ("ride", "distance", True, "valid number"),
        ("ride", "distance", float("nan"), "finite number"),
        ("ride", "price", float("inf"), "finite number"),
        ("ride", "price", -(2**53) - 1, r"an integer up to 2\^53"),
        pytest.param("ride", "price", 10**4000, "2\\^53", id="a price of 4001 digits"),
        ("ride", "ride_uuid", 7, "valid string"),
        ("ride", "ride_uuid", "", "at least 1 character"),
        ("ride", "driver_uuid", None, "valid string"),
        ("driver", "name", None, "valid string"),
        ("driver", "effective_from", 20200101, "valid string"),
        ("user", "is_driver", "false", "valid boolean"),
        ("user", "is_driver", 0, "valid boolean"),
    ],
)
def test_a_bad_value_is_refused_with_its_place(
    part: str, field: str, value: Any, reason: str
) -> None:
    answer = ride_answer()
    answer[part][field] = value
    refused(answer, rf"^{part}\.{field} = .*: .*{reason}")


@pytest.mark.parametrize("number", ["1e309", "-1e309", "Infinity", "NaN", "1" * 400 + ".0"])
def test_a_float_that_overflows_is_refused(number: str) -> None:
    body = encoded(ride_answer()).replace(b"2.5", number.encode())
    refused(body, r"ride\.distance.*finite number")


@pytest.mark.parametrize("name", ["distance", "ride_uuid", "name", "ride", "colour"])
def test_a_name_that_comes_twice_is_refused(name: str) -> None:
    body = encoded({**ride_answer(colour="red"), "tip": 10**300}).decode()
    body = body.replace(f'"{name}":', f'"{name}": {{}}, "{name}":', 1)
    if name not in ("ride", "colour"):
        body = body.replace("{}", "0" if name == "distance" else '"x"', 1)
    refused(body.encode(), f'"{name}": the field appears more than once')


@pytest.mark.parametrize("part", ["ride", "driver", "user"])
def test_a_missing_part_or_field_is_refused_with_its_place(part: str) -> None:
    for field in ride_answer()[part]:
        answer = ride_answer()
        del answer[part][field]
        refused(answer, rf"^{part}\.{field}: Field required")
    answer = ride_answer()
    del answer[part]
    refused(answer, f"^{part}: Field required")


@pytest.mark.parametrize("field", ["driver_uuid", "user_uuid"])
def test_a_ride_with_the_driver_or_user_of_another_is_refused(field: str) -> None:
    answer = ride_answer(**{field: "x"})
    refused(answer, f'ride.{field} = "x": .* that of the {field[:-5]}, ')


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"\xff", encoded(ride_answer())[:-1], encoded(ride_answer(ride="\ud800"))],
    ids=ascii,
)
def test_a_body_that_is_not_one_whole_json_object_is_refused(body: bytes) -> None:
    refused(body, r"^\(body\)")
