"""Celery's way to Redis, which drops what is not a message of Celery.

Its own ends the worker that comes across one.
"""

import logging
from typing import Any

from kombu.transport import redis

_logger = logging.getLogger(__name__)


class Channel(redis.Channel):
    """Takes messages out of Redis."""

    def _brpop_read(self, **options: Any) -> bool:
        try:
            return bool(super()._brpop_read(**options))  # type: ignore[no-untyped-call]
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            _logger.error("dropped what is not a message: %r", error)
            return True


class Transport(redis.Transport):
    """Celery's own, with the channel above."""

    Channel = Channel
