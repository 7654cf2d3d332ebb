"""The tables of quotas."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, String
from sqlmodel import Field

from clarion_server.store.tables import Table


class QuotaRow(Table, table=True):
    """Quotas of an app, or of the account, whose scope is empty. What is null is not set."""

    __tablename__ = "quota"

    scope: str = Field(sa_column=Column(String(32), primary_key=True))
    app_id: str | None = Field(
        default=None, sa_column=Column(String(32), ForeignKey("app.id", ondelete="CASCADE"), nullable=True)
    )
    sends_per_second: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    burst: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    targets_per_call: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    request_size: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    streams_per_principal: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))


class QuotaRevisionRow(Table, table=True):
    """One row, whose revision grows with every change of a quota: what other processes look at."""

    __tablename__ = "quota_revision"

    number: int = Field(default=1, sa_column=Column(Integer, primary_key=True, autoincrement=False))
    revision: int = Field(sa_column=Column(BigInteger, nullable=False))


class QuotaProcessRow(Table, table=True):
    """A process that shares the quotas. `beat` grows with every sign of life."""

    __tablename__ = "quota_process"

    id: str = Field(sa_column=Column(String(32), primary_key=True))
    beat: int = Field(sa_column=Column(BigInteger, nullable=False))
    active: bool = Field(sa_column=Column(Boolean, nullable=False))
