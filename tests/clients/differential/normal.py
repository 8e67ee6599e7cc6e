"""Makes two brokers' answers comparable: what differs by nature becomes a placeholder.

A number that tells "none" (negative) stays as it is, so that a missing value never equals a present
one. An empty message equals none, and so does an empty list of aborted transactions. Error
messages are compared by presence only, unless the probe says that their words count.
"""

from harness.wire import batches

# Field names whose values belong to one broker or one run.
NODE = {"node", "leader", "controller"}
NODES = {"replicas", "isr", "offline", "eligible", "last_known"}
OPAQUE = {"host", "port", "cluster", "dir", "producer", "last_timestamp", "session_id", "total",
          "usable", "size"}
DROPPED = {"throttle", "configs_created"}


def normal(value, words, name=None):
    """`words`: whether error messages are kept as they are."""
    if name == "aborted":
        return value or []
    if name == "message" and not value:
        return None
    if isinstance(value, dict):
        return {key: normal(inner, words, key) for key, inner in value.items()
                if key not in DROPPED}
    if isinstance(value, list):
        return [normal(inner, words, name) for inner in value]
    if isinstance(value, bytes):
        return normal_bytes(name, value)
    if name == "message" and not words:
        return "<text>"
    if name == "id" and isinstance(value, str) and len(value) == 32:
        return "<none>" if set(value) == {"0"} else "<uuid>"
    if name == "id" and isinstance(value, int) or name in NODE and isinstance(value, int):
        return value if value < 0 else "<node>"
    if name in NODES:
        return "<node>"
    if name in ("member", "leader"):
        return "<member>" if value else value
    if name == "epoch":
        return value if value < 0 else "<epoch>"
    if name in OPAQUE:
        return value if isinstance(value, int) and value < 0 else "<value>"
    return value


def normal_bytes(name, value):
    """Records become their batches' (base offset, last offset, count); other bytes hex."""
    return [list(batch) for batch in batches(value)] if name == "records" else value.hex()


def merged(answers):
    """`{version: answer}` with neighbours that agree put together: `{"0-3": answer, "4": …}`."""
    out, first, last, held = {}, None, None, None
    for version, answer in answers.items():
        if first is not None and (answer != held or version != last + 1):
            out[f"{first}-{last}" if last > first else str(first)] = held
            first = None
        if first is None:
            first, held = version, answer
        last = version
    out[f"{first}-{last}" if last > first else str(first)] = held
    return out
