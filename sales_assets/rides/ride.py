"""The ride contract: what a response of the rides API must contain.

A response is validated straight from its bytes, and nothing is ever coerced. `checks` judges
whether a distance makes sense; what is stored is what the API sent.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from sales_assets.feed.columns import exact
from sales_assets.http.secrets import shown

Id = Annotated[str, Field(min_length=1)]
Number = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(exact)]


class Ride(TypedDict):
    """One ride: who drove whom, how far and for how much."""

    ride_uuid: Id
    user_uuid: Id
    driver_uuid: Id
    distance: Number
    price: Number


class Driver(TypedDict):
    """A driver at the time of the ride; the dates stay text, and there may be no expiry."""

    driver_uuid: Id
    name: str
    surname: str
    car_uuid: str
    effective_from: str
    expiry_date: str | None


class User(TypedDict):
    """The user who took the ride."""

    user_uuid: Id
    name: str
    surname: str
    is_driver: bool


class RideAnswer(TypedDict):
    """A complete response: a ride with its driver and its user."""

    ride: Ride
    driver: Driver
    user: User


class InvalidRideError(ValueError):
    """A response is not a complete, valid ride; the text names the field, value and reason."""


_answer = TypeAdapter(RideAnswer)


def read_ride(body: bytes) -> RideAnswer:
    """Read the body of a response; unknown fields are left out.

    Raises:
        InvalidRideError: It is not JSON, lacks a field or has one twice, holds a value of the wrong
            type, or comes with another driver or user than the ride's.
    """
    try:
        answer = _answer.validate_json(body, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "(body)"
        value = "" if first["type"] == "missing" else f" = {_shown(first['input'])}"
        raise InvalidRideError(f"{field}{value}: {first['msg']}") from None
    json.loads(body, object_pairs_hook=_refuse_repeated_names, parse_int=str)
    parts: dict[str, Any] = {**answer}
    for part in ("driver", "user"):
        name = f"{part}_uuid"
        own, known = parts["ride"][name], parts[part][name]
        if own != known:
            raise InvalidRideError(
                f"ride.{name} = {_shown(own)}: Input should match that of the {part}, "
                f"{_shown(known)}"
            )
    return answer


def _refuse_repeated_names(pairs: Sequence[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidRideError(f"{_shown(twice)}: the field appears more than once")


def _shown(value: object) -> str:
    return shown(json.dumps(value, default=str))
