"""The tables. Every change here needs a migration in `migrations/versions`; a test compares the two."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
)
from sqlmodel import Field, SQLModel


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, always in UTC. SQLite keeps no time zones, so what it returns gets UTC back here."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Convert to UTC, and refuse what does not say where it is."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without time zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return the moment in UTC."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Table(SQLModel):
    """Base of all tables: names for constraints, so that later migrations can address them."""

    # Rows are not validated, so Pydantic need not prepare for it when the server starts.
    model_config = {"defer_build": True}
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class AppRow(Table, table=True):
    """An app. `number` gives the order in which apps were made, and is never used twice."""

    __tablename__ = "app"
    __table_args__ = ({"sqlite_autoincrement": True},)

    number: int | None = Field(
        default=None,
        # Only INTEGER counts up by itself in SQLite (and has 64 bits there).
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    )
    id: str = Field(sa_column=Column(String(32), nullable=False, unique=True))
    name: str = Field(sa_column=Column(String(64), nullable=False))
    channels_revision: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    create_time: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    update_time: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class AppTagRow(Table, table=True):
    """A tag of an app."""

    __tablename__ = "app_tag"

    app_id: str = Field(sa_column=Column(String(32), ForeignKey("app.id", ondelete="CASCADE"), primary_key=True))
    key: str = Field(sa_column=Column(String(128), primary_key=True))
    value: str = Field(sa_column=Column(String(256), nullable=False))


class ChannelRow(Table, table=True):
    """A channel of an app. `config` is a `clarion.v1.Channel` as JSON in which only the config is set."""

    __tablename__ = "channel"

    app_id: str = Field(sa_column=Column(String(32), ForeignKey("app.id", ondelete="CASCADE"), primary_key=True))
    type: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    enabled: bool = Field(sa_column=Column(Boolean, nullable=False))
    config: str = Field(sa_column=Column(Text, nullable=False))
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    create_time: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    update_time: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    updated_by: str = Field(sa_column=Column(Text, nullable=False))


class ChannelCredentialRow(Table, table=True):
    """A credential of a channel. `format` to `ciphertext` are the `SealedSecret`; the rest is no secret."""

    __tablename__ = "channel_credential"
    __table_args__ = (
        ForeignKeyConstraint(["app_id", "channel_type"], ["channel.app_id", "channel.type"], ondelete="CASCADE"),
    )

    app_id: str = Field(sa_column=Column(String(32), primary_key=True))
    channel_type: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    kind: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    public_id: str = Field(sa_column=Column(Text, nullable=False))
    fingerprint: str = Field(sa_column=Column(String(64), nullable=False))
    expire_time: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, nullable=True))
    team_id: str = Field(sa_column=Column(Text, nullable=False))
    update_time: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    format: int = Field(sa_column=Column(Integer, nullable=False))
    key_id: str = Field(sa_column=Column(Text, nullable=False))
    wrapped_key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    ciphertext: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class AuditEventRow(Table, table=True):
    """An audit record. `parameters` and `counts` are JSON objects; `number` tells records of the same time apart."""

    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_audit_event_time", "time", "number"), {"sqlite_autoincrement": True})

    number: int | None = Field(
        default=None,
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    )
    id: str = Field(sa_column=Column(String(32), nullable=False, unique=True))
    time: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    principal: str = Field(sa_column=Column(Text, nullable=False))
    account: str = Field(sa_column=Column(Text, nullable=False))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    name: str = Field(sa_column=Column(Text, nullable=False))
    session_name: str = Field(sa_column=Column(Text, nullable=False))
    credential: str = Field(sa_column=Column(Text, nullable=False))
    credential_id: str = Field(sa_column=Column(Text, nullable=False))
    source: str = Field(sa_column=Column(Text, nullable=False))
    user_agent: str = Field(sa_column=Column(Text, nullable=False))
    action: str = Field(sa_column=Column(Text, nullable=False))
    method: str = Field(sa_column=Column(Text, nullable=False))
    resource: str = Field(sa_column=Column(Text, nullable=False))
    app_id: str = Field(sa_column=Column(Text, nullable=False))
    parameters: str = Field(sa_column=Column(Text, nullable=False))
    outcome: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    counts: str = Field(sa_column=Column(Text, nullable=False))
    duration: float = Field(sa_column=Column(Float, nullable=False))


class AuditRetentionRow(Table, table=True):
    """The only row says from which time on audit records may not be removed."""

    __tablename__ = "audit_retention"

    id: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    keep_from: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
