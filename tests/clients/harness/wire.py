"""A small hand-made codec for the Kafka protocol: enough to probe a broker.

It owns framing, the primitive types, record batches and nothing else. A message is described by a
line of text, so that a probe reads as data:

    "name:s partitions:[{index:i32 records:r}] timeout:i32"

Types: i8 i16 i32 i64 f64 bool, s (string), b (bytes), r (nullable record bytes), u (uuid as hex),
[T] (array), {fields} (struct); a trailing ? makes a string, bytes, array or struct nullable.
Flexible versions are chosen per call; tagged fields are sent empty and skipped when read.
"""

import socket
import struct

FIXED = {"i8": ">b", "i16": ">h", "u16": ">H", "i32": ">i", "i64": ">q", "f64": ">d"}


class WireError(Exception):
    """The peer closed the connection or sent what cannot be decoded."""


# --- schemas -------------------------------------------------------------------------------------

def parse_schema(text):
    """Turns "a:i32 b:[{c:s?}]" into [("a", "i32"), ("b", ("array", ("struct", …), False))]."""
    fields, rest = _parse_fields(text.strip())
    if rest:
        raise ValueError(f"schema has a tail: {rest!r}")
    return fields


def _parse_fields(text):
    fields = []
    text = text.lstrip()
    while text and text[0] not in "}":
        name, text = text.split(":", 1)
        kind, text = _parse_type(text)
        fields.append((name.strip(), kind))
        text = text.lstrip()
    return fields, text


def _parse_type(text):
    if text[0] == "[":
        inner, text = _parse_type(text[1:])
        text = text[1:]
        kind = ("array", inner)
    elif text[0] == "{":
        inner, text = _parse_fields(text[1:])
        text = text[1:]
        kind = ("struct", inner)
    else:
        end = 0
        while end < len(text) and text[end].isalnum():
            end += 1
        kind, text = (text[:end],), text[end:]
    nullable = text.startswith("?")
    return (*kind, nullable), text[1:] if nullable else text


# --- encoding ------------------------------------------------------------------------------------

def uvarint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def varint(value):
    return uvarint((value << 1) ^ (value >> 63))


def _length(size, flexible, short):
    """A length prefix; `size` None means null."""
    if flexible:
        return uvarint(0 if size is None else size + 1)
    return struct.pack(">h" if short else ">i", -1 if size is None else size)


def encode(fields, values, flexible):
    """Encodes a dict by a parsed schema; a missing key is an error, never a default."""
    out = b"".join(_encode_value(kind, values[name], flexible) for name, kind in fields)
    return out + (b"\0" if flexible else b"")


def _encode_value(kind, value, flexible):
    tag = kind[0]
    if tag in FIXED:
        return struct.pack(FIXED[tag], value)
    if tag == "bool":
        return b"\1" if value else b"\0"
    if tag == "u":
        return bytes.fromhex(value)
    if tag == "struct":
        marker = b"" if not kind[2] else (b"\xff" if value is None else b"\1")
        return marker if value is None else marker + encode(kind[1], value, flexible)
    if tag == "array":
        size = None if value is None else len(value)
        items = b"".join(_encode_value(kind[1], item, flexible) for item in value or ())
        return _length(size, flexible, short=False) + items
    if tag == "s":
        raw = None if value is None else value.encode()
        return _length(None if raw is None else len(raw), flexible, short=True) + (raw or b"")
    if tag in ("b", "r"):
        size = None if value is None else len(value)
        return _length(size, flexible, short=False) + (value or b"")
    raise ValueError(f"unknown type {tag!r}")


# --- decoding ------------------------------------------------------------------------------------

class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if size < 0 or self.at + size > len(self.data):
            raise WireError(f"{size} bytes wanted at {self.at} of {len(self.data)}")
        self.at += size
        return self.data[self.at - size:self.at]

    def fixed(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def uvarint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def varint(self):
        raw = self.uvarint()
        return (raw >> 1) ^ -(raw & 1)

    def length(self, flexible, short):
        if flexible:
            return self.uvarint() - 1
        return self.fixed(">h" if short else ">i")

    def skip_tags(self):
        for _ in range(self.uvarint()):
            self.uvarint()
            self.take(self.uvarint())


def decode(fields, reader, flexible):
    out = {name: _decode_value(kind, reader, flexible) for name, kind in fields}
    if flexible:
        reader.skip_tags()
    return out


def _decode_value(kind, reader, flexible):
    tag = kind[0]
    if tag in FIXED:
        return reader.fixed(FIXED[tag])
    if tag == "bool":
        return reader.take(1) != b"\0"
    if tag == "u":
        return reader.take(16).hex()
    if tag == "struct":
        if kind[2] and reader.fixed(">b") < 0:
            return None
        return decode(kind[1], reader, flexible)
    size = reader.length(flexible, short=tag == "s")
    if size < 0:
        return None
    if tag == "array":
        return [_decode_value(kind[1], reader, flexible) for _ in range(size)]
    raw = reader.take(size)
    return raw.decode() if tag == "s" else raw


# --- connections ---------------------------------------------------------------------------------

class Connection:
    """One blocking connection; every call has the time limit given at the start."""

    def __init__(self, bootstrap, timeout=10.0, client_id="probe"):
        host, port = bootstrap.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=timeout)
        self.client_id = client_id
        self.correlation = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, key, version, body, flexible):
        """Sends one frame and returns its correlation id."""
        self.correlation += 1
        client = self.client_id.encode()
        header = struct.pack(">hhih", key, version, self.correlation, len(client)) + client
        frame = header + (b"\0" if flexible else b"") + body
        self.socket.sendall(struct.pack(">i", len(frame)) + frame)
        return self.correlation

    def receive(self, correlation):
        """The next response's bytes behind its correlation id, which has to match."""
        size = struct.unpack(">i", self._exactly(4))[0]
        reader = Reader(self._exactly(size))
        got = reader.fixed(">i")
        if got != correlation:
            raise WireError(f"correlation id {got}, expected {correlation}")
        return reader

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            try:
                part = self.socket.recv(size - len(data))
            except TimeoutError as error:
                raise WireError("no answer within the time limit") from error
            except ConnectionError as error:
                raise WireError("connection closed") from error
            if not part:
                raise WireError("connection closed")
            data += part
        return data

    def call(self, api, values):
        """Sends `api` (an `Api`) and decodes its response into a dict."""
        body = encode(api.request, values, api.flexible)
        reader = self.receive(self.send(api.key, api.version, body, api.flexible))
        if api.flexible and api.key != API_VERSIONS_KEY:
            reader.skip_tags()
        return decode(api.response, reader, api.flexible)


class Api:
    """One version of one API: its key, version, flexibility and both schemas."""

    def __init__(self, key, version, flexible, request, response):
        self.key, self.version, self.flexible = key, version, flexible
        self.request, self.response = parse_schema(request), parse_schema(response)


API_VERSIONS_KEY = 18


# --- record batches ------------------------------------------------------------------------------

def _crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_CRC = _crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def record_batch(records, *, timestamp=1_700_000_000_000, producer=(-1, -1, -1), attributes=0,
                 magic=2, corrupt=False, count=None):
    """One uncompressed batch. `records` are (key, value) pairs of bytes or None; `producer` is
    (id, epoch, base sequence); `corrupt` breaks the checksum; `count` overrides the count."""
    body = b""
    for delta, (key, value) in enumerate(records):
        record = b"\0" + varint(0) + varint(delta)
        for part in (key, value):
            record += varint(-1) if part is None else varint(len(part)) + part
        record += varint(0)
        body += varint(len(record)) + record
    last = len(records) - 1
    covered = struct.pack(">hiqqqhi", attributes, last, timestamp, timestamp, *producer)
    covered += struct.pack(">i", len(records) if count is None else count) + body
    crc = crc32c(covered) ^ (1 if corrupt else 0)
    tail = struct.pack(">ibI", -1, magic, crc) + covered
    return struct.pack(">qi", 0, len(tail)) + tail


def batch_places(data):
    """Where every whole batch in a fetch response begins."""
    at = 0
    while data is not None and at + 61 <= len(data):
        size = 12 + struct.unpack_from(">i", data, at + 8)[0]
        if at + size > len(data):
            break
        yield at
        at += size


def batches(data):
    """The (base offset, last offset, record count) of every whole batch in a fetch response."""
    out = []
    for at in batch_places(data):
        base = struct.unpack_from(">q", data, at)[0]
        last = struct.unpack_from(">i", data, at + 23)[0]
        count = struct.unpack_from(">i", data, at + 57)[0]
        out.append((base, base + last, count))
    return out
