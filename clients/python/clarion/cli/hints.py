"""What helps against each reason that a target may fail for, in a few words. Long form: the server's docs/errors.md."""

from __future__ import annotations

from clarion.v1 import error_pb2 as e

HINTS: dict[int, str] = {
    e.ERROR_REASON_APP_NOT_FOUND: "the app was removed during the send",
    e.ERROR_REASON_CHANNEL_NOT_FOUND: "create the channel: clarion channels set-…",
    e.ERROR_REASON_SHUTTING_DOWN: "the server stopped: send again to these",
    e.ERROR_REASON_INTERNAL: "a fault in Clarion: see the server's log, report it",
    e.ERROR_REASON_JSON_INVALID: "mend the raw content",
    e.ERROR_REASON_ADDRESS_MALFORMED: "check how the app reports its token",
    e.ERROR_REASON_CHANNEL_TYPE_REQUIRED: "give the target a channel type",
    e.ERROR_REASON_CHANNEL_DISABLED: "clarion channels enable",
    e.ERROR_REASON_CHANNEL_UNAVAILABLE: "nobody can be asked about this credential",
    e.ERROR_REASON_CREDENTIAL_MISSING: "give the channel a credential: clarion channels set-…",
    e.ERROR_REASON_CREDENTIAL_UNREADABLE: "the server lacks the key it was stored with",
    e.ERROR_REASON_CREDENTIAL_EXPIRED: "renew the certificate",
    e.ERROR_REASON_CONTENT_MISSING: "give a title and body, or the provider's message",
    e.ERROR_REASON_CONTENT_INVALID: "see the result's message for key and rule",
    e.ERROR_REASON_PAYLOAD_TOO_LARGE: "shorten it; clarion preview shows the size",
    e.ERROR_REASON_VARIABLE_MISSING: "give the substitution that the result names",
    e.ERROR_REASON_OVERRIDE_INVALID: "see the result's message for the field",
    e.ERROR_REASON_NOT_TRIED_TIMEOUT: "send again; allow more time",
    e.ERROR_REASON_NOT_TRIED_CREDENTIAL: "mend the credential, then send again",
    e.ERROR_REASON_NOT_TRIED_PROVIDER_FAILING: "send again after retry_after",
    e.ERROR_REASON_NOT_TRIED_THROTTLED: "send again after retry_after",
    e.ERROR_REASON_NOT_TRIED_CONGESTED: "send again later",
    e.ERROR_REASON_TOPIC_NOT_CERTIFIED: "give a signing key, or a certificate for that topic",
    e.ERROR_REASON_CALLER_EXPIRED: "send again with a new token",
    e.ERROR_REASON_PERMISSION_WITHDRAWN: "ask an administrator for the permission",
    e.ERROR_REASON_SEND_QUOTA_EXCEEDED: "send again after retry_after; clarion quotas get",
    e.ERROR_REASON_NAME_NOT_RESOLVED: "the server's operator checks DNS",
    e.ERROR_REASON_CONNECT_FAILED: "the server's operator checks the firewall",
    e.ERROR_REASON_TLS_FAILED: "the server's operator checks trust and proxies",
    e.ERROR_REASON_CONNECTION_LOST: "may have arrived: repeat only if twice is harmless",
    e.ERROR_REASON_ANSWER_TIMEOUT: "may have arrived: repeat only if twice is harmless",
    e.ERROR_REASON_REQUEST_REFUSED: "send again later",
    e.ERROR_REASON_ADDRESS_UNREGISTERED: "remove the address",
    e.ERROR_REASON_ADDRESS_INVALID: "check channel type and environment, or remove it",
    e.ERROR_REASON_ADDRESS_OF_OTHER_APP: "check the channel's bundle id or project",
    e.ERROR_REASON_CREDENTIAL_REJECTED: "mend the channel's credential",
    e.ERROR_REASON_MESSAGE_REJECTED: "see the result's provider reason",
    e.ERROR_REASON_DEVICE_THROTTLED: "send less often to the device",
    e.ERROR_REASON_PROVIDER_THROTTLED: "send again after retry_after",
    e.ERROR_REASON_PROVIDER_UNAVAILABLE: "send again later, with growing intervals",
    e.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN: "report it with status code and provider reason",
}


def hint(reason: int) -> str:
    """Return what helps against a reason, empty for none and for one that this client does not know."""
    return HINTS.get(reason, "")
