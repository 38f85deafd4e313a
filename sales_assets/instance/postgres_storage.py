"""Dagster's storages in Postgres, with connections that are used again.

Dagster's own make a connection for each statement, so that a process with many instances holds
none. A run of ten days made 190 of them, which took Postgres eight times the processor that the
statements did. Here all storages of a process share one pool, however many instances it makes: a
single connection stays, and more come and go while threads need them at the same time.

The tables stay Dagster's own.
"""

import functools
import os
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._config.config_schema import UserConfigSchema
from dagster._serdes import ConfigurableClassData
from dagster_postgres import PostgresRunStorage, PostgresScheduleStorage
from dagster_postgres.utils import create_pg_engine
from sqlalchemy import Engine
from typing_extensions import Self

_SECONDS_UNHEARD = 120
"""For how long the server may leave a connection unanswered; a new one is given about as long."""


class PooledStorage:
    """Has a storage of Dagster take its connections from the pool of its process."""

    _engine: Engine

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Make the storage that this is mixed into, and give it the pool."""
        super().__init__(postgres_url, inst_data=inst_data)  # type: ignore[call-arg]
        self._engine = _pool(postgres_url)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Make it from its part of `dagster.yaml`; Dagster's own makes one of its own class."""
        return cls(config_value["postgres_url"], inst_data=inst_data)

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """The address is all there is to say."""
        return {"postgres_url": dg.Field(dg.StringSource)}


class PooledPostgresRunStorage(PooledStorage, PostgresRunStorage):
    """Dagster's runs in Postgres."""


class PooledPostgresScheduleStorage(PooledStorage, PostgresScheduleStorage):
    """Dagster's ticks of schedules and sensors in Postgres."""


@functools.cache
def _pool(postgres_url: str) -> Engine:
    engine: Engine = create_pg_engine(
        postgres_url,
        isolation_level="AUTOCOMMIT",
        pool_size=1,
        max_overflow=-1,
        # One that Postgres has closed since, as when it was restarted, is made anew.
        pool_pre_ping=True,
        connect_args={"tcp_user_timeout": _SECONDS_UNHEARD * 1000},
    )
    # A connection cannot be used by two processes.
    os.register_at_fork(after_in_child=functools.partial(engine.dispose, close=False))
    return engine
