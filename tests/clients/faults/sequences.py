"""What the brokers made of producers' sequences: read from the batches themselves, which clients do not show."""

import struct

from harness import apis
from harness.wire import Connection, batch_places

IDENTITY = struct.Struct(">qhi")
NO_PRODUCER = -1
# Of a batch: where its attributes, with the last offset's delta behind them, and the producer's id, epoch and sequence stand.
ATTRIBUTES, PRODUCER = 21, 43
CONTROL = 0x20


class Batch:
    """Where a producer's batch stands, and as what it was sent."""

    def __init__(self, data, at):
        self.base = struct.unpack_from(">q", data, at)[0]
        attributes, delta = struct.unpack_from(">hi", data, at + ATTRIBUTES)
        self.last, self.is_control = self.base + delta, bool(attributes & CONTROL)
        self.producer, self.epoch, self.first = IDENTITY.unpack_from(data, at + PRODUCER)
        self.next_sequence = (self.first + delta + 1) & 0x7FFFFFFF

    def __str__(self):
        return (f"sequence {self.first} of epoch {self.epoch} of producer {self.producer} at offsets "
                f"{self.base} to {self.last}")


def read(fleet, topic, partitions):
    """All batches of producers with an id: {partition: [Batch]}. All is healed, and in sync."""
    with Connection(fleet.bootstrap.split(",")[0]) as connection:
        told = connection.call(apis.METADATA, {
            "topics": [{"id": "00" * 16, "name": topic}], "auto_create": False, "authorized": False})
    address = {one["id"]: f"{one['host']}:{one['port']}" for one in told["brokers"]}
    leaders = {one["index"]: address[one["leader"]] for one in told["topics"][0]["partitions"]}
    found = {}
    for index in range(partitions):
        with Connection(leaders[index]) as connection:
            found[index] = list(_of(connection, topic, index))
    return found


def _of(connection, topic, index):
    offset, end = 0, None
    while end is None or offset < end:
        answer = connection.call(apis.FETCH, {
            "replica": -1, "max_wait": 0, "min_bytes": 1, "max_bytes": 1 << 24, "isolation": 0, "session": 0,
            "session_epoch": -1, "forgotten": [], "rack": "", "topics": [{"name": topic, "partitions": [{
                "index": index, "epoch": -1, "offset": offset, "log_start": -1, "max_bytes": 1 << 22}]}]})
        one = answer["topics"][0]["partitions"][0]
        if one["error"]:
            raise RuntimeError(f"{topic}-{index} at {offset}: error {one['error']}")
        end, given = one["high_watermark"], [Batch(one["records"], at) for at in batch_places(one["records"])]
        if not given and offset < end:
            raise RuntimeError(f"{topic}-{index} ends at {end}, and nothing is given at {offset}")
        for batch in given:
            offset = batch.last + 1
            if batch.producer != NO_PRODUCER and not batch.is_control:
                yield batch


def wrong(topic, found):
    """What a broker should have refused or known again: None if all batches of each producer's epoch follow each other."""
    for index, batches in found.items():
        last = {}
        for batch in batches:
            before = last.get(batch.producer)
            last[batch.producer] = batch
            if before is None:  # a leader that knows nothing of a producer takes whatever of it comes first
                continue
            if batch.epoch < before.epoch:
                return f"{topic}-{index}: {batch} stands behind {before}"
            if batch.first != (before.next_sequence if batch.epoch == before.epoch else 0):
                return f"{topic}-{index}: {batch} follows {before}"
    return None


def used(topic, found, polls):
    """Under which ids and epochs each session's records stand: {"producer/session": {(id, epoch)}}, from what was
    read where: {"topic-index": {offset: record}}."""
    sessions = {}
    for index, batches in found.items():
        records = polls.get(f"{topic}-{index}", {})
        for batch in batches:
            for offset in range(batch.base, batch.last + 1):
                if offset in records:
                    session = records[offset].rsplit("/", 1)[0]
                    sessions.setdefault(session, set()).add((batch.producer, batch.epoch))
    return sessions
