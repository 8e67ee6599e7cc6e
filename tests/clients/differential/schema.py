"""Requests and responses of every version, by the project's schema table (docs/wire-schema.md).

A request is a dict of the fields that matter; those that a version lacks are left out, those that are not
given take their default. A response is a dict of all fields that its version has.
"""

import pathlib
import re
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from harness import settings  # noqa: E402
from harness.wire import FIXED, Connection, Reader, WireError, uvarint  # noqa: E402

FOLDER = settings.REPOSITORY / "src" / "wire" / "schema"
NUMBERS = {"int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64", "uint16": "u16", "float64": "f64"}
UUIDS = {"uuid", "topicid"}
API_VERSIONS = 18
ENDLESS = 1 << 15


def versions(text):
    """`3`, `3-13`, `3+` or `none` as a range."""
    if text == "none":
        return range(0)
    first, dash, last = text.partition("-")
    if first.endswith("+"):
        return range(int(first[:-1]), ENDLESS)
    return range(int(first), int(last if dash else first) + 1)


class Field:
    def __init__(self, line):
        self.name, kind, when, *attributes = re.findall(r'(?:"[^"]*"|\S)+', line)
        self.is_array = kind.startswith("[]")
        self.kind = kind.removeprefix("[]")
        self.versions = versions(when)
        given = dict(each.partition("=")[::2] for each in attributes)
        self.nullable = versions(given.get("nullable", "none"))
        self.default = given.get("default")
        self.tag = int(given["tag"]) if "tag" in given else None
        self.fields = []

    def default_value(self, version):
        if self.default == "null" and version in self.nullable:
            return None
        if self.is_array:
            return []
        if self.kind in NUMBERS:
            return float(self.default or 0) if self.kind == "float64" else int(self.default or "0", 0)
        if self.kind == "bool":
            return self.default == "true"
        if self.kind in UUIDS:
            return "00" * 16
        if self.kind == "string":
            return (self.default or "").strip('"')
        if self.kind in ("bytes", "records"):
            return b""
        return {}


class Message:
    def __init__(self, line):
        kind, self.name, *attributes = line.split()
        self.is_request = kind == "request"
        given = dict(each.partition("=")[::2] for each in attributes)
        self.number = int(given.get("number", -1))
        self.versions = versions(given["versions"])
        self.flexible = versions(given.get("flexible", "none"))
        self.fields = []


def load():
    """Every request and response by its name."""
    messages = {}
    for path in sorted(FOLDER.glob("*.schema")):
        open_at, structs, users = [], {}, []
        for line in path.read_text().splitlines():
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            depth = (len(line) - len(line.lstrip())) // 2
            if depth == 0:
                message = Message(text)
                messages[message.name] = message
                open_at, structs = [message], {}
            elif text.startswith("struct "):
                holder = Message("data " + text.split()[1] + " versions=none")
                structs[holder.name] = holder.fields
                open_at = [*open_at[:depth], holder]
            else:
                field = Field(text)
                users.append((field, structs))
                open_at = [*open_at[:depth], field]
                open_at[depth - 1].fields.append(field)
        for field, structs in users:
            field.fields = field.fields or structs.get(field.kind, [])
    return messages


MESSAGES = load()


# --- encoding ------------------------------------------------------------------------------------

def encode(fields, values, version, flexible):
    known = {field.name for field in fields}
    if strange := set(values) - known:
        raise ValueError(f"no such fields: {sorted(strange)}")
    out, tagged = b"", {}
    for field in fields:
        if version not in field.versions:
            continue
        value = values.get(field.name, field.default_value(version))
        if field.tag is None:
            out += encode_value(field, value, version, flexible)
        elif value != field.default_value(version):
            tagged[field.tag] = encode_value(field, value, version, flexible)
    if flexible:
        out += uvarint(len(tagged))
        for tag, data in sorted(tagged.items()):
            out += uvarint(tag) + uvarint(len(data)) + data
    return out


def prefix(size, flexible, short):
    if flexible:
        return uvarint(0 if size is None else size + 1)
    return struct.pack(">h" if short else ">i", -1 if size is None else size)


def encode_value(field, value, version, flexible):
    if field.is_array:
        if value is None:
            return prefix(None, flexible, short=False)
        items = b"".join(encode_one(field, item, version, flexible) for item in value)
        return prefix(len(value), flexible, short=False) + items
    return encode_one(field, value, version, flexible)


def encode_one(field, value, version, flexible):
    kind = field.kind
    if kind in NUMBERS:
        return struct.pack(FIXED[NUMBERS[kind]], value)
    if kind == "bool":
        return b"\1" if value else b"\0"
    if kind in UUIDS:
        return bytes.fromhex(value)
    if kind == "string":
        raw = None if value is None else value.encode()
        return prefix(None if raw is None else len(raw), flexible, short=True) + (raw or b"")
    if kind in ("bytes", "records"):
        return prefix(None if value is None else len(value), flexible, short=False) + (value or b"")
    is_nullable = version in field.nullable and not field.is_array
    if value is None:
        return b"\xff"
    return (b"\1" if is_nullable else b"") + encode(field.fields, value, version, flexible)


# --- decoding ------------------------------------------------------------------------------------

# Ordain's own tagged fields begin here.
OWN_TAGS = 10000

def decode(fields, reader, version, flexible):
    out, tagged = {}, {}
    for field in fields:
        if version not in field.versions:
            continue
        if field.tag is None:
            out[field.name] = decode_value(field, reader, version, flexible)
        else:
            tagged[field.tag] = field
            # What Kafka does not have at all is seen only where it is sent.
            if field.tag < OWN_TAGS:
                out[field.name] = field.default_value(version)
    if flexible:
        for _ in range(reader.uvarint()):
            field = tagged.get(reader.uvarint())
            data = Reader(reader.take(reader.uvarint()))
            if field is not None:
                out[field.name] = decode_value(field, data, version, flexible)
    return out


def decode_value(field, reader, version, flexible):
    if not field.is_array:
        return decode_one(field, reader, version, flexible)
    size = reader.length(flexible, short=False)
    return None if size < 0 else [decode_one(field, reader, version, flexible) for _ in range(size)]


def decode_one(field, reader, version, flexible):
    kind = field.kind
    if kind in NUMBERS:
        return reader.fixed(FIXED[NUMBERS[kind]])
    if kind == "bool":
        return reader.take(1) != b"\0"
    if kind in UUIDS:
        return reader.take(16).hex()
    if kind in ("string", "bytes", "records"):
        size = reader.length(flexible, short=kind == "string")
        raw = None if size < 0 else reader.take(size)
        return raw.decode() if kind == "string" and raw is not None else raw
    if version in field.nullable and not field.is_array and reader.fixed(">b") < 0:
        return None
    return decode(field.fields, reader, version, flexible)


# --- calls ---------------------------------------------------------------------------------------

def range_of(api):
    """The versions of an API that clients may ask for."""
    return MESSAGES[f"{api}Request"].versions


def send(connection, api, version, values):
    """Sends one request; gives its correlation id."""
    request = MESSAGES[f"{api}Request"]
    flexible = version in request.flexible
    body = encode(request.fields, values, version, flexible)
    return connection.send(request.number, version, body, flexible)


def receive(connection, api, version, correlation):
    """The response, which has to end where its schema does."""
    response = MESSAGES[f"{api}Response"]
    reader = connection.receive(correlation)
    flexible = version in response.flexible
    if flexible and response.number != API_VERSIONS:
        reader.skip_tags()
    answer = decode(response.fields, reader, version, flexible)
    if reader.at != len(reader.data):
        raise WireError(f"{len(reader.data) - reader.at} bytes behind the end of the {api} response")
    return answer


def call(bootstrap, api, version, values):
    """One request on a connection of its own; a closed connection is an answer, too."""
    with Connection(bootstrap, timeout=6.0) as connection:
        try:
            return receive(connection, api, version, send(connection, api, version, values))
        except WireError as error:
            return {"connection": str(error)}
