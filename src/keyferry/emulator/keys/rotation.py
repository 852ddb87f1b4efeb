"""Rotation policies: kept, checked, and obeyed when a key is rotated by request.

Sources: Microsoft's "Configure cryptographic key auto-rotation" (intervals of at least 7 days, an expiry of at least
28) and the KeyRotationPolicy of the REST reference. The emulator rotates when it is asked to; it has no timer that
rotates, and sends no event.
"""

import json
from typing import Any, Final

from keyferry.emulator import clock
from keyferry.emulator.keys import documents, durations, rows
from keyferry.emulator.keys.call import Call
from keyferry.emulator.keys.documents import Document
from keyferry.emulator.keys.durations import Duration
from keyferry.emulator.keys.lookup import live_key
from keyferry.emulator.keys.refusals import bad_parameter
from keyferry.emulator.keys.rows import Key

DAY: Final = 86_400
SHORTEST_EXPIRY: Final = 28 * DAY
SHORTEST_INTERVAL: Final = 7 * DAY
ROTATE: Final = "Rotate"
NOTIFY: Final = "Notify"
TRIGGERS: Final = ("timeAfterCreate", "timeBeforeExpiry")
_DEFAULT_ACTIONS: Final = ({"trigger": {"timeBeforeExpiry": "P30D"}, "action": {"type": NOTIFY}},)


def get_policy(call: Call, name: str) -> dict[str, Any]:
    """The rotation policy of a key, or the one that every key begins with (GET /keys/NAME/rotationpolicy).

    Raises:
        AzureFailure: 404 KeyNotFound.
    """
    with call.state.read() as connection:
        key = live_key(connection, call, name, clock.now())
    return _shown(call, key.name, key.rotation_policy)


def set_policy(call: Call, name: str, body: Document) -> dict[str, Any]:
    """Put another policy in place of the one that a key has (PUT /keys/NAME/rotationpolicy).

    Raises:
        AzureFailure: 400 BadParameter; 404 KeyNotFound.
    """
    attributes = documents.nested(body, "attributes") or {}
    expiry = documents.text(attributes, "expiryTime") or None
    actions = _read_actions(body, _read_expiry(expiry))
    with call.state.write() as connection:
        now = clock.now()
        key = live_key(connection, call, name, now)
        created = now if key.rotation_policy is None else json.loads(key.rotation_policy)["created"]
        policy = json.dumps({"actions": actions, "expiry": expiry, "created": created, "updated": now})
        rows.set_rotation_policy(connection, key, policy)
    return _shown(call, key.name, policy)


def expiry_of_new_version(key: Key, now: int) -> int | None:
    """When a version that is made now by rotation expires, in Unix seconds; None where the policy does not say."""
    expiry = None if key.rotation_policy is None else json.loads(key.rotation_policy)["expiry"]
    return None if expiry is None else durations.parse(expiry).after(now)


def _shown(call: Call, name: str, policy: str | None) -> dict[str, Any]:
    kept = {"actions": list(_DEFAULT_ACTIONS), "expiry": None} if policy is None else json.loads(policy)
    times = {word: kept[word] for word in ("created", "updated") if word in kept}
    return {
        "id": f"{call.key_url(name)}/rotationpolicy",
        "lifetimeActions": kept["actions"],
        "attributes": {"expiryTime": kept["expiry"], **times},
    }


def _read_expiry(text: str | None) -> Duration | None:
    if text is None:
        return None
    expiry = _duration(text, "expiryTime")
    if _seconds(expiry) < SHORTEST_EXPIRY:
        raise bad_parameter("Property expiryTime has invalid value: it is at least 28 days.")
    return expiry


def _read_actions(body: Document, expiry: Duration | None) -> list[dict[str, Any]]:
    given = body.get("lifetimeActions")
    if given is None:
        return list(_DEFAULT_ACTIONS)
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise bad_parameter("Property lifetimeActions has invalid value: it is not a list of objects.")
    actions = [_read_action(each, expiry) for each in given]
    types = [each["action"]["type"] for each in actions]
    if len(set(types)) != len(types):
        raise bad_parameter("Property lifetimeActions has invalid value: it has at most one Rotate and one Notify.")
    return actions


def _read_action(given: Document, expiry: Duration | None) -> dict[str, Any]:
    word = documents.text(documents.nested(given, "action") or {}, "type")
    kind = next((each for each in (ROTATE, NOTIFY) if word is not None and word.lower() == each.lower()), None)
    if kind is None:
        raise bad_parameter("Property action.type has invalid value: it is neither Rotate nor Notify.")
    trigger = documents.nested(given, "trigger") or {}
    set_triggers = {name: documents.text(trigger, name) for name in TRIGGERS if trigger.get(name)}
    if len(set_triggers) != 1:
        raise bad_parameter(f"Property trigger has invalid value: {kind} has one of timeAfterCreate, timeBeforeExpiry.")
    name, text = next(iter(set_triggers.items()))
    assert text is not None
    _require_interval(kind, name, _duration(text, name), expiry)
    return {"trigger": {name: text}, "action": {"type": kind}}


def _require_interval(kind: str, name: str, interval: Duration, expiry: Duration | None) -> None:
    if kind == NOTIFY and name == "timeAfterCreate":
        raise bad_parameter("Property trigger has invalid value: Notify has timeBeforeExpiry, not timeAfterCreate.")
    if kind == ROTATE and name == "timeBeforeExpiry" and expiry is None:
        raise bad_parameter(
            "Property timeBeforeExpiry has invalid value: to rotate so, the policy needs an expiryTime."
        )
    if _seconds(interval) < SHORTEST_INTERVAL:
        raise bad_parameter(f"Property {name} has invalid value: it is at least 7 days.")
    if expiry is not None and _seconds(interval) + SHORTEST_INTERVAL > _seconds(expiry):
        raise bad_parameter(f"Property {name} has invalid value: it is at least 7 days shorter than expiryTime.")


def _duration(text: str, name: str) -> Duration:
    try:
        return durations.parse(text)
    except ValueError as reason:
        raise bad_parameter(f"Property {name} has invalid value: {reason}.") from None


def _seconds(duration: Duration) -> int:
    """About how long a duration is: counted from the first of January 1970, which calls a month 31 days."""
    return duration.after(0)
