"""Identity management: principals, policies, access keys, and the counter of changes to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_MOMENT = sa.DateTime(timezone=True)


def _number(name: str, *, counting: bool = False) -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, nullable=False, autoincrement=counting)


def _principal(table: str, column: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}_iam_principal"
    return sa.ForeignKeyConstraint([column], ["iam_principal.number"], name=name, ondelete="CASCADE")


def _sealed() -> list[sa.Column[object]]:
    return [
        sa.Column("format", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
    ]


def upgrade() -> None:
    state = op.create_table(
        "iam_state",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_iam_state"),
    )
    op.bulk_insert(state, [{"id": 1, "revision": 0}])
    op.create_table(
        "iam_principal",
        _number("number", counting=True),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(21), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("name_key", sa.String(128), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("trust_policy", sa.Text(), nullable=False),
        sa.Column("max_session", sa.Integer(), nullable=False),
        sa.Column("boundary", sa.String(160), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", _MOMENT, nullable=False),
        sa.Column("update_time", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_iam_principal"),
        sa.UniqueConstraint("id", name="uq_iam_principal_id"),
        sa.UniqueConstraint("kind", "name_key", name="uq_iam_principal_kind"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_iam_principal_boundary", "iam_principal", ["boundary"])
    op.create_table(
        "iam_principal_tag",
        _number("principal"),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("value", sa.String(256), nullable=False),
        sa.PrimaryKeyConstraint("principal", "key", name="pk_iam_principal_tag"),
        _principal("iam_principal_tag", "principal"),
    )
    op.create_table(
        "iam_membership",
        _number("group"),
        _number("user"),
        sa.PrimaryKeyConstraint("group", "user", name="pk_iam_membership"),
        _principal("iam_membership", "group"),
        _principal("iam_membership", "user"),
    )
    op.create_index("ix_iam_membership_user", "iam_membership", ["user"])
    op.create_table(
        "iam_policy",
        _number("number", counting=True),
        sa.Column("id", sa.String(21), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("name_key", sa.String(128), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("create_time", _MOMENT, nullable=False),
        sa.Column("update_time", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_iam_policy"),
        sa.UniqueConstraint("id", name="uq_iam_policy_id"),
        sa.UniqueConstraint("name_key", name="uq_iam_policy_name_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "iam_attachment",
        _number("principal"),
        sa.Column("policy", sa.String(160), nullable=False),
        sa.PrimaryKeyConstraint("principal", "policy", name="pk_iam_attachment"),
        _principal("iam_attachment", "principal"),
    )
    op.create_index("ix_iam_attachment_policy", "iam_attachment", ["policy"])
    op.create_table(
        "iam_inline_policy",
        _number("principal"),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("principal", "name", name="pk_iam_inline_policy"),
        _principal("iam_inline_policy", "principal"),
    )
    op.create_table(
        "iam_account_policy",
        sa.Column("kind", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("update_time", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("kind", name="pk_iam_account_policy"),
    )
    op.create_table(
        "iam_app_policy",
        sa.Column("app_id", sa.String(32), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("update_time", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("app_id", name="pk_iam_app_policy"),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name="fk_iam_app_policy_app_id_app", ondelete="CASCADE"),
    )
    op.create_table(
        "iam_access_key",
        sa.Column("id", sa.String(20), nullable=False),
        _number("user"),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("create_time", _MOMENT, nullable=False),
        sa.Column("last_used_time", _MOMENT, nullable=True),
        *_sealed(),
        sa.PrimaryKeyConstraint("id", name="pk_iam_access_key"),
        _principal("iam_access_key", "user"),
    )
    op.create_index("ix_iam_access_key_user", "iam_access_key", ["user"])


def downgrade() -> None:
    for table in (
        "iam_access_key",
        "iam_app_policy",
        "iam_account_policy",
        "iam_inline_policy",
        "iam_attachment",
        "iam_policy",
        "iam_membership",
        "iam_principal_tag",
        "iam_principal",
        "iam_state",
    ):
        op.drop_table(table)
