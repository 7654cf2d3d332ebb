"""IamService: converts and checks; `clarion_server.access.iam` and its store do the work."""

from __future__ import annotations

from clarion_server.rpc.iam.parts import CallerOf, IamParts
from clarion_server.rpc.iam.service import IamServicer

__all__ = ["CallerOf", "IamParts", "IamServicer"]
