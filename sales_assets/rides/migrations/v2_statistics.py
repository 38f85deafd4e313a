"""2: what is computed of the rides."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION

revision = "2"
down_revision = "1"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER: sa.Float[float] = sa.REAL().with_variant(DOUBLE_PRECISION(), "postgresql")


def upgrade() -> None:
    """Make the table of statistics."""
    op.create_table(
        "driver_statistics",
        sa.Column("driver_uuid", TEXT, primary_key=True),
        sa.Column("total_distance", NUMBER, nullable=False),
        sa.Column("rides", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("total_price", NUMBER, nullable=False),
        sa.Column("average_distance", NUMBER, nullable=False),
        sa.Column("updated_at", TEXT, nullable=False),
        sqlite_strict=True,
    )
    # Holds all that the sums need, and sets the order of the summands: a sum of floats depends
    # on it, and so does not depend on the order in which the rides came.
    op.create_index("rides_by_driver", "rides", ["driver_uuid", "distance", "price"])
