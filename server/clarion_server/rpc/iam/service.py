"""IamService as a whole."""

from __future__ import annotations

from clarion.iam.v1 import iam_pb2_grpc
from clarion_server.rpc.iam.grants import GrantMethods
from clarion_server.rpc.iam.groups import GroupMethods
from clarion_server.rpc.iam.policies import PolicyMethods
from clarion_server.rpc.iam.roles import RoleMethods
from clarion_server.rpc.iam.sessions import SessionMethods
from clarion_server.rpc.iam.simulation import SimulationMethods
from clarion_server.rpc.iam.users import UserMethods


class IamServicer(
    UserMethods,
    GroupMethods,
    RoleMethods,
    PolicyMethods,
    GrantMethods,
    SessionMethods,
    SimulationMethods,
    iam_pb2_grpc.IamServiceServicer,
):
    """IamService. Errors leave as `ClarionError`; the server's interceptor makes statuses of them."""
