"""Probes of produce, fetch, offsets and producer ids."""

import time

from context import probe
from harness import apis
from harness.wire import record_batch

UNKNOWN_ID = "0123456789abcdef0123456789abcdef"
THREE = [(b"a", b"1"), (b"b", b"2"), (b"c", b"3")]
ONE = [(b"k", b"v")]
STAMP = 1_700_000_000_000
TRANSACTIONAL, CONTROL, LOG_APPEND_TIME = 0x10, 0x20, 0x08


def produce_case(name, topic="plain", records=ONE, raw=None, send=None, **batch):
    @probe(f"produce: {name}")
    def _(c):
        data = record_batch(records, **batch) if raw is None else raw
        return c.produce(topic, data, **(send or {}))


produce_case("three records", records=THREE, timestamp=STAMP)
produce_case("three more, acks 1", records=THREE, timestamp=STAMP + 1000, send={"acks": 1})
produce_case("unknown topic", "nowhere")
produce_case("unknown partition", send={"partition": 9})
produce_case("acks 2", send={"acks": 2})
produce_case("acks -2", send={"acks": -2})
produce_case("no records: empty bytes", raw=b"")
produce_case("wrong checksum", corrupt=True)
produce_case("magic 1", magic=1)
produce_case("magic 3", magic=3)
produce_case("count says more records than there are", count=5)
produce_case("batch of no records", records=[], count=0)
produce_case("cut off batch", raw=record_batch(ONE)[:-3])
produce_case("two batches for one partition", raw=record_batch(ONE) + record_batch(ONE))
produce_case("control batch from a client", attributes=CONTROL)
produce_case("transactional batch without a transactional id", attributes=TRANSACTIONAL,
             producer=(1, 0, 0))


@probe("produce: a transactional batch without a transactional id, among others")
def _(c):
    data, transactional = record_batch(ONE), record_batch(ONE, attributes=TRANSACTIONAL, producer=(1, 0, 0))
    told = []
    for batches in [(data, transactional), (transactional, data), (b"", transactional)]:
        before = c.list_offsets("plain", -1)
        answer = c.call(apis.PRODUCE, transactional_id=None, acks=-1, timeout=10_000, topics=[
            {"name": "plain", "partitions": [{"index": index, "records": records} for index, records in enumerate(batches)]},
            {"name": "nowhere", "partitions": [{"index": 0, "records": data}]}])
        answer["topics"].sort(key=lambda topic: topic["name"])
        for topic in answer["topics"]:
            topic["partitions"].sort(key=lambda partition: partition["index"])
        told.append([answer, "nothing" if c.list_offsets("plain", -1) == before else "something"])
    return told


produce_case("log append time set by a client", attributes=LOG_APPEND_TIME, timestamp=STAMP)
produce_case("larger than max.message.bytes", "small", [(b"k", b"x" * 2000)])
produce_case("just below max.message.bytes", "small", [(b"k", b"x" * 900)])
produce_case("keyless record on a compacted topic", "compact",
             [(b"k", b"1"), (None, b"2"), (b"k", b"3"), (None, b"4")])
produce_case("tombstone on a compacted topic", "compact", [(b"k", None)])
produce_case("timestamp after the allowed", "timely", timestamp=9_000_000_000_000)
produce_case("timestamp before the allowed", "timely", timestamp=1_000)
produce_case("no timestamp", timestamp=-1)
produce_case("to an internal topic", "__consumer_offsets")


@probe("produce: log append time")
def _(c):
    answer = c.produce("appended", record_batch(ONE, timestamp=STAMP))
    partition = answer["topics"][0]["partitions"][0]
    recent = abs(partition["append_time"] - time.time() * 1000) < 60_000
    partition["append_time"] = "now" if recent else "not now"
    return answer


@probe("produce: acks 0 gets no answer and the connection goes on")
def _(c):
    answer = c.send_only(apis.PRODUCE, transactional_id=None, acks=0, timeout=1000, topics=[
        {"name": "plain", "partitions": [{"index": 0, "records": record_batch(ONE)}]}])
    return {"error": answer.get("error"), "connection": answer.get("connection")}


@probe("produce: acks 0 to an unknown topic closes the connection")
def _(c):
    answer = c.send_only(apis.PRODUCE, transactional_id=None, acks=0, timeout=1000, topics=[
        {"name": "nowhere", "partitions": [{"index": 0, "records": record_batch(ONE)}]}])
    return {"error": answer.get("error"), "connection": answer.get("connection")}


@probe("produce: unknown topic id")
def _(c):
    return c.call(apis.PRODUCE_BY_ID, transactional_id=None, acks=-1, timeout=1000, topics=[
        {"id": UNKNOWN_ID, "partitions": [{"index": 0, "records": record_batch(ONE)}]}])


@probe("init producer id")
def _(c):
    answer = init(c)
    c.values["producer"] = answer["producer"]
    return answer


def init(c, transactional_id=None, producer=-1, epoch=-1):
    return c.call(apis.INIT_PRODUCER_ID, transactional_id=transactional_id, timeout=60_000,
                  producer=producer, epoch=epoch)


@probe("init producer id: empty transactional id")
def _(c):
    return init(c, "")


@probe("init producer id: an id without its epoch")
def _(c):
    return init(c, None, 5, -1)


def sequence_case(name, sequence, epoch=0, producer=None, records=ONE):
    @probe(f"idempotent produce: {name}")
    def _(c):
        number = c.values["producer"] if producer is None else producer
        if number < 0:
            raise RuntimeError("there is no producer id to ask with")
        return c.produce("numbered", record_batch(records, producer=(number, epoch, sequence)))


sequence_case("first sequence is 0", 0, records=THREE)
sequence_case("the same again", 0, records=THREE)
sequence_case("a gap", 7)
sequence_case("the next", 3)
sequence_case("the first again", 0, records=THREE)
sequence_case("the same start with another length", 0)
sequence_case("no sequence", -1)
sequence_case("negative epoch", 4, epoch=-1)
sequence_case("new epoch does not start at 0", 4, epoch=1)
sequence_case("new epoch", 0, epoch=1)
sequence_case("old epoch", 4, epoch=0)
sequence_case("unknown producer does not start at 0", 5, producer=987_654)


@probe("describe producers")
def _(c):
    return c.call(apis.DESCRIBE_PRODUCERS, topics=[{"name": "numbered", "partitions": [0]}])


@probe("describe producers: unknown topic and partition")
def _(c):
    return c.call(apis.DESCRIBE_PRODUCERS, topics=[
        {"name": "nowhere", "partitions": [0]}, {"name": "numbered", "partitions": [9]}])


def fetch_case(name, offset, topic="fetched", **options):
    @probe(f"fetch: {name}")
    def _(c):
        answer = c.fetch(topic, offset, **options)
        if "session" in answer:
            answer["session"] = "none" if answer["session"] == 0 else "some"
        return answer


@probe("fetch: three batches to read")
def _(c):
    for n in range(3):
        c.produce("fetched", record_batch(THREE, timestamp=STAMP + n * 1000))
    return c.list_offsets("fetched", -1)


fetch_case("from the start", 0)
fetch_case("inside a batch", 4)
fetch_case("at the end", 9)
fetch_case("beyond the end", 10)
fetch_case("negative offset", -1)
fetch_case("one byte gives the first batch whole", 0, max_bytes=1, total=1)
fetch_case("a partition limit of one byte", 3, max_bytes=1)
fetch_case("unknown topic", 0, "nowhere")
fetch_case("unknown partition", 0, partition=9)
fetch_case("epoch from the future", 0, epoch=99)
fetch_case("unknown session", 0, session=12345, session_epoch=3)
fetch_case("session without an epoch to open it", 0, session=0, session_epoch=5)
fetch_case("a new session", 0, session=0, session_epoch=0)


@probe("fetch: unknown topic id")
def _(c):
    return c.call(apis.FETCH_BY_ID, replica=-1, max_wait=0, min_bytes=1, max_bytes=1 << 20,
                  isolation=0, session=0, session_epoch=-1, forgotten=[], rack="", topics=[
                      {"id": UNKNOWN_ID, "partitions": [{
                          "index": 0, "epoch": -1, "offset": 0, "last_epoch": -1, "log_start": -1,
                          "max_bytes": 1000}]}])


def offsets_case(name, timestamp, topic="fetched", **options):
    @probe(f"list offsets: {name}")
    def _(c):
        return c.list_offsets(topic, timestamp, **options)


offsets_case("latest", -1)
offsets_case("earliest", -2)
offsets_case("earliest of an empty log", -2, "empty")
offsets_case("max timestamp, v10", -3, api=apis.LIST_OFFSETS_10)
offsets_case("max timestamp of an empty log, v10", -3, "empty", api=apis.LIST_OFFSETS_10)
offsets_case("earliest local, v10", -4, api=apis.LIST_OFFSETS_10)
offsets_case("latest tiered, v10", -5, api=apis.LIST_OFFSETS_10)
offsets_case("max timestamp, v5 is too old", -3)
offsets_case("earliest local, v5 is too old", -4)
offsets_case("unknown special value, v10", -9, api=apis.LIST_OFFSETS_10)
offsets_case("at a record's time", STAMP + 1000)
offsets_case("between two times", STAMP + 1)
offsets_case("after every record", STAMP + 999_999)
offsets_case("time 0", 0)
offsets_case("unknown topic", -1, "nowhere")
offsets_case("unknown partition", -1, partition=9)
offsets_case("epoch from the future", -1, epoch=99)
offsets_case("a partition twice", -1, copies=2)


def epoch_case(name, epoch, topic="fetched", current=-1):
    @probe(f"offset for leader epoch: {name}")
    def _(c):
        return c.call(apis.OFFSET_FOR_LEADER_EPOCH, replica=-1, topics=[
            {"name": topic, "partitions": [
                {"index": 0, "current_epoch": current, "epoch": epoch}]}])


epoch_case("from the future", 99)
epoch_case("current epoch from the future", 0, current=99)
epoch_case("unknown topic", 0, "nowhere")
epoch_case("negative", -1)


def delete_case(name, offset, topic="fetched", partition=0):
    @probe(f"delete records: {name}")
    def _(c):
        return c.call(apis.DELETE_RECORDS, timeout=10_000, topics=[
            {"name": topic, "partitions": [{"index": partition, "offset": offset}]}])


delete_case("beyond the high watermark", 10)
delete_case("negative", -2)
delete_case("unknown topic", 0, "nowhere")
delete_case("unknown partition", 0, partition=9)
delete_case("on a compacted topic", 1, "compact")
delete_case("inside a batch", 4)
delete_case("below the log start", 1)
fetch_case("below the log start", 3)
fetch_case("at the log start inside a batch", 4)
offsets_case("earliest after the deletion", -2)
offsets_case("time of what was deleted", STAMP)
delete_case("up to the high watermark", -1)
offsets_case("earliest after everything is deleted", -2)
offsets_case("latest after everything is deleted", -1)
