"""kcat (librdkafka's command-line client) against a broker: the phases of the harness.

kcat neither creates nor deletes: the harness's own codec does that for it, and kcat says what it finds.
"""

import json
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from harness import apis, cli  # noqa: E402
from harness.cli import PARTITIONS, check, same  # noqa: E402
from harness.wire import Connection  # noqa: E402

parser = cli.parser()
parser.add_argument("--kcat", required=True)
options = parser.parse_args()


def kcat(*arguments):
    return [options.kcat, "-b", options.bootstrap, *arguments]


def create(topic):
    request = {"topics": [{"name": topic, "partitions": PARTITIONS, "replication": 1,
                           "assignments": [], "configs": []}],
               "timeout": 10_000, "validate_only": False}
    with Connection(options.bootstrap) as connection:
        result = connection.call(apis.CREATE_TOPICS, request)["topics"][0]
    same(f"error creating {topic}", (result["error"], result["message"]), (0, None))
    cli.wait_for(f"topic {topic}", lambda: partitions_of(topic) == PARTITIONS)


def partitions_of(topic):
    listed = json.loads(cli.run(kcat("-L", "-J", "-t", topic))[0])
    found = [t for t in listed["topics"] if t["topic"] == topic]
    return len(found[0]["partitions"]) if found else 0


def produce(topic, records, *arguments):
    _, errors = cli.run(kcat("-P", "-t", topic, "-K", "|", *arguments), cli.lines_of(records))
    if "Delivery failed" in errors:
        raise cli.CheckError(errors)


def consume(topic, *arguments):
    out, _ = cli.run(kcat("-C", "-t", topic, "-e", "-J", "-q", *arguments))
    return [json.loads(line) for line in out.splitlines()]


def pairs(messages):
    return [(message["key"], message["payload"]) for message in messages]


def numbers(messages):
    return sorted(int(message["payload"]) for message in messages)


def basic():
    topic = f"basic-{time.time_ns()}"
    create(topic)
    check("list topics", lambda: same("partitions", partitions_of(topic), PARTITIONS))
    began = int(time.time() * 1000)
    sent, middle = [], None
    for codec in cli.CODECS:
        if codec == "lz4":
            time.sleep(0.05)
            middle = int(time.time() * 1000)
        records = cli.records_for(codec)
        check(f"produce {codec}", produce, topic, records, "-z", codec, "-H", f"codec={codec}")
        sent += records
    records = cli.records_for("idempotent")
    check("produce idempotent", produce, topic, records, "-H", "codec=idempotent",
          "-X", "enable.idempotence=true", "-X", "acks=all")
    sent += records
    messages = check("consume and compare", compare, topic, sent, began)
    check("seek by time", seek_by_time, topic, messages, middle)
    check("delete records", delete_records, topic, messages)
    check("delete topic", delete_topic, topic)


def compare(topic, sent, began):
    messages = consume(topic, "-o", "beginning")
    same("records of each key, in order", cli.by_key(pairs(messages)), cli.by_key(sent))
    for message in messages:
        codec = message["payload"].split("-")[0]
        same("headers", message["headers"], ["codec", codec])
        if not began <= message["ts"] <= time.time() * 1000:
            raise cli.CheckError(f"timestamp {message['ts']} is not of this run")
    for partition in range(PARTITIONS):
        offsets = [m["offset"] for m in messages if m["partition"] == partition]
        same(f"offsets of {partition}", offsets, list(range(len(offsets))))
    return messages


def seek_by_time(topic, messages, middle):
    late = [m for m in messages if m["ts"] >= middle]
    same("records after the time", len(late), 3 * cli.PER_CODEC)
    wanted = [part for p in range(PARTITIONS) for part in ("-t", f"{topic}:{p}:{middle}")]
    out, _ = cli.run(kcat("-Q", *wanted))
    found = {int(p): int(o) for p, o in re.findall(r"\[(\d+)\] offset (-?\d+)", out)}
    first = {p: min(m["offset"] for m in late if m["partition"] == p) for p in range(PARTITIONS)}
    same("offsets at the time", found, first)
    again = consume(topic, "-o", f"s@{middle}")
    same("records read", cli.by_key(pairs(again)), cli.by_key(pairs(late)))


def delete_records(topic, messages):
    before = 3
    request = {"topics": [{"name": topic, "partitions": [{"index": 0, "offset": before}]}], "timeout": 10_000}
    with Connection(options.bootstrap) as connection:
        result = connection.call(apis.DELETE_RECORDS, request)["topics"][0]["partitions"][0]
    same("low watermark", (result["error"], result["low_watermark"]), (0, before))
    left = [m for m in messages if m["partition"] != 0 or m["offset"] >= before]
    same("records left", cli.by_key(pairs(consume(topic, "-o", "beginning"))), cli.by_key(pairs(left)))


def delete_topic(topic):
    with Connection(options.bootstrap) as connection:
        result = connection.call(apis.DELETE_TOPICS, {"topics": [topic], "timeout": 10_000})["topics"][0]
    same(f"error deleting {topic}", (result["error"], result["message"]), (0, None))
    listed = lambda: {t["topic"] for t in json.loads(cli.run(kcat("-L", "-J"))[0])["topics"]}  # noqa: E731
    cli.wait_for(f"no topic {topic}", lambda: topic not in listed())


class Member(cli.Process):
    def __init__(self, group, topic):
        super().__init__(kcat("-G", group, "-u", "-J", "-X", "auto.offset.reset=earliest",
                              "-X", "session.timeout.ms=6000", "-X", "heartbeat.interval.ms=500",
                              topic))

    def messages(self):
        return [json.loads(line) for line in list(self.out)]

    def owned(self):
        lines = [line for line in list(self.errors) if "rebalanced" in line]
        if not lines or "assigned:" not in lines[-1]:
            return []
        return [int(p) for p in re.findall(r"\[(\d+)\]", lines[-1].split("assigned:")[1])]


def group():
    topic, name = f"group-{time.time_ns()}", f"g-{time.time_ns()}"
    create(topic)
    produce(topic, cli.numbered(0, 200))
    one, two = Member(name, topic), Member(name, topic)

    def both():
        cli.wait_for("two partitions each", lambda: len(one.owned()) == len(two.owned()) == 2)
        cli.wait_for("200 records", lambda: len(one.messages() + two.messages()) >= 200)
        same("partitions of both", sorted(one.owned() + two.owned()), list(range(PARTITIONS)))
        same("records", numbers(one.messages() + two.messages()), list(range(200)))

    def leave():
        two.stop()
        cli.wait_for("all partitions", lambda: len(one.owned()) == PARTITIONS)
        before = len(one.messages())
        produce(topic, cli.numbered(200, 80))
        cli.wait_for("80 records", lambda: len(one.messages()) >= before + 80)
        same("records of the one left", numbers(one.messages()[before:]), list(range(200, 280)))

    def resume():
        one.stop()
        produce(topic, cli.numbered(280, 40))
        again = Member(name, topic)
        cli.wait_for("40 records", lambda: len(again.messages()) >= 40)
        time.sleep(0.4)
        again.stop()
        same("records after the commit", numbers(again.messages()), list(range(280, 320)))

    check("group of two", both)
    check("member leaves", leave)
    check("commit and resume", resume)


def kill_producer():
    create("kill")

    def run():
        producer = cli.Process(kcat(
            "-P", "-E", "-t", "kill", "-K", "|", "-vvv", "-X", "enable.idempotence=true",
            "-X", "acks=all", "-X", "topic.message.timeout.ms=60000", "-X", "linger.ms=2",
            "-X", "retry.backoff.ms=50", "-X", "reconnect.backoff.max.ms=500"))

        def acked():
            return sum("Message delivered" in line for line in list(producer.errors))

        for first in range(0, options.kill_records, 20):
            producer.process.stdin.write(cli.lines_of(cli.numbered(first, 20)))
            producer.process.stdin.flush()
            cli.say({"acked": acked()})
            time.sleep(0.02)
        same("exit code", producer.finish(), 0)
        cli.wait_for("every delivery", lambda: acked() == options.kill_records, 5)
        same("failed", [line for line in producer.errors if "Delivery failed" in line], [])

    check("produce through kill -9", run)


def verify():
    def there():
        messages = consume("kill", "-o", "beginning")
        expected = {value for _, value in cli.numbered(0, options.kill_records)}
        same("lost records", expected - {m["payload"] for m in messages}, set())
        return messages

    messages = check("acknowledged records are there", there)
    check("order is kept", lambda: cli.check_order(pairs(messages)))
    check("each record once",
          lambda: same("values", numbers(messages), list(range(options.kill_records))))


cli.main(options, {"basic": basic, "group": group, "kill-producer": kill_producer,
                   "verify": verify})
