"""Probes of the nodes: who is there, how they are configured, features, and who is forgotten."""

from cluster.nodes import wait_for
from cluster_context import LIMIT, STRANGER, every, normal, some
from context import probe

TOPIC, BROKER, LOGGER = 2, 4, 8
SET, DELETE = 0, 1


# --- DescribeCluster, ApiVersions ----------------------------------------------------------------

every("DescribeCluster", "brokers", {"IncludeClusterAuthorizedOperations": True})
every("DescribeCluster", "controllers, asked of a broker", {"EndpointType": 2}, since=1)
every("DescribeCluster", "endpoints that are none", {"EndpointType": 9}, since=1)
every("DescribeCluster", "endpoints of type 0", {"EndpointType": 0}, since=1)
every("DescribeCluster", "fenced ones, too", {"IncludeFencedBrokers": True}, since=2)
every("Metadata", "no topics", {"Topics": []}, since=1)


def features(c, names=None):
    answers = {}
    for version in some("ApiVersions", since=3):
        def told(node, version=version):
            answer = c.call(node, "ApiVersions", version, {"ClientSoftwareName": "probe", "ClientSoftwareVersion": "1"})
            return {"supported": {each["Name"]: [each["MinVersion"], each["MaxVersion"]] for each in answer["SupportedFeatures"]
                                  if names is None or each["Name"] in names},
                    "finalized": {each["Name"]: [each["MinVersionLevel"], each["MaxVersionLevel"]] for each in answer["FinalizedFeatures"]
                                  if names is None or each["Name"] in names},
                    "epoch": answer["FinalizedFeaturesEpoch"] >= 0}
        answers[str(version)] = c.each(told)
    return answers


@probe("ApiVersions: metadata.version and kraft.version")
def _(c):
    return features(c, ("metadata.version", "kraft.version"))


@probe("ApiVersions: all features")
def _(c):
    return features(c)


# --- UpdateFeatures ------------------------------------------------------------------------------

METADATA, KRAFT = "metadata.version", "kraft.version"
UPGRADE, SAFE, UNSAFE = 1, 2, 3


def level_of(c, feature):
    answer = c.newest(1, "ApiVersions", {"ClientSoftwareName": "probe", "ClientSoftwareVersion": "1"})
    return next(each["MaxVersionLevel"] for each in answer["FinalizedFeatures"] if each["Name"] == feature)


def updating(name, *updates, validate=None, since=0, **more):
    """`updates`: feature, level (a function of what it is now, or a number), kind of change."""
    def request(c, version, _node):
        entries = []
        for feature, level, kind in updates:
            level = level(level_of(c, feature)) if callable(level) else level
            entry = {"Feature": feature, "MaxVersionLevel": level}
            entries.append(entry | ({"UpgradeType": kind} if version else {"AllowDowngrade": kind != UPGRADE}))
        return {"timeoutMs": 30_000, "FeatureUpdates": entries, **({"ValidateOnly": validate} if version and validate is not None else {})}
    every("UpdateFeatures", name, request, since=since, **more)


def same(now):
    return now


def below(now):
    return now - 1


def above(now):
    return now + 1


updating("to where it is", (METADATA, same, UPGRADE))
updating("to where it is, dry", (METADATA, same, UPGRADE), validate=True, since=1)
updating("to where it is, as a downgrade", (METADATA, same, SAFE))
updating("none")
for dry in (False, True):
    word = ", dry" if dry else ""
    updating(f"a feature that is none{word}", ("no.such.feature", 1, UPGRADE), validate=dry, since=int(dry))
    updating(f"a feature that is none, to 0{word}", ("no.such.feature", 0, UNSAFE), validate=dry, since=int(dry))
    updating(f"an empty name{word}", ("", 1, UPGRADE), validate=dry, since=int(dry))
    updating(f"a level above all{word}", (METADATA, 999, UPGRADE), validate=dry, since=int(dry))
    updating(f"one level too high{word}", (METADATA, above, UPGRADE), validate=dry, since=int(dry))
    updating(f"a level below all{word}", (METADATA, 1, UNSAFE), validate=dry, since=int(dry))
    updating(f"a level of 0{word}", (METADATA, 0, SAFE), validate=dry, since=int(dry))
    updating(f"a negative level{word}", (METADATA, -1, UPGRADE), validate=dry, since=int(dry))
    updating(f"a downgrade as an upgrade{word}", (METADATA, below, UPGRADE), validate=dry, since=int(dry))
    updating(f"a safe downgrade that loses{word}", (METADATA, below, SAFE), validate=dry, since=int(dry))
    updating(f"an unsafe downgrade{word}", (METADATA, below, UNSAFE), validate=dry, since=max(1, int(dry)))
    updating(f"a kind of change that is none{word}", (METADATA, same, 9), validate=dry, since=1)
    updating(f"kraft.version to where it is{word}", (KRAFT, same, UPGRADE), validate=dry, since=int(dry))
    updating(f"kraft.version too high{word}", (KRAFT, above, UPGRADE), validate=dry, since=int(dry))
    updating(f"kraft.version down{word}", (KRAFT, 0, UNSAFE), validate=dry, since=max(1, int(dry)))
    updating(f"kraft.version safely down{word}", (KRAFT, 0, SAFE), validate=dry, since=int(dry))
    updating(f"a good one and a bad one{word}", (METADATA, same, UPGRADE), ("no.such.feature", 1, UPGRADE), validate=dry, since=int(dry))


# --- configurations ------------------------------------------------------------------------------

def changing(name, kind, resource, changes, *, validate=True, **more):
    every("IncrementalAlterConfigs", name, lambda c, version, node: {"ValidateOnly": validate, "Resources": [{
        "ResourceType": kind, "ResourceName": resource, "Configs": [
            {"Name": key, "ConfigOperation": operation, "Value": value} for key, operation, value in changes]}]}, words=True, **more)


def replacing(name, kind, resource, values):
    every("AlterConfigs", name, {"ValidateOnly": True, "Resources": [{
        "ResourceType": kind, "ResourceName": resource, "Configs": [{"Name": key, "Value": value} for key, value in values]}]}, words=True)


RETENTION = [("log.retention.ms", SET, "100000")]
for resource, name in [("2", "one node"), ("", "all"), (str(STRANGER), "one that is none"), ("-1", "a negative one"), ("x", "one that is no number"),
                       (" 2", "one with a space")]:
    changing(f"of {name}", BROKER, resource, RETENTION)
    changing(f"of {name}, a key that cannot be changed", BROKER, resource, [("num.partitions", SET, "7")])
    changing(f"of {name}, a value that is none", BROKER, resource, [("log.retention.ms", SET, "many")])
    changing(f"of {name}, a key that is none", BROKER, resource, [("no.such", SET, "1")])
    changing(f"of {name}, back to the default", BROKER, resource, [("log.retention.ms", DELETE, None)])
    replacing(f"of {name}", BROKER, resource, [("log.retention.ms", "100000")])
    every("DescribeConfigs", f"of {name}", {"Resources": [{
        "ResourceType": BROKER, "ResourceName": resource, "ConfigurationKeys": ["log.retention.ms", "min.insync.replicas"]}]}, words=True)
for key, value in [("min.insync.replicas", "3"), ("broker.rack", "r9"), ("listeners", "PLAINTEXT://127.0.0.1:1"), ("node.id", "9"),
                   ("default.replication.factor", "9"), ("log.cleaner.threads", "2")]:
    for resource in ("2", ""):
        changing(f"{key} of {resource or 'all'}", BROKER, resource, [(key, SET, value)])


@probe("IncrementalAlterConfigs: of a node, asked of each, and what it tells then")
def _(c):
    key, told = "log.cleaner.delete.retention.ms", []
    asked = {"Resources": [{"ResourceType": BROKER, "ResourceName": "2", "ConfigurationKeys": [key]}], "IncludeSynonyms": True}

    def shown():
        return c.newest(2, "DescribeConfigs", asked)["Results"][0]["Configs"][0]["Value"]
    for version in some("IncrementalAlterConfigs"):
        for node in (1, 2, 3):
            value = str(80_000_000 + 10 * version + node)
            told.append(normal(c.call(node, "IncrementalAlterConfigs", version, {"Resources": [{
                "ResourceType": BROKER, "ResourceName": "2", "Configs": [{"Name": key, "ConfigOperation": SET, "Value": value}]}]})))
            if told[-1]["Responses"][0]["ErrorCode"] == 0:
                wait_for(f"{key} of {value}", lambda value=value: shown() == value, LIMIT)
    told.append(normal(c.newest(2, "DescribeConfigs", asked)))
    told.append(normal(c.newest(2, "IncrementalAlterConfigs", {"Resources": [{
        "ResourceType": BROKER, "ResourceName": "2", "Configs": [{"Name": key, "ConfigOperation": DELETE, "Value": None}]}]})))
    wait_for(f"{key} of the default", lambda: shown() == "86400000", LIMIT)
    return told


@probe("IncrementalAlterConfigs: of all, asked of each node, and what each tells then")
def _(c):
    key, told = "log.cleaner.delete.retention.ms", []

    def asked(node, resource):
        return c.newest(node, "DescribeConfigs", {"IncludeSynonyms": True, "Resources": [
            {"ResourceType": BROKER, "ResourceName": resource, "ConfigurationKeys": [key]}]})
    for node, operation, value in [(1, SET, "70000001"), (2, SET, "70000002"), (3, SET, "70000003"), (2, DELETE, None)]:
        told.append(normal(c.newest(node, "IncrementalAlterConfigs", {"Resources": [{"ResourceType": BROKER, "ResourceName": "", "Configs": [
            {"Name": key, "ConfigOperation": operation, "Value": value}]}]})))
        for each in (1, 2, 3):
            wait_for(f"node {each} tells {value}", lambda each=each, value=value: asked(each, str(each))["Results"][0]["Configs"][0]["Value"] == (
                value or "86400000"), LIMIT)
        told.append([normal(asked(2, resource)) for resource in ("", "2")])
    return told


@probe("IncrementalAlterConfigs: the topic that is asked about")
def _(c):
    c.place("configured", [1, 2])
    return "made"


@probe("IncrementalAlterConfigs: of a topic, asked of each node, and what each tells then")
def _(c):
    asked = {"Resources": [{"ResourceType": TOPIC, "ResourceName": "configured", "ConfigurationKeys": ["retention.ms"]}]}

    def shown(node):
        return c.newest(node, "DescribeConfigs", asked)["Results"][0]["Configs"][0]["Value"]
    told = []
    for node in (1, 2, 3):
        value = str(700_000 + node)
        told.append(normal(c.newest(node, "IncrementalAlterConfigs", {"Resources": [{"ResourceType": TOPIC, "ResourceName": "configured", "Configs": [
            {"Name": "retention.ms", "ConfigOperation": SET, "Value": value}]}]})))
        for each in (1, 2, 3):
            wait_for(f"node {each} tells {value}", lambda each=each, value=value: shown(each) == value, LIMIT)
        told.append(c.each(lambda each: normal(c.newest(each, "DescribeConfigs", asked))))
    return told


for value in ("0", "1", "2", "3", "5", "2147483647", "-1"):
    changing(f"min.insync.replicas of {value}, where there are two", TOPIC, "configured", [("min.insync.replicas", SET, value)])
changing("throttled replicas", TOPIC, "configured", [("leader.replication.throttled.replicas", SET, "0:1,0:2")])
changing("unclean elections", TOPIC, "configured", [("unclean.leader.election.enable", SET, "true")])
for name, resource in [("another node's", "2"), ("nobody's", str(STRANGER)), ("of no name", "")]:
    every("DescribeConfigs", f"loggers, {name}", {"Resources": [{
        "ResourceType": LOGGER, "ResourceName": resource, "ConfigurationKeys": ["no.such.logger"]}]}, words=True)
    changing(f"loggers, {name}", LOGGER, resource, [("root", SET, "INFO")])


@probe("Produce: more in sync than there are replicas")
def _(c):
    c.place("demanding", [1, 2], min_insync_replicas="2")
    c.produce(1, "demanding", 0)
    told = []
    for value in ("3", "2"):
        told.append(normal(c.newest(3, "IncrementalAlterConfigs", {"Resources": [{"ResourceType": TOPIC, "ResourceName": "demanding", "Configs": [
            {"Name": "min.insync.replicas", "ConfigOperation": SET, "Value": value}]}]}), words=True))
    return told


every("UnregisterBroker", "one that is none", {"BrokerId": STRANGER})
every("UnregisterBroker", "a negative one", {"BrokerId": -1})
