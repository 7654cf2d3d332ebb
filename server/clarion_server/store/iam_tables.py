"""The tables of identity management. Every change here needs a migration, as in `tables`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlmodel import Field

from clarion_server.store.tables import Table, UtcDateTime


def _number() -> Column[int]:
    # Only INTEGER counts up by itself in SQLite (and has 64 bits there).
    return Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def _owner() -> Column[int]:
    return Column(
        BigInteger().with_variant(Integer, "sqlite"),
        ForeignKey("iam_principal.number", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )


class IamStateRow(Table, table=True):
    """The only row: `revision` grows with every change to any of these tables but the use of access keys."""

    __tablename__ = "iam_state"

    id: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    revision: int = Field(sa_column=Column(BigInteger, nullable=False))


class PrincipalRow(Table, table=True):
    """A user, group or role (`kind`). `name_key` is the name in lower case; `boundary` a policy's key, or empty."""

    __tablename__ = "iam_principal"
    __table_args__ = (
        UniqueConstraint("kind", "name_key", name="uq_iam_principal_kind"),
        {"sqlite_autoincrement": True},
    )

    number: int | None = Field(default=None, sa_column=_number())
    kind: int = Field(sa_column=Column(Integer, nullable=False))
    id: str = Field(sa_column=Column(String(21), nullable=False, unique=True))
    name: str = Field(sa_column=Column(String(128), nullable=False))
    name_key: str = Field(sa_column=Column(String(128), nullable=False))
    description: str = Field(sa_column=Column(Text, nullable=False))
    trust_policy: str = Field(sa_column=Column(Text, nullable=False))
    max_session: int = Field(sa_column=Column(Integer, nullable=False))
    boundary: str = Field(sa_column=Column(String(160), nullable=False, index=True))
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    create_time: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    update_time: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class PrincipalTagRow(Table, table=True):
    """A tag of a user or role."""

    __tablename__ = "iam_principal_tag"

    principal: int = Field(sa_column=_owner())
    key: str = Field(sa_column=Column(String(128), primary_key=True))
    value: str = Field(sa_column=Column(String(256), nullable=False))


class MembershipRow(Table, table=True):
    """A user in a group."""

    __tablename__ = "iam_membership"

    group: int = Field(sa_column=_owner())
    user: int = Field(
        sa_column=Column(
            BigInteger().with_variant(Integer, "sqlite"),
            ForeignKey("iam_principal.number", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
            index=True,
        )
    )


class ManagedPolicyRow(Table, table=True):
    """A managed policy of the account."""

    __tablename__ = "iam_policy"
    __table_args__ = ({"sqlite_autoincrement": True},)

    number: int | None = Field(default=None, sa_column=_number())
    id: str = Field(sa_column=Column(String(21), nullable=False, unique=True))
    name: str = Field(sa_column=Column(String(128), nullable=False))
    name_key: str = Field(sa_column=Column(String(128), nullable=False, unique=True))
    description: str = Field(sa_column=Column(Text, nullable=False))
    document: str = Field(sa_column=Column(Text, nullable=False))
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    create_time: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    update_time: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class AttachmentRow(Table, table=True):
    """A managed policy, by its key, of a principal."""

    __tablename__ = "iam_attachment"

    principal: int = Field(sa_column=_owner())
    policy: str = Field(sa_column=Column(String(160), primary_key=True, index=True))


class InlinePolicyRow(Table, table=True):
    """A policy inside of a principal."""

    __tablename__ = "iam_inline_policy"

    principal: int = Field(sa_column=_owner())
    name: str = Field(sa_column=Column(String(128), primary_key=True))
    document: str = Field(sa_column=Column(Text, nullable=False))


class AccountPolicyRow(Table, table=True):
    """A limit of the whole account, by the number of its kind."""

    __tablename__ = "iam_account_policy"

    kind: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    document: str = Field(sa_column=Column(Text, nullable=False))
    update_time: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class AppPolicyRow(Table, table=True):
    """The resource-based policy of an app."""

    __tablename__ = "iam_app_policy"

    app_id: str = Field(sa_column=Column(String(32), ForeignKey("app.id", ondelete="CASCADE"), primary_key=True))
    document: str = Field(sa_column=Column(Text, nullable=False))
    update_time: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class AccessKeyRow(Table, table=True):
    """An access key of a user. `format` to `ciphertext` are the `SealedSecret`."""

    __tablename__ = "iam_access_key"

    id: str = Field(sa_column=Column(String(20), primary_key=True))
    user: int = Field(
        sa_column=Column(
            BigInteger().with_variant(Integer, "sqlite"),
            ForeignKey("iam_principal.number", ondelete="CASCADE"),
            nullable=False,
            index=True,
        )
    )
    active: bool = Field(sa_column=Column(Boolean, nullable=False))
    create_time: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    last_used_time: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, nullable=True))
    format: int = Field(sa_column=Column(Integer, nullable=False))
    key_id: str = Field(sa_column=Column(Text, nullable=False))
    wrapped_key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    ciphertext: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
