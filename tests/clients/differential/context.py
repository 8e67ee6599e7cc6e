"""What a probe works with: calls on fresh connections, raw frames, and the list of probes."""

import pathlib
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from harness import apis  # noqa: E402
from harness.wire import Connection, WireError, encode  # noqa: E402

PROBES = []
NO_ID = "00" * 16


def probe(name, *, words=False, subset=False):
    """Registers a probe. `words`: error messages count. `subset`: a broker may answer with fewer
    entries than the reference, but not with others."""
    def register(function):
        if any(name == known[0] for known in PROBES):
            raise ValueError(f"two probes are called {name!r}")
        PROBES.append((name, function, words, subset))
        return function
    return register


class Context:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.values = {}

    def call(self, api, **values):
        """One request on a connection of its own; a closed connection is an answer, too."""
        with Connection(self.bootstrap) as connection:
            try:
                return connection.call(api, values)
            except WireError as error:
                return {"connection": str(error)}

    def raw(self, data):
        """Sends bytes as they are; says what became of the connection."""
        with Connection(self.bootstrap) as connection:
            connection.socket.sendall(data)
            try:
                return {"connection": "answered", "bytes": len(connection._exactly(4))}
            except WireError as error:
                return {"connection": str(error)}

    def versioned(self, api, version):
        """The request of `api` sent as another version, with a flexible header and no body: the
        answer's bytes, or what became of the connection."""
        header = struct.pack(">hhih", api.key, version, 7, 1) + b"p\0"
        with Connection(self.bootstrap) as connection:
            connection.socket.sendall(struct.pack(">i", len(header)) + header)
            try:
                return connection.receive(7)
            except WireError as error:
                return {"connection": str(error)}

    def pause(self):
        """Between two looks at what a broker follows by and by."""
        time.sleep(0.05)

    # --- steps that several probes share ---------------------------------------------------------

    def create(self, name, partitions=1, **configs):
        answer = self.create_answer(name, partitions=partitions, configs=configs)
        if answer["topics"][0]["error"] != 0:
            raise RuntimeError(f"creating {name} failed: {answer}")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            topic = self.call(apis.METADATA, topics=[{"id": NO_ID, "name": name}],
                              auto_create=False, authorized=False)["topics"][0]
            if topic["error"] == 0 and all(p["error"] == 0 for p in topic["partitions"]):
                self.values[name] = topic["id"]
                return
            time.sleep(0.05)
        raise RuntimeError(f"topic {name} did not appear")

    def create_answer(self, name, *, partitions=1, replication=1, assignments=(), configs=(),
                      validate_only=False, copies=1):
        topic = {"name": name, "partitions": partitions, "replication": replication,
                 "assignments": list(assignments),
                 "configs": [{"name": key.replace("_", "."), "value": value}
                             for key, value in dict(configs).items()]}
        answer = self.call(apis.CREATE_TOPICS, topics=[topic] * copies, timeout=10_000,
                           validate_only=validate_only)
        for result in answer.get("topics", []):
            # Every topic config with its value: DescribeConfigs has its own probes.
            result["configs_created"] = result.pop("configs")
        return answer

    def produce(self, topic, records, *, partition=0, acks=-1, transactional_id=None):
        return self.call(apis.PRODUCE, transactional_id=transactional_id, acks=acks, timeout=10_000,
                         topics=[{"name": topic,
                                  "partitions": [{"index": partition, "records": records}]}])

    def send_only(self, api, **values):
        """Sends a request that gets no answer, then asks for ApiVersions on the same connection."""
        with Connection(self.bootstrap) as connection:
            connection.send(api.key, api.version, encode(api.request, values, api.flexible),
                            api.flexible)
            try:
                return connection.call(apis.API_VERSIONS, {})
            except WireError as error:
                return {"connection": str(error)}

    def fetch(self, topic, offset, *, partition=0, epoch=-1, max_bytes=1 << 20, session=0,
              session_epoch=-1, wait=0, total=1 << 20):
        topics = [{"name": topic, "partitions": [{
            "index": partition, "epoch": epoch, "offset": offset, "log_start": -1,
            "max_bytes": max_bytes}]}]
        return self.call(apis.FETCH, replica=-1, max_wait=wait, min_bytes=1, max_bytes=total,
                         isolation=0, session=session, session_epoch=session_epoch,
                         topics=topics, forgotten=[], rack="")

    def list_offsets(self, topic, timestamp, *, partition=0, epoch=-1, api=apis.LIST_OFFSETS,
                     copies=1):
        entry = {"index": partition, "epoch": epoch, "timestamp": timestamp}
        values = {"timeout": 5000} if api is apis.LIST_OFFSETS_10 else {}
        return self.call(api, replica=-1, isolation=0,
                         topics=[{"name": topic, "partitions": [entry] * copies}], **values)
