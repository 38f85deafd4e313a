"""1: what the rides API answers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION

revision = "1"
down_revision = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER: sa.Float[float] = sa.REAL().with_variant(DOUBLE_PRECISION(), "postgresql")


def upgrade() -> None:
    """Make the tables of drivers, users and rides."""
    op.create_table(
        "drivers",
        sa.Column("driver_uuid", TEXT, primary_key=True),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("surname", TEXT, nullable=False),
        sa.Column("car_uuid", TEXT, nullable=False),
        sa.Column("effective_from", TEXT, nullable=False),
        sa.Column("expiry_date", TEXT),
        sqlite_strict=True,
    )
    op.create_table(
        "users",
        sa.Column("user_uuid", TEXT, primary_key=True),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("surname", TEXT, nullable=False),
        sa.Column(
            "is_driver", sa.Integer, sa.CheckConstraint("is_driver IN (0, 1)"), nullable=False
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "rides",
        sa.Column("ride_uuid", TEXT, primary_key=True),
        sa.Column("user_uuid", TEXT, sa.ForeignKey("users.user_uuid"), nullable=False),
        sa.Column("driver_uuid", TEXT, sa.ForeignKey("drivers.driver_uuid"), nullable=False),
        sa.Column("distance", NUMBER, nullable=False),
        sa.Column("price", NUMBER, nullable=False),
        sqlite_strict=True,
    )
