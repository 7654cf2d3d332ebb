"""Python client for Clarion, the self-hosted push gateway.

::

    import clarion

    with clarion.Client("127.0.0.1:8080") as client:
        app = client.create_app("Shop")
        key = clarion.ApnsKey.from_file("AuthKey_ABC123DEFG.p8", key_id="ABC123DEFG", team_id="DEF123GHIJ")
        client.update_channel(app.id, clarion.apns_channel("APNS", bundle_id="com.example.shop", key=key))
        message = clarion.message(title="Sale", body="Everything must go")
        for result in client.send(app.id, message, [("9f86d081…", "APNS")]):
            print(result)

`AsyncClient` is the same for asyncio. Messages of the API are the generated classes of `clarion.v1`.
"""

from clarion.aio import AsyncClient, AsyncSend
from clarion.client import Client, Send
from clarion.credentials import (
    ApnsCertificate,
    ApnsKey,
    FcmServiceAccount,
    adm_channel,
    apns_channel,
    baidu_channel,
    channel_settings,
    fcm_channel,
)
from clarion.errors import (
    AccessDenied,
    Cancelled,
    ClarionError,
    Conflict,
    DeadlineExceeded,
    FieldViolation,
    IncompleteSend,
    InvalidRequest,
    LimitExceeded,
    NotFound,
    PreconditionFailed,
    ServerFault,
    Unavailable,
)
from clarion.messages import (
    channel_type,
    message,
    message_from_json,
    request_from_json,
    target,
    target_from_json,
)

__all__ = [
    "AccessDenied",
    "ApnsCertificate",
    "ApnsKey",
    "AsyncClient",
    "AsyncSend",
    "Cancelled",
    "ClarionError",
    "Client",
    "Conflict",
    "DeadlineExceeded",
    "FcmServiceAccount",
    "FieldViolation",
    "IncompleteSend",
    "InvalidRequest",
    "LimitExceeded",
    "NotFound",
    "PreconditionFailed",
    "Send",
    "ServerFault",
    "Unavailable",
    "adm_channel",
    "apns_channel",
    "baidu_channel",
    "channel_settings",
    "channel_type",
    "fcm_channel",
    "message",
    "message_from_json",
    "request_from_json",
    "target",
    "target_from_json",
]
