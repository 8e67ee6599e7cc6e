#!/usr/bin/env python3
"""confluent-kafka (librdkafka) clients that write down all they do. Told on standard input what comes next:

    produce    until `finish`: two idempotent producers, of which one gives up soon, and a plain one
    consume    until `finish`: two members of a group, a reader, and two that ask for offsets
    judge      reads everything once from each rack's replica, and ends by itself
"""

import argparse
import pathlib
import random
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from faults.history import History, record_of, value_of  # noqa: E402

AGAIN = {"retry.backoff.ms": 50, "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 500,
         "socket.timeout.ms": 10_000, "socket.connection.setup.timeout.ms": 3000, "log_level": 0}
# How long a producer tries: one that has patience, and one that has none.
PATIENT_MS, HASTY_MS = 120_000, 3000
FLUSH_LIMIT, JUDGE_LIMIT = 60, 90


class Job:
    """What all clients of this process share."""

    def __init__(self, options):
        self.options = options
        self.history = History(options.history)
        self.finish = threading.Event()
        self.partitions = [f"{options.topic}-{index}" for index in range(options.partitions)]

    def settings(self, **more):
        return {"bootstrap.servers": self.options.bootstrap, **AGAIN,
                **{key.replace("_", "."): value for key, value in more.items()}}

    def consumer(self, **more):
        return Consumer(self.settings(**{
            "group_id": "unused", "enable_auto_commit": False, "auto_offset_reset": "earliest",
            "session_timeout_ms": 6000, "heartbeat_interval_ms": 1000,
            "topic_metadata_refresh_interval_ms": 5000, **more}))

    def at(self, index, offset=None):
        return TopicPartition(self.options.topic, index, *([] if offset is None else [offset]))

    def run(self, *jobs):
        """Runs each in a thread; an error of one is this process's."""
        errors = []

        def guarded(job):
            try:
                job()
            except Exception as error:  # reported by the exit code, with its name
                errors.append(f"{getattr(job, '__name__', job)}: {type(error).__name__}: {error}")
                print(errors[-1], flush=True)

        threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return errors


class Sender:
    """A producer. A plain one has one record of each partition under way: it may send that again,
    and another one beside it could overtake it."""

    def __init__(self, job, number, idempotent, delivery_ms):
        self.job, self.number, self.idempotent = job, number, idempotent
        self.delivery_ms = delivery_ms
        self.client = f"producer-{number}"
        self.session = self.sent = 0
        self.busy = set()
        self.random = random.Random(number)

    def run(self):
        while not self.job.finish.is_set():
            self._session()
        self.job.history.note(self.client, "close", None)

    def _session(self):
        self.session, self.sent, self.fatal = self.session + 1, 0, False
        history = self.job.history
        history.note(self.client, "producer",
                     {"producer": f"{self.number}/{self.session}", "idempotent": self.idempotent})
        more = {"enable_idempotence": True} if self.idempotent else {
            "enable_idempotence": False, "max_in_flight_requests_per_connection": 1}
        producer = Producer({**self.job.settings(acks="all", linger_ms=2, **more),
                             "message.timeout.ms": self.delivery_ms,
                             "request.timeout.ms": min(5000, self.delivery_ms // 2),
                             "compression.type": self.random.choice(["lz4", "zstd"]) if self.idempotent else "none",
                             "error_cb": self._failed})
        due = time.monotonic()
        while not self.job.finish.is_set() and not self.fatal:
            self._send(producer)
            due = max(due + 1 / self.job.options.rate, time.monotonic() - 0.1)
            producer.poll(0)
            time.sleep(max(0.0, due - time.monotonic()))
        producer.flush(FLUSH_LIMIT)
        self.busy.clear()

    def _failed(self, error):
        self.fatal |= error.fatal()

    def _send(self, producer):
        free = [index for index in range(self.job.options.partitions) if index not in self.busy]
        if not free:
            return
        index = self.random.choice(free)
        self.sent += 1
        record, at = f"{self.number}/{self.session}/{self.sent}", self.job.partitions[index]
        operation = self.job.history.begin(self.client, "send", [["send", at, record]])
        session = self.session

        def told(error, message):
            if session == self.session and not self.idempotent:
                self.busy.discard(index)
            if error is None:
                offset = message.offset()
                offset = None if offset is None or offset == -1001 else offset
                self.job.history.end(operation, "ok", [["send", at, [offset, record]]])
                return
            code = [error.code()] if error.code() > 0 else []
            self.job.history.end(operation, "info", [["send", at, [None, record], *code]])

        try:
            if not self.idempotent:
                self.busy.add(index)
            most = 20_000 if self.random.random() < 0.2 else 500
            producer.produce(self.job.options.topic, value_of(record, self.random.randrange(20, most)),
                             partition=index, on_delivery=told)
        except (BufferError, KafkaException):  # it was not taken in
            self.busy.discard(index)
            self.job.history.end(operation, "fail", [["send", at, [None, record]]])
            producer.poll(0.05)


class Poll:
    """A poll under way, and what it has brought."""

    def __init__(self, job, client):
        self.job, self.client = job, client
        self.operation, self.brought = None, {}

    def begin(self):
        self.operation, self.brought = self.job.history.begin(self.client, "poll", [["poll"]]), {}

    def take(self, message):
        records = self.brought.setdefault(f"{message.topic()}-{message.partition()}", [])
        records.append([message.offset(), record_of(message.value())])

    def end(self):
        if self.operation is not None:
            self.job.history.end(self.operation, "ok", [["poll", self.brought]])
        self.operation = None

    def fill(self, consumer, seconds, most=200):
        """Polls for that long; gives the partitions whose end was reached."""
        self.begin()
        ended, deadline, count = set(), time.monotonic() + seconds, 0
        while count < most:
            message = consumer.poll(max(0.0, deadline - time.monotonic()))
            if message is None:
                break
            if message.error() is None:
                self.take(message)
                count += 1
            elif message.error().code() == KafkaError._PARTITION_EOF:
                ended.add(message.partition())
            elif message.error().fatal():
                raise KafkaException(message.error())
        return ended


class Member:
    """One of the group: commits what it has handled, one commit at a time."""

    def __init__(self, job, number):
        self.job, self.client = job, f"librdkafka-member-{number}"
        self.number = number

    def run(self):
        history = self.job.history
        generator = random.Random(self.number)
        while not self.job.finish.is_set():
            history.note(self.client, "subscribe", [self.job.options.topic])
            consumer = self.job.consumer(
                group_id="readers", partition_assignment_strategy="range",
                client_rack=f"r{1 + self.number % 3}")
            poll = Poll(self.job, self.client)
            positions = {}

            def assigned(_consumer, partitions, poll=poll, positions=positions):
                # What came before this belongs to what it was given before.
                was_open = poll.operation is not None
                poll.end()
                positions.clear()
                history.note(self.client, "assign",
                             [f"{one.topic}-{one.partition}" for one in partitions])
                if was_open:
                    poll.begin()

            consumer.subscribe([self.job.options.topic], on_assign=assigned,
                               on_revoke=lambda *_: positions.clear())
            for _ in range(generator.randrange(100, 400)):
                if self.job.finish.is_set():
                    break
                poll.fill(consumer, 0.1)
                for at, records in poll.brought.items():
                    positions[at] = records[-1][0] + 1
                poll.end()
                self._commit(consumer, positions)
            consumer.close()

    def _commit(self, consumer, positions):
        if not positions:
            return
        told = dict(positions)
        offsets = [self.job.at(int(at.rsplit("-", 1)[1]), offset) for at, offset in told.items()]
        operation = self.job.history.begin(self.client, "commit", told)
        try:
            done = consumer.commit(offsets=offsets, asynchronous=False)
            failed = any(one.error is not None for one in done)
        except KafkaException:
            failed = True
        self.job.history.end(operation, "info" if failed else "ok", told)
        if not failed:
            for at, offset in told.items():
                if positions.get(at) == offset:
                    del positions[at]


def read_all(job, client, limit, **more):
    """Reads from the beginning to the end; whether it came there in time."""
    job.history.note(client, "assign", job.partitions)
    consumer = job.consumer(enable_partition_eof=True, **more)
    consumer.assign([job.at(index, 0) for index in range(job.options.partitions)])
    poll, left = Poll(job, client), set(range(job.options.partitions))
    deadline = time.monotonic() + limit
    try:
        while left and time.monotonic() < deadline:
            left -= poll.fill(consumer, 0.2, most=1000)
            poll.end()
    finally:
        poll.end()
        consumer.close()
    return not left


def read_again_and_again(job):
    while not job.finish.is_set():
        read_all(job, "librdkafka-reader", 20)
        job.finish.wait(1)


def ask_for_ends(job, client, index, consumer):
    operations = [(name, job.history.begin(client, "list-offsets", {job.partitions[index]: name}))
                  for name in ("Earliest", "Latest")]
    try:
        told = consumer.get_watermark_offsets(job.at(index), timeout=5, cached=False)
    except KafkaException:
        told = None
    for place, (_, operation) in enumerate(operations):
        if told is None:
            job.history.end(operation, "fail", None)
        else:
            job.history.end(operation, "ok", {job.partitions[index]: told[place]})
    if told is None:
        learn_leaders(job, consumer)
    return told


def learn_leaders(job, consumer):
    """librdkafka asks again for offsets, but not for who leads by now."""
    try:
        consumer.list_topics(job.options.topic, timeout=5)
    except KafkaException:
        job.finish.wait(0.2)


def list_offsets(job):
    consumer, index = job.consumer(), 0
    while not job.finish.wait(0.1):
        ask_for_ends(job, "librdkafka-lister", index % job.options.partitions, consumer)
        index += 1
    consumer.close()


def look_at_commits(job):
    consumer = job.consumer(group_id="readers")
    wanted = [job.at(index) for index in range(job.options.partitions)]
    while not job.finish.wait(0.3):
        operation = job.history.begin("librdkafka-onlooker", "committed", job.partitions)
        try:
            found = consumer.committed(wanted, timeout=5)
        except KafkaException:
            job.history.end(operation, "fail", None)
            continue
        told = {f"{one.topic}-{one.partition}": one.offset if one.offset >= 0 else None
                for one in found if one.error is None}
        job.history.end(operation, "ok", told)
    consumer.close()


def judge(job):
    """What there is in the end, as each node's replica has it."""
    consumer = job.consumer()
    for index in range(job.options.partitions):
        deadline = time.monotonic() + JUDGE_LIMIT
        while ask_for_ends(job, "judge", index, consumer) is None:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the ends of {job.partitions[index]} are not told")
    consumer.close()
    for rack in job.options.racks.split(","):
        if not read_all(job, "judge", JUDGE_LIMIT, client_rack=rack):
            raise RuntimeError(f"not everything was read within {JUDGE_LIMIT} s, asked from rack {rack}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=["produce", "consume", "judge"])
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--history", required=True)
    parser.add_argument("--rate", type=float, default=40.0, help="records a second of each producer")
    parser.add_argument("--racks", default="r1,r2,r3")
    job = Job(parser.parse_args())

    def listen():
        sys.stdin.readline()
        job.finish.set()

    threading.Thread(target=listen, daemon=True).start()
    jobs = {
        "produce": [Sender(job, 1, True, PATIENT_MS).run, Sender(job, 2, False, HASTY_MS).run,
                    Sender(job, 3, True, HASTY_MS).run],
        "consume": [Member(job, 1).run, Member(job, 2).run, lambda: read_again_and_again(job),
                    lambda: list_offsets(job), lambda: look_at_commits(job)],
        "judge": [lambda: judge(job)],
    }
    return 1 if job.run(*jobs[job.options.job]) else 0


if __name__ == "__main__":
    sys.exit(main())
