"""Apache Kafka's command-line tools against a broker: the phases of the harness.

Each tool runs as its own Java process with the class that Kafka's shell scripts name. What a tool
prints is its answer, so the checks read its output.
"""

import json
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from harness import apis, cli  # noqa: E402
from harness.cli import PARTITIONS, check, holds, same  # noqa: E402
from harness.wire import Connection, WireError  # noqa: E402

parser = cli.parser()
parser.add_argument("--jars", required=True)
options = parser.parse_args()

TOOLS = "org.apache.kafka.tools."
TOPICS = TOOLS + "TopicCommand"
CONFIGS = "kafka.admin.ConfigCommand"
GROUPS = TOOLS + "consumer.group.ConsumerGroupCommand"
OFFSETS = TOOLS + "GetOffsetShell"
PRODUCER = TOOLS + "ConsoleProducer"
CONSUMER = TOOLS + "consumer.ConsoleConsumer"
PRINT = ["key", "headers", "timestamp", "partition", "offset"]


def tool(name, *arguments):
    return ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto",
            "-cp", f"{options.jars}/*", name, *arguments, "--bootstrap-server", options.bootstrap]


def output(name, *arguments):
    return cli.run(tool(name, *arguments))[0]


def create(topic):
    out = output(TOPICS, "--create", "--topic", topic, "--partitions", str(PARTITIONS),
                 "--replication-factor", "1")
    holds("output", out, f"Created topic {topic}.")


def producer(topic, *arguments, headers=False):
    shape = ["parse.key=true", "key.separator=|"]
    if headers:
        shape += ["parse.headers=true", "headers.delimiter=;"]
    wanted = [part for entry in shape for part in ("--reader-property", entry)]
    return tool(PRODUCER, "--topic", topic, *wanted, *arguments)


def produce(topic, records, codec="none", header=None, idempotent=False):
    text = cli.lines_of(records)
    if header is not None:
        text = "".join(f"codec:{header};{line}\n" for line in text.splitlines())
    out, errors = cli.run(producer(
        topic, "--compression-codec", codec, "--command-property", "acks=all",
        "--command-property", f"enable.idempotence={str(idempotent).lower()}",
        headers=header is not None), text)
    if "ERROR" in out + errors:
        raise cli.CheckError(out + errors)


def printing():
    return [part for entry in PRINT for part in ("--formatter-property", f"print.{entry}=true")]


def message(line):
    """One line of the console consumer as a dict."""
    stamp, partition, offset, headers, key, value = line.split("\t")
    return {"timestamp": int(stamp.split(":")[1]), "partition": int(partition.split(":")[1]),
            "offset": int(offset.split(":")[1]), "headers": headers, "key": key, "value": value}


def consume(topic, count, *arguments):
    out = output(CONSUMER, "--topic", topic, "--max-messages", str(count),
                 "--timeout-ms", "15000", *printing(), *arguments)
    messages = [message(line) for line in out.splitlines() if line.startswith("CreateTime:")]
    same("records read", len(messages), count)
    return messages


def pairs(messages):
    return [(m["key"], m["value"]) for m in messages]


def numbers(messages):
    return sorted(int(m["value"]) for m in messages)


def offsets(topic, when):
    found = re.findall(rf"^{topic}:(\d+):(\d+)$", output(OFFSETS, "--topic", topic,
                                                        "--time", str(when)), re.MULTILINE)
    return {int(partition): int(offset) for partition, offset in found}


# --- basic ---------------------------------------------------------------------------------------

def basic():
    topic = f"basic-{time.time_ns()}"
    began = int(time.time() * 1000)
    check("broker-api-versions", api_versions)
    check("cluster id", lambda: same("cluster id", bool(re.search(
        r"Cluster ID: \S{22}\s", output(TOOLS + "ClusterTool", "cluster-id"))), True))
    check("create topic", create, topic)
    check("describe topic", describe_topic, topic)
    entity = ["--entity-type", "topics", "--entity-name", topic]
    check("alter config", lambda: holds("output", output(
        CONFIGS, "--alter", *entity, "--add-config", "max.message.bytes=500000"), "Completed"))
    check("describe config", lambda: holds("output", output(
        CONFIGS, "--describe", *entity),
        "max.message.bytes=500000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:"))
    broker = ["--entity-type", "brokers", "--entity-default"]
    check("alter broker config", lambda: holds("output", output(
        CONFIGS, "--alter", *broker, "--add-config", "log.retention.ms=86400000"), "Completed"))
    check("describe broker config", lambda: holds("output", output(
        CONFIGS, "--describe", *broker),
        "log.retention.ms=86400000 sensitive=false synonyms={DYNAMIC_DEFAULT_BROKER_CONFIG:"))
    check("delete broker config", lambda: holds("output", output(
        CONFIGS, "--alter", *broker, "--delete-config", "log.retention.ms"), "Completed"))
    check("invalid config is refused", invalid_config, entity)
    sent = []
    for codec in cli.CODECS:
        records = cli.records_for(codec)
        check(f"produce {codec}", produce, topic, records, codec, codec)
        sent += records
    records = cli.records_for("idempotent")
    middle = int(time.time() * 1000)
    check("produce idempotent", produce, topic, records, "none", "idempotent", True)
    sent += records
    messages = check("consume and compare", compare, topic, sent, began)
    ends = {p: len([m for m in messages if m["partition"] == p]) for p in range(PARTITIONS)}
    check("get-offsets", get_offsets, topic, ends)
    check("seek by time", seek_by_time, topic, messages, middle)
    perf = f"perf-{time.time_ns()}"
    check("producer-perf-test", producer_perf, perf)
    check("consumer-perf-test", consumer_perf, perf)
    check("log-dirs", log_dirs, topic)
    check("delete records", delete_records, topic, messages, ends)
    check("delete topic", delete_topic, topic)


def api_versions():
    out = output(TOOLS + "BrokerApiVersionsCommand")
    for api in ("Produce(0): 0 to", "Fetch(1): 4 to", "ApiVersions(18): 0 to"):
        holds("output", out, api)


def describe_topic(topic):
    out = output(TOPICS, "--describe", "--topic", topic)
    holds("output", out, f"PartitionCount: {PARTITIONS}\tReplicationFactor: 1")
    same("partition lines", len(re.findall(r"\tPartition: \d+\tLeader: \d+", out)), PARTITIONS)


def invalid_config(entity):
    _, errors = cli.run(tool(CONFIGS, "--alter", *entity, "--add-config", "retention.ms=abc"),
                        code=1)
    holds("output", errors,
          "Invalid value abc for configuration retention.ms: Not a number of type LONG")


def compare(topic, sent, began):
    messages = consume(topic, len(sent), "--from-beginning")
    same("records of each key, in order", cli.by_key(pairs(messages)), cli.by_key(sent))
    for m in messages:
        same("headers", m["headers"], "codec:" + m["value"].split("-")[0])
        if not began <= m["timestamp"] <= time.time() * 1000:
            raise cli.CheckError(f"timestamp {m['timestamp']} is not of this run")
    for partition in range(PARTITIONS):
        found = [m["offset"] for m in messages if m["partition"] == partition]
        same(f"offsets of {partition}", found, list(range(len(found))))
    return messages


def get_offsets(topic, ends):
    same("latest", offsets(topic, "latest"), ends)
    same("earliest", offsets(topic, "earliest"), {p: 0 for p in range(PARTITIONS)})


def seek_by_time(topic, messages, middle):
    late = [m for m in messages if m["timestamp"] >= middle]
    same("records after the time", len(late), cli.PER_CODEC)
    first = {p: min(m["offset"] for m in late if m["partition"] == p) for p in range(PARTITIONS)}
    same("offsets at the time", offsets(topic, middle), first)
    wanted = [m for m in late if m["partition"] == late[0]["partition"]]
    got = consume(topic, len(wanted), "--partition", str(late[0]["partition"]),
                  "--offset", str(wanted[0]["offset"]))
    same("records from there", pairs(got), pairs(wanted))


def producer_perf(topic):
    create(topic)
    out = output(TOOLS + "ProducerPerformance", "--topic", topic, "--num-records", "20000",
                 "--record-size", "100", "--throughput", "-1", "--command-property", "acks=all")
    holds("output", out, "20000 records sent")
    same("records in the log", sum(offsets(topic, "latest").values()), 20000)


def consumer_perf(topic):
    out = output(TOOLS + "ConsumerPerformance", "--topic", topic, "--num-records", "20000",
                 "--timeout", "15000", "--hide-header")
    same("records consumed", out.strip().splitlines()[-1].split(", ")[4], "20000")


def log_dirs(topic):
    out = output(TOOLS + "LogDirsCommand", "--describe", "--topic-list", topic)
    answer = json.loads(out.splitlines()[-1])
    found = answer["brokers"][0]["logDirs"][0]
    same("error", found["error"], None)
    sizes = {p["partition"]: p["size"] for p in found["partitions"]}
    same("partitions", sorted(sizes), [f"{topic}-{p}" for p in range(PARTITIONS)])
    same("empty partitions", [p for p, size in sizes.items() if size <= 0], [])


def delete_records(topic, messages, ends):
    target = messages[0]["partition"]
    before = ends[target] // 2
    plan = pathlib.Path("delete-records.json")
    plan.write_text(json.dumps({"version": 1, "partitions": [
        {"topic": topic, "partition": target, "offset": before}]}))
    out = output(TOOLS + "DeleteRecordsCommand", "--offset-json-file", str(plan))
    holds("output", out, f"partition: {topic}-{target}\tlow_watermark: {before}")
    same("earliest", offsets(topic, "earliest")[target], before)
    left = [m for m in messages if m["partition"] == target and m["offset"] >= before]
    got = consume(topic, len(left), "--partition", str(target), "--offset", "earliest")
    same("records left", pairs(got), pairs(left))


def delete_topic(topic):
    output(TOPICS, "--delete", "--topic", topic)
    cli.wait_for("the topic is gone",
                 lambda: topic not in output(TOPICS, "--list").splitlines())


# --- group ---------------------------------------------------------------------------------------

class Member(cli.Process):
    def __init__(self, group, topic):
        settings = ["auto.offset.reset=earliest", "auto.commit.interval.ms=300",
                    "session.timeout.ms=6000", "heartbeat.interval.ms=500"]
        given = [part for entry in settings for part in ("--command-property", entry)]
        super().__init__(tool(CONSUMER, "--topic", topic, "--group", group, *given, *printing()))

    def messages(self):
        return [message(line) for line in list(self.out) if line.startswith("CreateTime:")]


def assignments(group):
    """The partitions that each of the group's members owns."""
    out = output(GROUPS, "--describe", "--group", group, "--members", "--verbose")
    return sorted(re.findall(r":([\d,]+)", line) for line in out.splitlines()
                  if line.startswith(group))


def group():
    topic, name = f"group-{time.time_ns()}", f"g-{time.time_ns()}"
    create(topic)
    produce(topic, cli.numbered(0, 200))
    one, two = Member(name, topic), Member(name, topic)

    def both():
        cli.wait_for("two partitions each",
                     lambda: assignments(name) == [["0,1"], ["2,3"]])
        cli.wait_for("200 records", lambda: len(one.messages() + two.messages()) >= 200)
        same("records", numbers(one.messages() + two.messages()), list(range(200)))

    def leave():
        two.stop()
        cli.wait_for("all partitions", lambda: assignments(name) == [["0,1,2,3"]])
        before = len(one.messages())
        produce(topic, cli.numbered(200, 80))
        cli.wait_for("80 records", lambda: len(one.messages()) >= before + 80)
        same("records of the one left", numbers(one.messages()[before:]), list(range(200, 280)))

    def resume():
        one.stop()
        produce(topic, cli.numbered(280, 40))
        again = Member(name, topic)
        cli.wait_for("40 records", lambda: len(again.messages()) >= 40)
        again.stop()
        same("records after the commit", numbers(again.messages()), list(range(280, 320)))

    check("group of two", both)
    check("member leaves", leave)
    check("commit and resume", resume)
    check("describe group", lambda: same("total of offsets and lag", described(name), (320, 0)))
    check("list groups", lambda: holds("groups", output(GROUPS, "--list"), name))
    check("reset offsets", reset, name, topic)
    check("delete group", delete_group, name)


def described(group):
    """The sums of the group's committed offsets and of its lag."""
    rows = [line.split() for line in output(GROUPS, "--describe", "--group", group).splitlines()
            if line.startswith(group)]
    return sum(int(row[3]) for row in rows), sum(int(row[5]) for row in rows)


def reset(group, topic):
    output(GROUPS, "--reset-offsets", "--group", group, "--topic", topic, "--to-earliest",
           "--execute")
    same("total of offsets and lag", described(group), (0, 320))


def delete_group(group):
    holds("output", output(GROUPS, "--delete", "--group", group), "was successful")
    same("still listed", group in output(GROUPS, "--list").splitlines(), False)


# --- kill -9 -------------------------------------------------------------------------------------

def in_log():
    """How many records a reader can see: the tool itself does not tell what was acknowledged."""
    request = {"replica": -1, "isolation": 0, "topics": [{"name": "kill", "partitions": [
        {"index": p, "epoch": -1, "timestamp": -1} for p in range(PARTITIONS)]}]}
    try:
        with Connection(options.bootstrap, timeout=2) as connection:
            answer = connection.call(apis.LIST_OFFSETS, request)
    except (OSError, WireError):
        return 0  # the broker is down, which is this phase's purpose
    return sum(max(0, p["offset"]) for p in answer["topics"][0]["partitions"])


def kill_producer():
    create("kill")

    def run():
        process = cli.Process(producer(
            "kill", "--command-property", "acks=all",
            "--command-property", "enable.idempotence=true",
            "--command-property", "delivery.timeout.ms=60000", "--timeout", "2",
            "--message-send-max-retries", "10000", "--request-timeout-ms", "5000"))
        for first in range(0, options.kill_records, 20):
            process.process.stdin.write(cli.lines_of(cli.numbered(first, 20)))
            process.process.stdin.flush()
            if first % 100 == 0:
                cli.say({"acked": in_log()})
            time.sleep(0.02)
        same("exit code", process.finish(), 0)
        same("errors", [line for line in process.out + process.errors if "ERROR" in line], [])

    check("produce through kill -9", run)


def verify():
    def there():
        messages = consume("kill", in_log(), "--from-beginning")
        expected = {value for _, value in cli.numbered(0, options.kill_records)}
        same("lost records", expected - {m["value"] for m in messages}, set())
        return messages

    messages = check("acknowledged records are there", there)
    check("order is kept", lambda: cli.check_order(pairs(messages)))
    check("each record once",
          lambda: same("values", numbers(messages), list(range(options.kill_records))))


cli.main(options, {"basic": basic, "group": group, "kill-producer": kill_producer,
                   "verify": verify})
