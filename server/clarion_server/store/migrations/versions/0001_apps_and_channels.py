"""Apps, their tags, channels and sealed credentials."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "app",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, autoincrement=True),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("channels_revision", sa.BigInteger(), nullable=False),
        sa.Column("create_time", moment, nullable=False),
        sa.Column("update_time", moment, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_app"),
        sa.UniqueConstraint("id", name="uq_app_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "app_tag",
        sa.Column("app_id", sa.String(32), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("value", sa.String(256), nullable=False),
        sa.PrimaryKeyConstraint("app_id", "key", name="pk_app_tag"),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name="fk_app_tag_app_id_app", ondelete="CASCADE"),
    )
    op.create_table(
        "channel",
        sa.Column("app_id", sa.String(32), nullable=False),
        sa.Column("type", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", moment, nullable=False),
        sa.Column("update_time", moment, nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("app_id", "type", name="pk_channel"),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name="fk_channel_app_id_app", ondelete="CASCADE"),
    )
    op.create_table(
        "channel_credential",
        sa.Column("app_id", sa.String(32), nullable=False),
        sa.Column("channel_type", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("kind", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("expire_time", moment, nullable=True),
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("update_time", moment, nullable=False),
        sa.Column("format", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("app_id", "channel_type", "kind", name="pk_channel_credential"),
        sa.ForeignKeyConstraint(
            ["app_id", "channel_type"],
            ["channel.app_id", "channel.type"],
            name="fk_channel_credential_app_id_channel",
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    for table in ("channel_credential", "channel", "app_tag", "app"):
        op.drop_table(table)
