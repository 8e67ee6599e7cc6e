"""Probes of what can be configured while a broker runs: brokers, loggers, groups, client metrics."""

from context import probe
from harness import apis
from probes_topics import APPEND, DELETE, SET, SUBTRACT

BROKER, LOGGER, CLIENT_METRICS, GROUP = 4, 8, 16, 32


def describe(c, kind, resource, keys, synonyms=True):
    answer = c.call(apis.DESCRIBE_CONFIGS, synonyms=synonyms, documentation=False, resources=[
        {"type": kind, "name": resource, "keys": keys}])
    for result in answer.get("results", []):
        result["configs"].sort(key=lambda config: config["name"])
    return answer


def alter(c, kind, resource, changes, validate_only=False):
    return c.call(apis.INCREMENTAL_ALTER_CONFIGS, validate_only=validate_only, resources=[
        {"type": kind, "name": resource, "configs": [
            {"name": key, "operation": operation, "value": value}
            for key, operation, value in changes]}])


def describe_case(name, kind, resource, keys):
    @probe(f"describe configs: {name}")
    def _(c):
        return describe(c, kind, resource, keys)


def alter_case(name, kind, resource, changes, words=True):
    @probe(f"incremental alter configs: {name}", words=words)
    def _(c):
        return alter(c, kind, resource, changes, validate_only=True)


def settled(c, kind, resource, key, wanted):
    """The description once the key's value is `wanted`: brokers follow the metadata log."""
    for _ in range(100):
        answer = describe(c, kind, resource, [key])
        found = [config["value"] for config in answer["results"][0]["configs"]]
        if found == wanted:
            return answer
        c.pause()
    return answer


# What each key of a broker says of itself; values that depend on the start are left out.
@probe("describe configs: read-only flag and type of every key of a broker", subset=True)
def _(c):
    answer = describe(c, BROKER, "1", None, synonyms=False)
    return {config["name"]: [config["config_type"], config["read_only"], config["sensitive"]]
            for config in answer["results"][0]["configs"] if not config["name"].startswith("ordain.")}


describe_case("a broker's key that nobody set", BROKER, "1", ["log.retention.ms", "message.max.bytes"])
describe_case("another broker", BROKER, "7", None)
describe_case("all brokers, nothing set", BROKER, "", None)
describe_case("loggers without a broker", LOGGER, "", None)
describe_case("loggers of another broker", LOGGER, "7", None)
describe_case("loggers of what is no number", LOGGER, "seven", None)
describe_case("a group", GROUP, "somebody", None)
describe_case("a group without a name", GROUP, "", None)
describe_case("client metrics", CLIENT_METRICS, "watch", None)
describe_case("client metrics without a name", CLIENT_METRICS, "", None)

alter_case("a broker's key", BROKER, "1", [("log.retention.ms", SET, "1000")])
alter_case("a read-only key of a broker", BROKER, "1", [("log.dirs", SET, "/x")])
alter_case("a read-only key of all brokers", BROKER, "", [("num.partitions", SET, "3")])
alter_case("a key for each broker alone, for all", BROKER, "",
           [("listeners", SET, "PLAINTEXT://127.0.0.1:1")])
alter_case("a broker's key with a wrong type", BROKER, "1", [("message.max.bytes", SET, "x")])
alter_case("a broker's key with a value out of range", BROKER, "1", [("message.max.bytes", SET, "-1")])
alter_case("a broker's list key", BROKER, "", [("log.cleanup.policy", APPEND, "compact")])
alter_case("a broker's list key with an unknown element", BROKER, "",
           [("log.cleanup.policy", SET, "shred")])
alter_case("append to a broker's key that is no list", BROKER, "", [("log.retention.ms", APPEND, "5")])
alter_case("subtract from a broker's list that is not set", BROKER, "",
           [("log.cleanup.policy", SUBTRACT, "delete")])
alter_case("delete a broker's key that is not set", BROKER, "1", [("log.retention.ms", DELETE, None)])
alter_case("delete a read-only key of a broker", BROKER, "1", [("log.dirs", DELETE, None)])
alter_case("an unknown operation on a broker's key", BROKER, "1", [("log.retention.ms", 9, "5")])
alter_case("another broker", BROKER, "7", [("log.retention.ms", SET, "5")])
alter_case("a broker that is no number", BROKER, "seven", [("log.retention.ms", SET, "5")])
alter_case("a retention of zero", BROKER, "", [("log.retention.ms", SET, "0")], words=False)
alter_case("a negative retention", BROKER, "", [("log.retention.ms", SET, "-5")])
alter_case("TLS of a broker without its listener", BROKER, "1", [("ssl.keystore.type", SET, "PEM")])
alter_case("a thread pool more than doubled", BROKER, "", [("num.io.threads", SET, "100")], words=False)
alter_case("a thread pool of none", BROKER, "", [("num.io.threads", SET, "0")])
alter_case("connections per address, not a pair", BROKER, "",
           [("max.connections.per.ip.overrides", SET, "nonsense")], words=False)
alter_case("no connections per address", BROKER, "", [("max.connections.per.ip", SET, "0")], words=False)
alter_case("lags that contradict each other", BROKER, "", [
    ("log.cleaner.min.compaction.lag.ms", SET, "9"), ("log.cleaner.max.compaction.lag.ms", SET, "8")])
alter_case("a logger without a broker", LOGGER, "", [("kafka", SET, "INFO")])
alter_case("a logger of another broker", LOGGER, "7", [("kafka", SET, "INFO")])
alter_case("a logger's level that is none", LOGGER, "1", [("root", SET, "LOUD")], words=False)
alter_case("a logger that is none", LOGGER, "1", [("no.such.logger", SET, "INFO")])
alter_case("append to a logger", LOGGER, "1", [("root", APPEND, "INFO")])
alter_case("the root logger deleted", LOGGER, "1", [("root", DELETE, None)], words=False)
alter_case("a group's key", GROUP, "somebody", [("consumer.session.timeout.ms", SET, "50000")])
alter_case("a group's unknown key", GROUP, "somebody", [("no.such.config", SET, "1")])
alter_case("a group's key under its least", GROUP, "somebody", [("consumer.session.timeout.ms", SET, "1000")])
alter_case("a group's key over its most", GROUP, "somebody", [("consumer.session.timeout.ms", SET, "90000")])
alter_case("a group's heartbeats as long as its session", GROUP, "somebody",
           [("consumer.heartbeat.interval.ms", SET, "45000")])
alter_case("a group's key with a wrong type", GROUP, "somebody", [("consumer.session.timeout.ms", SET, "x")])
alter_case("a group without a name", GROUP, "", [("consumer.session.timeout.ms", SET, "50000")])
alter_case("a group's key deleted", GROUP, "somebody", [("consumer.session.timeout.ms", DELETE, None)])
alter_case("a share group's offset reset", GROUP, "somebody", [("share.auto.offset.reset", SET, "middle")], words=False)
alter_case("client metrics", CLIENT_METRICS, "watch", [("interval.ms", SET, "1000")])
alter_case("client metrics too often", CLIENT_METRICS, "watch", [("interval.ms", SET, "1")])
alter_case("client metrics with an unknown key", CLIENT_METRICS, "watch", [("no.such.config", SET, "1")])
alter_case("client metrics with a wrong match", CLIENT_METRICS, "watch", [("match", SET, "x=y")])
alter_case("client metrics without a name", CLIENT_METRICS, "", [("interval.ms", SET, "1000")])


@probe("alter configs: a read-only key of a broker", words=True)
def _(c):
    return c.call(apis.ALTER_CONFIGS, validate_only=True, resources=[
        {"type": BROKER, "name": "1", "configs": [{"name": "log.dirs", "value": "/x"}]}])


@probe("alter configs: loggers", words=True)
def _(c):
    return c.call(apis.ALTER_CONFIGS, validate_only=True, resources=[
        {"type": LOGGER, "name": "1", "configs": [{"name": "root", "value": "INFO"}]}])


@probe("dynamic broker configs: set for all, for one, and taken away again")
def _(c):
    key = "log.retention.ms"
    told = [alter(c, BROKER, "", [(key, SET, "86400000")])]
    told.append(settled(c, BROKER, "", key, ["86400000"]))
    told.append(settled(c, BROKER, "1", key, ["86400000"]))
    told.append(describe(c, 2, "empty", ["retention.ms"]))
    told.append(alter(c, BROKER, "1", [(key, SET, "-7")]))
    told.append(settled(c, BROKER, "1", key, ["-7"]))
    told.append(describe(c, 2, "empty", ["retention.ms"]))
    told.append(alter(c, BROKER, "1", [(key, DELETE, None)]))
    told.append(alter(c, BROKER, "", [(key, DELETE, None)]))
    told.append(settled(c, BROKER, "", key, []))
    told.append(settled(c, BROKER, "1", key, [None]))
    return told


@probe("dynamic broker configs: under a topic's own value")
def _(c):
    told = [alter(c, BROKER, "", [("message.max.bytes", SET, "2000")])]
    told.append(settled(c, BROKER, "1", "message.max.bytes", ["2000"]))
    told.append(describe(c, 2, "empty", ["max.message.bytes"]))
    told.append(describe(c, 2, "small", ["max.message.bytes"]))
    told.append(alter(c, BROKER, "", [("message.max.bytes", DELETE, None)]))
    told.append(settled(c, BROKER, "1", "message.max.bytes", ["1048588"]))
    return told


@probe("group configs: set, told, and taken away again")
def _(c):
    key = "consumer.session.timeout.ms"
    told = [alter(c, GROUP, "configured", [(key, SET, "50000")])]
    told.append(settled(c, GROUP, "configured", key, ["50000"]))
    told.append(c.call(apis.LIST_CONFIG_RESOURCES, types=[GROUP]))
    told.append(alter(c, GROUP, "configured", [(key, DELETE, None)]))
    told.append(settled(c, GROUP, "configured", key, ["45000"]))
    told.append(c.call(apis.LIST_CONFIG_RESOURCES, types=[GROUP]))
    return told


@probe("client metrics: set, told, and taken away again")
def _(c):
    told = [alter(c, CLIENT_METRICS, "watch", [("interval.ms", SET, "1000"), ("metrics", SET, "org.")])]
    told.append(settled(c, CLIENT_METRICS, "watch", "interval.ms", ["1000"]))
    told.append(c.call(apis.LIST_CONFIG_RESOURCES, types=[CLIENT_METRICS]))
    told.append(alter(c, CLIENT_METRICS, "watch", [("interval.ms", DELETE, None), ("metrics", DELETE, None)]))
    told.append(settled(c, CLIENT_METRICS, "watch", "interval.ms", ["300000"]))
    told.append(c.call(apis.LIST_CONFIG_RESOURCES, types=[CLIENT_METRICS]))
    return told
