"""confluent-kafka (librdkafka) against a broker: the phases of the harness."""

import argparse
import json
import sys
import time
import uuid

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
PARTITIONS = 4
PER_CODEC = 60
STEP_LIMIT = 30.0


def check(name, step, *arguments):
    """Runs a step and reports it; a failed step ends the program."""
    began = time.monotonic()
    detail, result, ok = "", None, True
    try:
        result = step(*arguments)
    except Exception as error:  # a check's failure, whatever its kind, is its report
        ok, detail = False, f"{type(error).__name__}: {error}"
    ms = int((time.monotonic() - began) * 1000)
    print(json.dumps({"check": name, "ok": ok, "ms": ms, "detail": detail}), flush=True)
    if not ok:
        sys.exit(1)
    return result


def same(what, got, expected):
    if got != expected:
        raise AssertionError(f"{what}: got {str(got)[:400]}, expected {str(expected)[:400]}")


class Client:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.admin = AdminClient({"bootstrap.servers": bootstrap})
        self.sent = []

    def create(self, topic):
        futures = self.admin.create_topics([NewTopic(topic, PARTITIONS, 1)])
        futures[topic].result(STEP_LIMIT)
        deadline = time.monotonic() + STEP_LIMIT
        while time.monotonic() < deadline:
            found = self.admin.list_topics(timeout=STEP_LIMIT).topics.get(topic)
            if found is not None and len(found.partitions) == PARTITIONS:
                return
            time.sleep(0.1)
        raise AssertionError(f"{topic} with {PARTITIONS} partitions did not appear")

    def produce(self, topic, records, settings):
        """Produces (key, value, headers, timestamp) tuples; every delivery has to succeed."""
        errors, delivered = [], []

        def done(error, message):
            if error is not None:
                errors.append(error)
            else:
                delivered.append((message.partition(), message.offset()))

        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 20, **settings})
        for key, value, headers, timestamp in records:
            producer.produce(topic, value, key, headers=headers, timestamp=timestamp,
                             on_delivery=done)
            producer.poll(0)
        same("records left after flush", producer.flush(STEP_LIMIT), 0)
        same("delivery errors", errors, [])
        same("distinct positions", len(set(delivered)), len(records))

    def consumer(self, group=None, **settings):
        return Consumer({"bootstrap.servers": self.bootstrap, "group.id": group or "unused",
                         "enable.auto.commit": False, "auto.offset.reset": "earliest",
                         "session.timeout.ms": 6000, "heartbeat.interval.ms": 500, **settings})

    def read_all(self, topic, count, start=None):
        """Reads `count` records by assignment, from the beginning or from the given positions."""
        consumer = self.consumer()
        try:
            consumer.assign(start or [TopicPartition(topic, p, 0) for p in range(PARTITIONS)])
            return poll(consumer, count)
        finally:
            consumer.close()


def poll(consumer, count, extra=0.5):
    """`count` messages, then a moment more to see that there are no others."""
    got, deadline = [], time.monotonic() + STEP_LIMIT
    while time.monotonic() < deadline and len(got) < count:
        add(got, consumer.poll(0.2))
    end = time.monotonic() + extra
    while time.monotonic() < end:
        add(got, consumer.poll(0.1))
    same("records read", len(got), count)
    return got


def add(got, message):
    if message is None:
        return
    if message.error():
        raise AssertionError(f"consume: {message.error()}")
    got.append(message)


def records_for(codec, base, first):
    return [(f"key-{i % 10}".encode(), f"{codec}-{i}-".encode() + b"x" * (i * 7),
             [("codec", codec.encode()), ("n", str(i).encode())], base + (first + i) * 1000)
            for i in range(PER_CODEC)]


def tuple_of(message):
    return (message.key(), message.value(), message.headers(), message.timestamp()[1])


def check_contents(messages, sent):
    same("records", sorted(map(tuple_of, messages), key=lambda r: r[3]), sent)
    for key in {record[0] for record in sent}:
        of_key = [m for m in messages if m.key() == key]
        same(f"partitions of {key}", len({m.partition() for m in of_key}), 1)
        same(f"order of {key}", [tuple_of(m) for m in of_key], [r for r in sent if r[0] == key])
    for partition in range(PARTITIONS):
        offsets = [m.offset() for m in messages if m.partition() == partition]
        same(f"offsets of partition {partition}", offsets, list(range(len(offsets))))


def seek_by_time(client, topic, messages, base):
    """offsetsForTimes gives the first record at or after the time, and reading starts there."""
    middle = base + PER_CODEC * len(CODECS) * 500
    consumer = client.consumer()
    try:
        wanted = [TopicPartition(topic, p, middle) for p in range(PARTITIONS)]
        found = consumer.offsets_for_times(wanted, timeout=STEP_LIMIT)
        late = [m for m in messages if m.timestamp()[1] >= middle]
        for position in found:
            offsets = [m.offset() for m in late if m.partition() == position.partition]
            same(f"offset of partition {position.partition}", position.offset, min(offsets))
    finally:
        consumer.close()
    again = client.read_all(topic, len(late), found)
    same("records after the time", sorted(map(tuple_of, again), key=lambda r: r[3]),
         sorted(map(tuple_of, late), key=lambda r: r[3]))


def delete_records(client, topic, messages):
    """Records before an offset are gone: the low watermark and a reader from the start agree."""
    target = [m for m in messages if m.key() == b"key-0"][0].partition()
    before = len([m for m in messages if m.partition() == target]) // 2
    position = TopicPartition(topic, target, before)
    low = list(client.admin.delete_records([position]).values())[0].result(STEP_LIMIT)
    same("low watermark", low.low_watermark, before)
    spec = {TopicPartition(topic, target): OffsetSpec.earliest()}
    earliest = list(client.admin.list_offsets(spec).values())[0].result(STEP_LIMIT)
    same("earliest offset", earliest.offset, before)
    left = client.read_all(topic, len(messages) - before)
    same("first offset", min(m.offset() for m in left if m.partition() == target), before)


def delete_topic(client, topic):
    client.admin.delete_topics([topic])[topic].result(STEP_LIMIT)
    deadline = time.monotonic() + STEP_LIMIT
    while topic in client.admin.list_topics(timeout=STEP_LIMIT).topics:
        if time.monotonic() > deadline:
            raise AssertionError(f"{topic} is still listed")
        time.sleep(0.1)


def basic(client):
    topic = f"basic-{uuid.uuid4().hex[:8]}"
    base = int(time.time() * 1000) - 3_600_000
    check("create topic", client.create, topic)
    sent = []
    for codec in CODECS:
        records = records_for(codec, base, len(sent))
        check(f"produce {codec}", client.produce, topic, records, {"compression.type": codec})
        sent += records
    records = records_for("idempotent", base, len(sent))
    check("produce idempotent", client.produce, topic, records,
          {"enable.idempotence": True, "acks": "all"})
    sent += records

    def consume():
        messages = client.read_all(topic, len(sent))
        check_contents(messages, sent)
        return messages

    messages = check("consume and compare", consume)
    check("seek by time", seek_by_time, client, topic, messages, base)
    check("delete records", delete_records, client, topic, messages)
    check("delete topic", delete_topic, client, topic)


def plain(first, count):
    return [(f"key-{i % 16}".encode(), str(i).encode(), [], int(time.time() * 1000))
            for i in range(first, first + count)]


def numbers(messages):
    return sorted(int(m.value()) for m in messages)


def group(client):
    topic, name = f"group-{uuid.uuid4().hex[:8]}", f"g-{uuid.uuid4().hex[:8]}"
    client.create(topic)
    client.produce(topic, plain(0, 200), {})
    one, two = client.consumer(name), client.consumer(name)
    seen = []

    def both():
        one.subscribe([topic])
        two.subscribe([topic])
        deadline = time.monotonic() + STEP_LIMIT
        while time.monotonic() < deadline:
            for member in (one, two):
                message = member.poll(0.05)
                if message is not None:
                    add(seen, message)
                    member.commit(message, asynchronous=False)
            parts = [{p.partition for p in m.assignment()} for m in (one, two)]
            if [len(p) for p in parts] == [2, 2] and len(seen) >= 200:
                break
        same("partitions of both", sorted(parts[0] | parts[1]), list(range(PARTITIONS)))
        same("partitions of each", [len(p) for p in parts], [2, 2])
        same("records", sorted(set(numbers(seen))), list(range(200)))

    def leave():
        two.close()
        deadline = time.monotonic() + STEP_LIMIT
        while time.monotonic() < deadline and len(one.assignment()) < PARTITIONS:
            same("records nobody produced", one.poll(0.1), None)
        same("partitions of the one left", len(one.assignment()), PARTITIONS)
        client.produce(topic, plain(200, 80), {})
        same("records of the one left", numbers(poll(one, 80)), list(range(200, 280)))

    def resume():
        one.commit(asynchronous=False)
        one.close()
        client.produce(topic, plain(280, 40), {})
        again = client.consumer(name)
        try:
            again.subscribe([topic])
            got = poll(again, 40)
            same("records after the commit", numbers(got), list(range(280, 320)))
        finally:
            again.close()

    check("group of two", both)
    check("member leaves", leave)
    check("commit and resume", resume)


def kill_producer(client, acked_path, count):
    topic = "kill"
    client.create(topic)

    def run():
        errors, acked = [], 0

        def done(error, message):
            nonlocal acked
            if error is not None:
                errors.append(error)
                return
            acked += 1
            file.write(f"{message.partition()} {message.offset()} {message.key().decode()} "
                       f"{message.value().decode()}\n")
            if acked % 50 == 0:
                print(json.dumps({"acked": acked}), flush=True)

        producer = Producer({"bootstrap.servers": client.bootstrap, "enable.idempotence": True,
                             "acks": "all", "linger.ms": 2, "retry.backoff.ms": 50,
                             "reconnect.backoff.max.ms": 500})
        with open(acked_path, "w") as file:
            for i in range(count):
                producer.produce(topic, str(i), f"key-{i % 16}", on_delivery=done)
                producer.poll(0.001)
            same("records left after flush", producer.flush(60), 0)
        same("delivery errors", errors, [])
        same("acknowledged", acked, count)

    check("produce through kill -9", run)


def verify(client, acked_path, count):
    with open(acked_path) as file:
        acked = {}
        for line in file:
            partition, offset, key, value = line.split()
            acked[(int(partition), int(offset))] = (key, value)

    def there():
        consumer = client.consumer()
        total = 0
        try:
            for p in range(PARTITIONS):
                total += consumer.get_watermark_offsets(TopicPartition("kill", p), STEP_LIMIT)[1]
        finally:
            consumer.close()
        messages = client.read_all("kill", total)
        found = {(m.partition(), m.offset()): (m.key().decode(), m.value().decode())
                 for m in messages}
        for position, record in acked.items():
            same(f"record at {position}", found.get(position), record)
        same("acknowledged records", len(acked), count)
        return messages

    def ordered():
        for key in {m.key() for m in messages}:
            values = [int(m.value()) for m in messages if m.key() == key]
            same(f"order of {key}", values, sorted(values))

    messages = check("acknowledged records are there", there)
    check("order is kept", ordered)
    check("each record once", lambda: same("values", numbers(messages), list(range(count))))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--phase", required=True)
    parser.add_argument("--acked", required=True)
    parser.add_argument("--kill-records", type=int, required=True)
    arguments = parser.parse_args()
    client = Client(arguments.bootstrap)
    if arguments.phase == "basic":
        basic(client)
    elif arguments.phase == "group":
        group(client)
    elif arguments.phase == "kill-producer":
        kill_producer(client, arguments.acked, arguments.kill_records)
    elif arguments.phase == "verify":
        verify(client, arguments.acked, arguments.kill_records)
    else:
        parser.error(f"unknown phase {arguments.phase}")


if __name__ == "__main__":
    main()
