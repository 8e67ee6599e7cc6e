"""Probes of topics and their configuration."""

from context import probe
from harness import apis

TOPIC, BROKER = 2, 4
SET, DELETE, APPEND, SUBTRACT = 0, 1, 2, 3


def case(name, topic, **options):
    """A CreateTopics probe that only validates."""
    @probe(f"create topic: {name}", words=options.pop("words", False))
    def _(c):
        return c.create_answer(topic, validate_only=True, **options)


case("validate only", "new")
case("default partitions and replication", "new", partitions=-1, replication=-1)
case("exists", "plain")
case("name with a slash", "not/allowed")
case("name of one dot", ".")
case("empty name", "")
case("name of 249 characters", "x" * 249)
case("name of 250 characters", "x" * 250)
case("name that collides", "collide_here")
case("zero partitions", "new", partitions=0)
case("partitions of -2", "new", partitions=-2)
case("replication factor of 3 on one broker", "new", replication=3)
case("replication factor of 0", "new", replication=0)
case("twice in one request", "new", copies=2)
case("assignment and partitions", "new", assignments=[{"index": 0, "brokers": [1]}])
case("assignment to an unknown broker", "new", partitions=-1, replication=-1,
     assignments=[{"index": 0, "brokers": [77]}])
case("assignment with a gap", "new", partitions=-1, replication=-1,
     assignments=[{"index": 1, "brokers": [1]}])

for key, value in [
        ("no.such.config", "1"), ("retention.ms", "abc"), ("retention.ms", "-2"),
        ("cleanup.policy", "shred"), ("cleanup.policy", "compact,delete"),
        ("min.insync.replicas", "0"), ("compression.type", "rar"), ("segment.bytes", "1"),
        ("max.message.bytes", "-1"), ("message.timestamp.type", "Yesterday"),
        ("min.cleanable.dirty.ratio", "2.0"), ("unclean.leader.election.enable", "perhaps"),
        ("retention.ms", None)]:
    case(f"config {key}={value}", "new", configs={key: value}, words=True)


@probe("delete topic: unknown")
def _(c):
    return c.call(apis.DELETE_TOPICS, topics=["nowhere"], timeout=10_000)


@probe("delete topic")
def _(c):
    c.create("doomed")
    return c.call(apis.DELETE_TOPICS, topics=["doomed"], timeout=10_000)


def partitions_case(name, topic, count, assignments=None):
    @probe(f"create partitions: {name}", words=True)
    def _(c):
        return c.call(apis.CREATE_PARTITIONS, timeout=10_000, validate_only=True, topics=[
            {"name": topic, "count": count, "assignments": assignments}])


partitions_case("one more", "plain", 3)
partitions_case("fewer", "plain", 1)
partitions_case("as many", "plain", 2)
partitions_case("zero", "plain", 0)
partitions_case("unknown topic", "nowhere", 3)
partitions_case("too few assignments", "plain", 4, [{"brokers": [1]}])


def describe_case(name, kind, resource, keys):
    @probe(f"describe configs: {name}")
    def _(c):
        answer = c.call(apis.DESCRIBE_CONFIGS, synonyms=True, documentation=False, resources=[
            {"type": kind, "name": resource, "keys": keys}])
        for result in answer["results"]:
            result["configs"].sort(key=lambda config: config["name"])
        return answer


describe_case("a default", TOPIC, "empty", ["cleanup.policy", "retention.ms"])
describe_case("a set value", TOPIC, "small", ["max.message.bytes"])
describe_case("several types", TOPIC, "empty", [
    "flush.messages", "compression.type", "max.message.bytes", "preallocate",
    "min.cleanable.dirty.ratio"])
describe_case("an unknown key", TOPIC, "plain", ["no.such.config"])
describe_case("unknown topic", TOPIC, "nowhere", None)
describe_case("invalid topic name", TOPIC, "not/allowed", None)
describe_case("a broker that is none", BROKER, "seven", None)
describe_case("an unknown resource type", 77, "x", None)


@probe("describe configs: every topic config's value, type and flags")
def _(c):
    answer = c.call(apis.DESCRIBE_CONFIGS, synonyms=False, documentation=False, resources=[
        {"type": TOPIC, "name": "empty", "keys": None}])
    # Tiered storage is not part of what is compared.
    return {config["name"]: [config["value"], config["config_type"], config["read_only"],
                             config["sensitive"]]
            for config in sorted(answer["results"][0]["configs"], key=lambda each: each["name"])
            if not config["name"].startswith("remote.")}


def alter_case(name, topic, changes, kind=TOPIC):
    @probe(f"incremental alter configs: {name}", words=True)
    def _(c):
        return c.call(apis.INCREMENTAL_ALTER_CONFIGS, validate_only=True, resources=[
            {"type": kind, "name": topic, "configs": [
                {"name": key, "operation": operation, "value": value}
                for key, operation, value in changes]}])


alter_case("set", "plain", [("retention.ms", SET, "1000")])
alter_case("delete what is not set", "empty", [("retention.ms", DELETE, None)])
alter_case("append to a list", "empty", [("cleanup.policy", APPEND, "compact")])
alter_case("append to what is no list", "plain", [("retention.ms", APPEND, "5")])
alter_case("subtract from a list", "compact", [("cleanup.policy", SUBTRACT, "compact")])
alter_case("unknown key", "plain", [("no.such.config", SET, "1")])
alter_case("invalid value", "plain", [("segment.bytes", SET, "x")])
alter_case("null value", "plain", [("retention.ms", SET, None)])
alter_case("the same key twice", "plain", [("retention.ms", SET, "1"), ("retention.ms", SET, "2")])
alter_case("unknown topic", "nowhere", [("retention.ms", SET, "1")])
alter_case("unknown resource type", "x", [("retention.ms", SET, "1")], kind=77)


@probe("alter configs: invalid value", words=True)
def _(c):
    return c.call(apis.ALTER_CONFIGS, validate_only=True, resources=[
        {"type": TOPIC, "name": "plain", "configs": [{"name": "retention.ms", "value": "abc"}]}])


@probe("alter configs: unknown topic", words=True)
def _(c):
    return c.call(apis.ALTER_CONFIGS, validate_only=True, resources=[
        {"type": TOPIC, "name": "nowhere", "configs": [{"name": "retention.ms", "value": "1"}]}])
