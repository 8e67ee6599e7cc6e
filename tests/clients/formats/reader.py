"""Reads what Ordain keeps on its disk, by docs/*-format.md alone: nothing here comes from its code.

Every function accounts for each byte of what it is given, and raises `Unlike` with the place of the first that is not as the
page says.
"""

import base64
import pathlib
import re
import struct
import sys
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from harness.wire import crc32c  # noqa: E402

BLOCK = 4096
KINDS = {1: "Batch", 2: "EpochStart", 3: "Vote", 4: "LogCreated", 5: "LogDeleted", 6: "LogStartMoved", 7: "Truncated",
         8: "ReplicaDirectory", 9: "LogReset", 10: "BatchAgain", 11: "Placed"}


class Unlike(Exception):
    """The bytes are not what the page says."""


def same(what, found, expected):
    if found != expected:
        raise Unlike(f"{what}: {found!r}, and by the page {expected!r}")


class Bytes:
    """Big-endian fields, one after another."""

    def __init__(self, name, data, at=0):
        self.name, self.data, self.at = name, data, at

    def take(self, kind):
        size = struct.calcsize(">" + kind)
        if self.at + size > len(self.data):
            raise Unlike(f"{self.name}: ends at {len(self.data)}, within a field at {self.at}")
        values = struct.unpack_from(">" + kind, self.data, self.at)
        self.at += size
        return values[0] if len(values) == 1 else values

    def raw(self, size):
        if self.at + size > len(self.data):
            raise Unlike(f"{self.name}: ends at {len(self.data)}, within {size} bytes at {self.at}")
        self.at += size
        return self.data[self.at - size:self.at]

    def ended(self):
        same(f"{self.name}: where the last field ends", self.at, len(self.data))


def zeros(what, data):
    rest = data.lstrip(b"\0")
    if rest:
        raise Unlike(f"{what}: byte {len(data) - len(rest)} of {len(data)} is not zero")


# --- docs/segment-format.md ----------------------------------------------------------------------

def checkpoint(data):
    """The state that a checkpoint holds, as plain values."""
    f = Bytes("checkpoint", data)
    same("checkpoint: magic", f.raw(8), b"ORDNCKPT")
    same("checkpoint: version", f.take("i"), 4)
    same("checkpoint: CRC of everything else", f.take("I"), crc32c(data[:12] + data[16:]))
    same("checkpoint: length", f.take("q"), len(data))
    state = {"generation": f.take("q"), "incarnation": f.raw(16)}
    state["position"] = dict(zip(("file", "offset", "next", "previous_crc"), f.take("qqqI"), strict=True))
    state["next_log_id"], state["node"], state["directory"] = f.take("q"), f.take("i"), f.raw(16)
    count = f.take("i")
    same("checkpoint: where the logs begin", f.at, 108)
    state["logs"] = [checkpoint_log(f) for _ in range(count)]
    f.ended()
    return state


def checkpoint_log(f):
    log = {"topic": f.raw(16), "index": f.take("i"), "id": f.take("Q"), "number": f.take("Q"), "batches_from": f.take("Q")}
    log["flags"] = f.take("B")
    for name in ("log_start", "end", "log_end", "high_watermark", "cleaned_to"):
        log[name] = f.take("q")
    log["vote"] = (f.take("i"), f.take("i"), f.raw(16))
    log["directory"] = f.raw(16)
    log["epochs"] = [f.take("iq") for _ in range(f.take("I"))]
    log["voters"] = [((f.take("iq")), [(f.take("i"), f.raw(16)) for _ in range(f.take("I"))]) for _ in range(f.take("I"))]
    log["segments"] = [dict(zip(
        ("base", "cleaning", "end", "bytes", "index_bytes", "time_bytes", "max_time", "max_time_offset", "first_time", "created",
         "since_row", "no_gaps"), f.take("qIqQQQqqqqQB"), strict=True)) for _ in range(f.take("I"))]
    log["producers"] = f.raw(f.take("I"))
    return log


def directory_name(topic, index):
    return f"{base64.urlsafe_b64encode(topic).decode().rstrip('=')}-{index}"


def batches(name, data):
    """`[(position, base offset, last offset, greatest time, bytes)]` of record batches of magic 2 without anything between."""
    found, f = [], Bytes(name, data)
    while f.at < len(data):
        at = f.at
        base, length = f.take("qi")
        body = f.raw(length)
        same(f"{name}: magic at {at}", body[4], 2)
        crc = struct.unpack_from(">I", body, 5)[0]
        same(f"{name}: CRC of the batch at {at}", crc, crc32c(body[9:]))
        last, = struct.unpack_from(">i", body, 11)
        greatest, = struct.unpack_from(">q", body, 23)
        found.append((at, base, base + last, greatest, data[at:f.at]))
    return found


def offset_index(name, data, base, of_segment, interval):
    """Checks rows against the batches of their segment; how many there are."""
    if len(data) % 8:
        raise Unlike(f"{name}: {len(data)} bytes are no whole rows")
    rows = [struct.unpack_from(">II", data, at) for at in range(0, len(data), 8)]
    expected, since = [], 0
    for position, _, last, _, content in of_segment:
        if since > interval:
            expected.append((last - base, position))
            since = 0
        since += len(content)
    same(f"{name}: rows", rows, expected)
    return len(rows)


def time_index(name, data, base, of_segment, interval):
    if len(data) % 12:
        raise Unlike(f"{name}: {len(data)} bytes are no whole rows")
    rows = [struct.unpack_from(">qI", data, at) for at in range(0, len(data), 12)]
    expected, since, greatest = [], 0, None
    for _, _, last, time, content in of_segment:
        if greatest is None or time > greatest[0]:
            greatest = (time, last - base)
        if since > interval:
            expected.append(greatest)
            since = 0
        since += len(content)
    same(f"{name}: rows", rows, expected)
    return len(rows)


# --- docs/producer-snapshot.md -------------------------------------------------------------------

def producers(data):
    f = Bytes("producer snapshot", data)
    same("producer snapshot: CRC of everything from 4 on", f.take("I"), crc32c(data[4:]))
    same("producer snapshot: version", f.take("H"), 1)
    state = {"end": f.take("q"), "producers": {}}
    for _ in range(f.take("I")):
        number, epoch, time, offset, coordinator, first, count = f.take("qhqqiqB")
        if not count <= 5:
            raise Unlike(f"producer snapshot: {count} batches of producer {number}")
        kept = [dict(zip(("sequence", "offset", "delta", "time"), f.take("iqiq"), strict=True)) for _ in range(count)]
        state["producers"][number] = {"epoch": epoch, "time": time, "offset": offset, "coordinator": coordinator,
                                      "first": first, "batches": kept}
    f.ended()
    same("producer snapshot: the order of ids", list(state["producers"]), sorted(state["producers"]))
    return state


# --- docs/journal-format.md ----------------------------------------------------------------------

def commit(name, data, at, incarnation):
    """One commit at `at`: a dictionary of its header with its entries, or None if none stands there."""
    header = data[at:at + 80]
    if header[:8] != b"ORDNJRNL":
        return None
    f = Bytes(f"{name}: the commit at {at}", data, at + 8)
    same(f"{f.name}: version", f.take("i"), 2)
    crc = f.take("I")
    same(f"{f.name}: CRC of the bytes 0..12 and 16..80", crc, crc32c(header[:12] + header[16:]))
    found = {"incarnation": f.raw(16), "sequence": f.take("q"), "offset": f.take("q"), "number": f.take("q"),
             "previous_crc": f.take("I"), "crc": crc, "entries": []}
    count, payload_bytes, directory_crc, zero = f.take("I"), f.take("q"), f.take("I"), f.take("I")
    same(f"{f.name}: incarnation", found["incarnation"], incarnation)
    same(f"{f.name}: offset", found["offset"], at)
    same(f"{f.name}: the bytes at 76", zero, 0)
    payloads = f.raw(payload_bytes)
    directory_at = f.at
    taken = 0
    for _ in range(count):
        kind, padding = f.take("B"), f.raw(3)
        same(f"{f.name}: padding of a row", padding, b"\0\0\0")
        index, topic, log, number, length, payload_crc = f.take("i"), f.raw(16), f.take("Q"), f.take("Q"), f.take("I"), f.take("I")
        payload = payloads[taken:taken + length]
        taken += length
        same(f"{f.name}: CRC of a payload", payload_crc, crc32c(payload))
        found["entries"].append({"kind": KINDS.get(kind, kind), "topic": topic, "index": index, "log": log, "number": number,
                                 "payload": payload})
    same(f"{f.name}: payload bytes that rows tell of", taken, payload_bytes)
    same(f"{f.name}: CRC of the directory", directory_crc, crc32c(data[directory_at:f.at]))
    end = -(-f.at // BLOCK) * BLOCK
    zeros(f"{f.name}: behind its directory", data[f.at:end])
    found["end"] = end
    return found


def journal(directory, position, incarnation):
    """The commits from a replay position to the end, in order; and the files, by sequence."""
    files = {}
    for path in sorted(directory.iterdir()):
        if re.fullmatch(r"\d{20}\.journal", path.name):
            files[int(path.name[:20])] = path.read_bytes()
        elif path.name != "vouch" and not path.name.endswith(".tmp"):
            raise Unlike(f"journal: {path.name} is on no page")
    sequence, at, number, previous = (position[name] for name in ("file", "offset", "next", "previous_crc"))
    commits = []
    while True:
        found = commit(f"journal {sequence}", files[sequence], at, incarnation) if at < len(files[sequence]) else None
        if found is None or found["sequence"] != sequence or found["number"] != number:
            following = files.get(sequence + 1)
            begun = commit(f"journal {sequence + 1}", following, 0, incarnation) if following else None
            if begun is None or begun["number"] != number or begun["sequence"] != sequence + 1:
                break
            sequence, at, found = sequence + 1, 0, begun
        same(f"commit {number}: CRC of the one before", found["previous_crc"], previous)
        commits.append(found)
        at, number, previous = found["end"], number + 1, found["crc"]
    return commits, files


def vouch(data, incarnation):
    """`{number of vouching: (commit number, header CRC)}` of both slots."""
    same("vouch: length", len(data), 2 * BLOCK)
    slots = {}
    for slot in (0, 1):
        block = data[slot * BLOCK:(slot + 1) * BLOCK]
        if not block.strip(b"\0"):
            continue
        f = Bytes(f"vouch slot {slot}", block)
        same(f"{f.name}: magic", f.raw(8), b"ORDNVOUC")
        same(f"{f.name}: version", f.take("i"), 2)
        same(f"{f.name}: CRC of the bytes 0..12 and 16..52", f.take("I"), crc32c(block[:12] + block[16:52]))
        same(f"{f.name}: incarnation", f.raw(16), incarnation)
        number, commit_number, crc = f.take("q"), f.take("q"), f.take("I")
        same(f"{f.name}: parity of the number", number % 2, slot)
        zeros(f"{f.name}: behind its fields", block[f.at:])
        slots[number] = (commit_number, crc)
    return slots


def payload(entry):
    """What the payload of an entry says, whole."""
    f, kind = Bytes(f"{entry['kind']} {entry['number']}", entry["payload"]), entry["kind"]
    if kind in ("Batch", "BatchAgain"):
        inner = batches(f.name, f.data)
        same(f"{f.name}: batches", len(inner), 1)
        return inner[0]
    if kind == "Placed":
        return placed(f)
    fields = {"EpochStart": "iq", "LogCreated": "q", "LogDeleted": "", "LogStartMoved": "q", "Truncated": "qi"}
    if kind == "Vote":
        told = (f.take("i"), f.take("i"), f.raw(16))
    elif kind == "ReplicaDirectory":
        told = f.raw(16)
    elif kind in fields:
        told = f.take(fields[kind]) if fields[kind] else None
    else:
        raise Unlike(f"{f.name}: not expected of a node that is alone")
    f.ended()
    return told


def placed(f):
    """A batch that the journal only names: its place, its header, and its two ends."""
    base, cleaning, position = f.take("q"), f.take("I"), f.take("Q")
    header = f.raw(61)
    length = struct.unpack_from(">i", header, 8)[0] + 12
    first, last = -position % BLOCK, (position + length) % BLOCK
    ends = f.raw(first), f.raw(last)
    f.ended()
    if first + last >= length:
        raise Unlike(f"{f.name}: a batch of {length} bytes at {position} has no whole block")
    name = f"{base:020}.log" if cleaning == 0 else f"{base:020}.{cleaning}.log"
    return {"file": name, "position": position, "length": length, "header": header, "ends": ends}


def placed_batch(told, log_bytes):
    """The batch, put together from what the journal has of it and its blocks in the segment."""
    first, last = told["ends"]
    end = told["position"] + told["length"]
    whole = first + log_bytes[told["position"] + len(first):end - len(last)] + last
    same(f"{told['file']} at {told['position']}: length", len(whole), told["length"])
    same(f"{told['file']} at {told['position']}: header", whole[:61], told["header"])
    return batches(f"{told['file']} at {told['position']}", whole)[0]


# --- docs/metadata-snapshot.md -------------------------------------------------------------------

def metadata_snapshot(path):
    data = path.read_bytes()
    f = Bytes(path.name, data)
    same(f"{f.name}: magic", f.raw(8), b"ORDNSNAP")
    same(f"{f.name}: CRC of everything from 12 on", f.take("I"), crc32c(data[12:]))
    same(f"{f.name}: version", f.take("i"), 1)
    same(f"{f.name}: length", f.take("q"), len(data))
    end, epoch, count, wall = f.take("q"), f.take("i"), f.take("i"), f.take("q")
    same(f"{f.name}: name", path.name, f"{end:020}-{epoch:010}.checkpoint")
    records = [f.raw(f.take("I")) for _ in range(count)]
    f.ended()
    return {"end": end, "epoch": epoch, "wall": wall, "records": records}


def topic_id(text):
    return uuid.UUID(hex=text.replace("-", "")).bytes
