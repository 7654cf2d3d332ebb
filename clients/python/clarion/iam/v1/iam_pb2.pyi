from clarion.iam.v1 import access_keys_pb2 as _access_keys_pb2
from clarion.iam.v1 import policies_pb2 as _policies_pb2
from clarion.iam.v1 import principals_pb2 as _principals_pb2
from clarion.iam.v1 import sessions_pb2 as _sessions_pb2
from clarion.iam.v1 import simulation_pb2 as _simulation_pb2
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor
