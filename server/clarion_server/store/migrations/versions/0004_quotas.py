"""Quotas, and the processes that share them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "quota",
        sa.Column("scope", sa.String(32), nullable=False),
        sa.Column("app_id", sa.String(32), nullable=True),
        sa.Column("sends_per_second", sa.Integer(), nullable=True),
        sa.Column("burst", sa.Integer(), nullable=True),
        sa.Column("targets_per_call", sa.Integer(), nullable=True),
        sa.Column("request_size", sa.Integer(), nullable=True),
        sa.Column("streams_per_principal", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("scope", name="pk_quota"),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name="fk_quota_app_id_app", ondelete="CASCADE"),
    )
    state = op.create_table(
        "quota_revision",
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_quota_revision"),
    )
    op.bulk_insert(state, [{"number": 1, "revision": 0}])
    op.create_table(
        "quota_process",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_quota_process"),
    )


def downgrade() -> None:
    for table in ("quota_process", "quota_revision", "quota"):
        op.drop_table(table)
