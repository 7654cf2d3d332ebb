"""Identity management: users, groups, roles, policies, access keys. Its clients: `Client.iam` and `AsyncClient.iam`.

Messages of the API are the generated classes of `clarion.iam.v1`.
"""

from clarion.iam.aio import AsyncIam
from clarion.iam.client import Iam
from clarion.iam.requests import AccountPolicyKind, AnyPrincipal, Document, principal, simulation_context

__all__ = [
    "AccountPolicyKind",
    "AnyPrincipal",
    "AsyncIam",
    "Document",
    "Iam",
    "principal",
    "simulation_context",
]
