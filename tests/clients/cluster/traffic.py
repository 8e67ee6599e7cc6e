"""What a cluster is judged by: numbered records that are written all the time, a group that reads
along and commits, and a reader that compares everything with what was acknowledged.
"""

import collections
import threading
import time

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, Producer, TopicPartition

PARTITIONS = 8
RATE = 400  # records a second, over all partitions
# How soon librdkafka tries again; its defaults are 100 ms and 10 s. Nodes that are down are no news.
AGAIN = {"retry.backoff.ms": 50, "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 500,
         "log_level": 0}

Ack = collections.namedtuple("Ack", "number offset at")


class Writer(threading.Thread):
    """An idempotent producer. Each partition's records are numbered from 0."""

    def __init__(self, bootstrap, topic):
        super().__init__(name="writer", daemon=True)
        self.topic = topic
        self.sent = [0] * PARTITIONS
        self.acks = [[] for _ in range(PARTITIONS)]
        self.errors = []
        self.halt = threading.Event()
        self.producer = Producer({
            "bootstrap.servers": bootstrap, "enable.idempotence": True, "acks": "all",
            "linger.ms": 2, "message.timeout.ms": 120_000, "error_cb": self._failed, **AGAIN})

    def _failed(self, error):
        """Nodes that are down are reported here too, and are no matter."""
        if error.fatal():
            self.errors.append(f"fatal: {error}")

    def _delivered(self, partition, number):
        def done(error, message):
            if error is not None:
                self.errors.append(f"record {number} of partition {partition}: {error}")
                return
            self.acks[partition].append(Ack(number, message.offset(), time.monotonic()))
        return done

    def run(self):
        turn, due = 0, time.monotonic()
        while not self.halt.is_set():
            partition = turn % PARTITIONS
            number = self.sent[partition]
            try:
                self.producer.produce(self.topic, f"{partition}-{number}", partition=partition,
                                      on_delivery=self._delivered(partition, number))
                self.sent[partition] += 1
                turn += 1
            except BufferError:  # an outage filled the queue: nothing was sent, try again
                self.producer.poll(0.1)
            except KafkaException as error:
                self.errors.append(f"produce: {error}")
                return
            due = max(due + 1 / RATE, time.monotonic() - 0.1)
            self.producer.poll(0)
            time.sleep(max(0.0, due - time.monotonic()))

    def finish(self, limit):
        """Stops writing and waits for the rest; gives how many records are left without answer."""
        self.halt.set()
        self.join()
        return self.producer.flush(limit)

    def acknowledged(self):
        return sum(map(len, self.acks))

    def gap(self, partition, since, until=None):
        """The longest time in which `partition` got no acknowledgement, in seconds, of those that
        reach into the time from `since` to `until` (now)."""
        until = until or time.monotonic()
        longest, before = 0.0, since
        for ack in reversed(self.acks[partition][:]):
            if ack.at < since:
                before = ack.at
                break
        times = [ack.at for ack in self.acks[partition][:] if since <= ack.at <= until]
        for at in [*times, until]:
            longest, before = max(longest, at - before), at
        return longest

    def gaps(self, since, partitions=range(PARTITIONS), until=None):
        return {partition: self.gap(partition, since, until) for partition in partitions}


class Group:
    """A group of one that reads along and commits, and an onlooker who asks for what it has
    committed: that may never be less than what was acknowledged or seen before."""

    def __init__(self, bootstrap, topic, name):
        self.topic = topic
        self.following = [0] * PARTITIONS  # the number that comes next
        self.positions = {}  # the offset behind the last record
        self.committed = {}  # acknowledged
        self.seen = {}
        self.errors, self.looks, self.failed_looks = [], 0, 0
        self.commits = self.rebalances = self.again = 0
        # One at a time: librdkafka tries a commit that failed again behind those that came after.
        self.committing = False
        self.halt = threading.Event()
        settings = {"bootstrap.servers": bootstrap, "group.id": name, "enable.auto.commit": False,
                    "auto.offset.reset": "earliest", "session.timeout.ms": 10_000,
                    "heartbeat.interval.ms": 1000, **AGAIN}
        self.consumer = Consumer({**settings, "on_commit": self._on_commit})
        self.onlooker = Consumer(settings)
        self.threads = [threading.Thread(target=run, daemon=True) for run in (self._read, self._look)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def begun(self, limit):
        """Waits until it has committed something."""
        deadline = time.monotonic() + limit
        while not self.commits:
            if time.monotonic() > deadline:
                raise AssertionError(f"nothing was committed in {limit} s")
            time.sleep(0.1)

    def finish(self, sent, limit):
        """Reads on until everything that was sent has come, then leaves."""
        deadline = time.monotonic() + limit
        while self.following != sent and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1.0)  # one commit and one look more
        self.halt.set()
        for thread in self.threads:
            thread.join(20)
            if thread.is_alive():
                self.errors.append("a consumer did not close within 20 s")

    def _on_commit(self, error, partitions):
        self.committing = False
        if error is not None:
            return
        self.commits += 1
        for one in partitions:
            if one.error is None and one.offset >= 0:
                self.committed[one.partition] = max(one.offset, self.committed.get(one.partition, 0))

    def _assigned(self, _consumer, _partitions):
        self.rebalances += 1

    def _read(self):
        self.consumer.subscribe([self.topic], on_assign=self._assigned)
        due, told = 0.0, {}
        while not self.halt.is_set():
            message = self.consumer.poll(0.05)
            if message is not None and message.error() is None:
                self._take(message)
            if time.monotonic() >= due and self.positions != told and not self.committing:
                due, told = time.monotonic() + 0.5, dict(self.positions)
                offsets = [TopicPartition(self.topic, p, at) for p, at in told.items()]
                try:
                    self.committing = True
                    self.consumer.commit(offsets=offsets, asynchronous=True)
                except KafkaException as error:
                    self.errors.append(f"commit: {error}")
        self.consumer.close()

    def _take(self, message):
        partition, number = map(int, message.value().split(b"-"))
        expected = self.following[partition]
        if message.partition() != partition:
            self.errors.append(f"record {message.value()} in partition {message.partition()}")
        elif number == expected:
            self.following[partition] += 1
            self.positions[partition] = message.offset() + 1
        elif number > expected:
            self.errors.append(f"partition {partition}: {number} came where {expected} was due")
            self.following[partition] = number + 1
            self.positions[partition] = message.offset() + 1
        elif message.offset() < self.committed.get(partition, 0):
            self.errors.append(f"partition {partition}: offset {message.offset()} came again, "
                               f"{self.committed[partition]} was committed")
        else:  # read again after a rebalance, as it was not committed
            self.again += 1

    def _look(self):
        while not self.halt.is_set():
            floor = dict(self.committed)
            wanted = [TopicPartition(self.topic, p) for p in range(PARTITIONS)]
            try:
                found = self.onlooker.committed(wanted, timeout=3)
            except KafkaException:  # the coordinator is away: nothing was claimed
                self.failed_looks += 1
                self.halt.wait(0.2)
                continue
            self.looks += 1
            for one in found:
                if one.error is not None:
                    continue
                least = max(floor.get(one.partition, OFFSET_INVALID),
                            self.seen.get(one.partition, OFFSET_INVALID))
                if one.offset < least:
                    self.errors.append(f"partition {one.partition}: {one.offset} is committed where "
                                       f"it was {least} before")
                self.seen[one.partition] = max(least, one.offset)
            self.halt.wait(0.5)
        self.onlooker.close()


def read_all(bootstrap, topic, partitions, limit=60):
    """Every record of a topic: partition → [(offset, value)]. A change of voters takes an offset
    without a record, so the end of a partition is what the client says it is."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused",
                         "enable.auto.commit": False, "auto.offset.reset": "error",
                         "enable.partition.eof": True, **AGAIN})
    try:
        records = {p: [] for p in range(partitions)}
        consumer.assign([TopicPartition(topic, p, 0) for p in range(partitions)])
        deadline = time.monotonic() + limit
        left = set(range(partitions))
        while left:
            if time.monotonic() > deadline:
                raise AssertionError(f"partitions {sorted(left)} were not read in {limit} s")
            for message in consumer.consume(1000, 0.2):
                if message.error() is None:
                    records[message.partition()].append((message.offset(), message.value()))
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    left.discard(message.partition())
                else:
                    raise AssertionError(f"reading {topic}: {message.error()}")
        return records
    finally:
        consumer.close()


def compare(writer, records):
    """What is wrong with `records`, given what `writer` sent and what was acknowledged."""
    wrong = []
    for partition, got in records.items():
        numbers = [int(value.split(b"-")[1]) for _, value in got]
        counts = collections.Counter(numbers)
        twice = [number for number, count in counts.items() if count > 1]
        if twice:
            wrong.append(f"partition {partition}: {len(twice)} records more than once: {twice[:5]}")
        if numbers != sorted(numbers):
            wrong.append(f"partition {partition}: not in order")
        lost = [ack for ack in writer.acks[partition] if ack.number not in counts]
        if lost:
            wrong.append(f"partition {partition}: {len(lost)} acknowledged records are lost, "
                         f"the first is {lost[0].number} at {lost[0].offset}")
        at = dict(got)
        moved = [ack for ack in writer.acks[partition] if ack.offset >= 0 and ack not in lost
                 and at.get(ack.offset) != f"{partition}-{ack.number}".encode()]
        if moved:
            wrong.append(f"partition {partition}: {len(moved)} records are not where they were "
                         f"acknowledged: {moved[:3]}")
        unknown = [number for number in counts if number >= writer.sent[partition]]
        if unknown:
            wrong.append(f"partition {partition}: records that nobody sent: {unknown[:5]}")
    return wrong
