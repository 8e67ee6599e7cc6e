"""Probes of framing, versions, metadata and the calls that describe the cluster."""

import struct

from context import NO_ID, probe
from harness import apis

UNKNOWN_ID = "0123456789abcdef0123456789abcdef"


@probe("api versions: ranges of the advertised apis", subset=True)
def _(c):
    answer = c.call(apis.API_VERSIONS)
    return {str(api["key"]): [api["min"], api["max"]] for api in answer["apis"]}


@probe("api versions: v99 gets a v0 answer")
def _(c):
    reader = c.versioned(apis.API_VERSIONS, 99)
    if isinstance(reader, dict):
        return reader
    error, count = reader.fixed(">h"), reader.fixed(">i")
    keys = [struct.unpack(">hhh", reader.take(6)) for _ in range(count)]
    return {"error": error, "apis": keys, "rest": len(reader.data) - reader.at}


@probe("api versions: invalid software name")
def _(c):
    answer = c.call(apis.API_VERSIONS_3, name="not a name!", version="1.0")
    return {"error": answer["error"]} if "error" in answer else answer


@probe("metadata v99")
def _(c):
    return c.versioned(apis.METADATA, 99)


@probe("produce v2")
def _(c):
    return c.versioned(apis.PRODUCE, 2)


@probe("unknown api key")
def _(c):
    return c.raw(struct.pack(">ihhih", 11, 999, 0, 1, 1) + b"p")


@probe("negative frame size")
def _(c):
    return c.raw(struct.pack(">i", -5) + b"xxxx")


@probe("frame size beyond the limit")
def _(c):
    return c.raw(struct.pack(">i", 0x7FFFFFF0) + b"xxxx")


@probe("empty metadata body")
def _(c):
    return c.raw(struct.pack(">ihhih", 12, 3, 12, 1, 1) + b"p\0")


def metadata(c, topics, auto_create=False):
    return c.call(apis.METADATA, topics=topics, auto_create=auto_create, authorized=False)


@probe("metadata: no topics")
def _(c):
    return metadata(c, [])


@probe("metadata: a topic of two partitions")
def _(c):
    return metadata(c, [{"id": NO_ID, "name": "plain"}])


@probe("metadata: a topic by id")
def _(c):
    return metadata(c, [{"id": c.values["plain"], "name": None}])


@probe("metadata: unknown topic")
def _(c):
    return metadata(c, [{"id": NO_ID, "name": "nowhere"}])


@probe("metadata: unknown topic id")
def _(c):
    return metadata(c, [{"id": UNKNOWN_ID, "name": None}])


@probe("metadata: invalid name with auto-creation")
def _(c):
    return metadata(c, [{"id": NO_ID, "name": "not/allowed"}], auto_create=True)


@probe("metadata: the answer that creates a topic")
def _(c):
    return metadata(c, [{"id": NO_ID, "name": "made-by-metadata"}], auto_create=True)


@probe("describe cluster")
def _(c):
    return c.call(apis.DESCRIBE_CLUSTER, authorized=False, endpoint=1)


@probe("describe cluster: authorized operations")
def _(c):
    return c.call(apis.DESCRIBE_CLUSTER, authorized=True, endpoint=1)


@probe("describe cluster: endpoints of controllers, asked of a broker")
def _(c):
    return c.call(apis.DESCRIBE_CLUSTER, authorized=False, endpoint=2)


@probe("describe topic partitions")
def _(c):
    return c.call(apis.DESCRIBE_TOPIC_PARTITIONS, topics=[{"name": "plain"}], limit=100,
                  cursor=None)


@probe("describe topic partitions: a limit of one gives a cursor")
def _(c):
    return c.call(apis.DESCRIBE_TOPIC_PARTITIONS, topics=[{"name": "plain"}], limit=1, cursor=None)


@probe("describe topic partitions: unknown topic")
def _(c):
    return c.call(apis.DESCRIBE_TOPIC_PARTITIONS, topics=[{"name": "nowhere"}], limit=100,
                  cursor=None)


@probe("describe log dirs")
def _(c):
    answer = c.call(apis.DESCRIBE_LOG_DIRS, topics=[{"name": "plain", "partitions": [0, 1]}])
    for directory in answer["dirs"]:
        for topic in directory["topics"]:
            topic["partitions"].sort(key=lambda partition: partition["index"])
    return answer


@probe("describe log dirs: unknown topic")
def _(c):
    return c.call(apis.DESCRIBE_LOG_DIRS, topics=[{"name": "nowhere", "partitions": [0]}])


@probe("describe acls without an authorizer")
def _(c):
    return c.call(apis.DESCRIBE_ACLS, type=1, name=None, pattern=1, principal=None, host=None,
                  operation=1, permission=1)


@probe("create acls without an authorizer")
def _(c):
    return c.call(apis.CREATE_ACLS, creations=[{
        "type": 2, "name": "plain", "pattern": 3, "principal": "User:a", "host": "*",
        "operation": 3, "permission": 3}])


@probe("describe client quotas")
def _(c):
    return c.call(apis.DESCRIBE_CLIENT_QUOTAS, components=[], strict=False)


@probe("describe client quotas: invalid entity type")
def _(c):
    return c.call(apis.DESCRIBE_CLIENT_QUOTAS,
                  components=[{"type": "house", "match": 0, "value": "x"}], strict=True)


@probe("list config resources: unknown type")
def _(c):
    return c.call(apis.LIST_CONFIG_RESOURCES, types=[77])


@probe("list config resources: brokers")
def _(c):
    answer = c.call(apis.LIST_CONFIG_RESOURCES, types=[4])
    return {"error": answer["error"], "types": sorted({r["type"] for r in answer["resources"]})}
