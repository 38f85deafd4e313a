"""Dagster's floor: two assets with the partitions of ours that do nothing at all."""

import dagster as dg


class NothingStored(dg.IOManager):
    """Stores nothing and loads 0."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Do nothing."""

    def load_input(self, context: dg.InputContext) -> int:
        """Give 0."""
        return 0


_daily = {
    "partitions_def": dg.DailyPartitionsDefinition("2022-08-09", timezone="UTC"),
    "backfill_policy": dg.BackfillPolicy.single_run(),
}


@dg.asset(**_daily)  # type: ignore[call-overload, untyped-decorator]
def first() -> int:
    """Nothing."""
    return 0


@dg.asset(**_daily)  # type: ignore[call-overload, untyped-decorator]
def second(first: int) -> int:
    """Nothing, after the other one."""
    return 0


defs = dg.Definitions(
    assets=[first, second],
    resources={"io_manager": NothingStored()},
    executor=dg.in_process_executor,
)
