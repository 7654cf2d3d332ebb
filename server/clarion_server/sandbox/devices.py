"""The simulated devices: an address chooses how its device behaves.

`docs/sandbox.md` shows these tables; a test compares them.
"""

from __future__ import annotations

from clarion_server.providers.emulation import DeviceBehaviour, DeviceTable

APNS_DEVICES = DeviceTable(
    (
        DeviceBehaviour("ok", "0000", 200, "An ordinary phone."),
        DeviceBehaviour(
            "unregistered", "dead", 410, "The app was removed an hour ago; `timestamp` says so.", "Unregistered"
        ),
        DeviceBehaviour(
            "expired", "0410", 410, "The device token expired an hour ago; `timestamp` says so.", "ExpiredToken"
        ),
        DeviceBehaviour("malformed", "bad0", 400, "No device ever had this token.", "BadDeviceToken"),
        DeviceBehaviour(
            "wrong-environment",
            "e0e0",
            400,
            "Token of a development build: refused in production, an ordinary phone in the development environment.",
            "BadDeviceToken",
            environments=frozenset({"production"}),
        ),
        DeviceBehaviour("wrong-topic", "0ff0", 400, "The token belongs to another app.", "DeviceTokenNotForTopic"),
        DeviceBehaviour("throttled", "0429", 429, "Got too many notifications in a row.", "TooManyRequests"),
        DeviceBehaviour("internal", "0500", 500, "APNs fails.", "InternalServerError"),
        DeviceBehaviour("unavailable", "0503", 503, "APNs is overloaded.", "ServiceUnavailable"),
        DeviceBehaviour("slow", "510e", 200, "Accepted after 2 s.", delay=2.0),
        DeviceBehaviour("slow-500ms", "5105", 200, "Accepted after 0.5 s.", delay=0.5),
        DeviceBehaviour("silent", "fade", 200, "Never answered.", delay=None),
    )
)
"""Device tokens of APNs, by their first four hex digits."""

FCM_DEVICES = DeviceTable(
    (
        DeviceBehaviour("ok", "sim-ok", 200, "An ordinary phone."),
        DeviceBehaviour("unregistered", "sim-unregistered", 404, "The app was removed.", "UNREGISTERED"),
        DeviceBehaviour(
            "malformed",
            "sim-malformed",
            400,
            "No registration token; a violation names `message.token`.",
            "INVALID_ARGUMENT",
        ),
        DeviceBehaviour(
            "wrong-project", "sim-wrong-project", 403, "Registered with another project.", "SENDER_ID_MISMATCH"
        ),
        DeviceBehaviour(
            "throttled",
            "sim-throttled",
            429,
            "Got too many messages; `QuotaFailure` says so.",
            "QUOTA_EXCEEDED",
            retry_after=60,
        ),
        DeviceBehaviour("internal", "sim-internal", 500, "FCM fails.", "INTERNAL"),
        DeviceBehaviour("bad-gateway", "sim-bad-gateway", 502, "FCM's front end fails, with a page of HTML."),
        DeviceBehaviour("unavailable", "sim-unavailable", 503, "FCM is overloaded.", "UNAVAILABLE", retry_after=10),
        DeviceBehaviour(
            "third-party-auth",
            "sim-third-party-auth",
            401,
            "An iPhone whose APNs key in Firebase is broken.",
            "THIRD_PARTY_AUTH_ERROR",
        ),
        DeviceBehaviour("slow", "sim-slow", 200, "Accepted after 2 s.", delay=2.0),
        DeviceBehaviour("slow-500ms", "sim-slow-500ms", 200, "Accepted after 0.5 s.", delay=0.5),
        DeviceBehaviour("silent", "sim-silent", 200, "Never answered.", delay=None),
    )
)
"""Registration tokens (and installation ids) of FCM, by their first words."""


ADM_DEVICES = DeviceTable(
    (
        DeviceBehaviour("ok", "sim-ok", 200, "An ordinary tablet."),
        DeviceBehaviour("unregistered", "sim-unregistered", 400, "The app was removed.", "Unregistered"),
        DeviceBehaviour(
            "malformed", "sim-malformed", 400, "No device of this app has this id.", "InvalidRegistrationId"
        ),
        DeviceBehaviour(
            "replaced", "sim-replaced", 200, "Accepted; the answer names a new id, with `sim-ok` for `sim-replaced`."
        ),
        DeviceBehaviour("throttled", "sim-throttled", 429, "Too many messages.", "MaxRateExceeded", retry_after=60),
        DeviceBehaviour("internal", "sim-internal", 500, "ADM fails; it gives no reason."),
        DeviceBehaviour("bad-gateway", "sim-bad-gateway", 502, "Amazon's front end fails, with a page of HTML."),
        DeviceBehaviour(
            "unavailable", "sim-unavailable", 503, "ADM is overloaded; it gives no reason.", retry_after=10
        ),
        DeviceBehaviour("slow", "sim-slow", 200, "Accepted after 2 s.", delay=2.0),
        DeviceBehaviour("slow-500ms", "sim-slow-500ms", 200, "Accepted after 0.5 s.", delay=0.5),
        DeviceBehaviour("silent", "sim-silent", 200, "Never answered.", delay=None),
    )
)
"""Registration ids of ADM, by their first words."""

BAIDU_DEVICES = DeviceTable(
    (
        DeviceBehaviour("ok", "1000", 200, "An ordinary phone."),
        DeviceBehaviour("unregistered", "30608", 404, "The app is no longer bound.", "30608"),
        DeviceBehaviour("malformed", "30602", 400, "No channel id.", "30602"),
        DeviceBehaviour("unknown", "30605", 404, "Not found.", "30605"),
        DeviceBehaviour("timed-out", "30607", 408, "Its connection to Baidu has timed out.", "30607"),
        DeviceBehaviour("blocked", "110001", 400, "The user has blocked the app.", "110001"),
        DeviceBehaviour("quota", "30604", 402, "The app's quota is used up.", "30604"),
        DeviceBehaviour("throttled", "30699", 503, "Too many requests.", "30699"),
        DeviceBehaviour("internal", "30600", 500, "Baidu fails.", "30600"),
        DeviceBehaviour("bad-gateway", "5020", 502, "Baidu's front end fails, with a page of HTML."),
        DeviceBehaviour("unavailable", "5030", 503, "Baidu's front end is overloaded, with a page of HTML."),
        DeviceBehaviour("slow", "2000", 200, "Accepted after 2 s.", delay=2.0),
        DeviceBehaviour("slow-500ms", "2005", 200, "Accepted after 0.5 s.", delay=0.5),
        DeviceBehaviour("silent", "9999", 200, "Never answered.", delay=None),
    )
)
"""Channel ids of Baidu, by their first digits: for errors these are Baidu's error code."""


def apns_address(behaviour: str, number: int) -> str:
    """Return the device token (64 hex digits) of one simulated device.

    Args:
        behaviour: a name of `APNS_DEVICES`, such as `ok` or `unregistered`.
        number: tells devices of the same behaviour apart, from 0.

    Raises:
        ValueError: no behaviour has this name, or the number does not fit into 60 hex digits.
    """
    prefix = APNS_DEVICES.named(behaviour).prefix
    width = 64 - len(prefix)
    if not 0 <= number < 16**width:
        raise ValueError(f"number must be between 0 and 16**{width} - 1")
    return f"{prefix}{number:0{width}x}"


def fcm_address(behaviour: str, number: int) -> str:
    """Return the registration token of one simulated device, such as `sim-unregistered-000042`.

    Args:
        behaviour: a name of `FCM_DEVICES`, such as `ok` or `throttled`.
        number: tells devices of the same behaviour apart, from 0.

    Raises:
        ValueError: no behaviour has this name, or the number is negative.
    """
    prefix = FCM_DEVICES.named(behaviour).prefix
    if number < 0:
        raise ValueError("number must not be negative")
    return f"{prefix}-{number:06d}"


def adm_address(behaviour: str, number: int) -> str:
    """Return the registration id of one simulated device, such as `sim-unregistered-000042`.

    Args:
        behaviour: a name of `ADM_DEVICES`, such as `ok` or `replaced`.
        number: tells devices of the same behaviour apart, from 0.

    Raises:
        ValueError: no behaviour has this name, or the number is negative.
    """
    prefix = ADM_DEVICES.named(behaviour).prefix
    if number < 0:
        raise ValueError("number must not be negative")
    return f"{prefix}-{number:06d}"


def baidu_address(behaviour: str, number: int) -> str:
    """Return the channel id (19 digits) of one simulated device.

    Args:
        behaviour: a name of `BAIDU_DEVICES`, such as `ok` or `unregistered`.
        number: tells devices of the same behaviour apart, from 0.

    Raises:
        ValueError: no behaviour has this name, or the number does not fit into 12 digits.
    """
    prefix = BAIDU_DEVICES.named(behaviour).prefix
    if not 0 <= number < 10**12:
        raise ValueError("number must be between 0 and 10**12 - 1")
    return f"{prefix}{number:0{19 - len(prefix)}d}"
