"""Dagster's floor: two assets with the partitions of ours that do nothing at all."""

from typing import Any

import dagster as dg


class _NothingStored(dg.IOManager):
    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        pass

    def load_input(self, context: dg.InputContext) -> int:
        return 0


_daily: dict[str, Any] = {
    "partitions_def": dg.DailyPartitionsDefinition("2022-08-09", timezone="UTC"),
    "backfill_policy": dg.BackfillPolicy.single_run(),
}


@dg.asset(**_daily)  # type: ignore[untyped-decorator]
def first() -> int:
    return 0


@dg.asset(**_daily)  # type: ignore[untyped-decorator]
def second(first: int) -> int:
    return 0


defs = dg.Definitions(
    assets=[first, second],
    resources={"io_manager": _NothingStored()},
    executor=dg.in_process_executor,
)
