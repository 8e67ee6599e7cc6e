"""The table of clients: how each is installed and called, and which checks it has to report.

A client is a program that is called as

    PROGRAM --bootstrap HOST:PORT --phase PHASE --acked FILE --kill-records N

and prints one JSON object per line: `{"check": NAME, "ok": BOOL, "ms": N, "detail": TEXT}` for
each check, and `{"acked": N}` while it produces in the phase `kill-producer`. A check that is in
the table and was not reported counts as failed, so a client cannot pass by doing less.
"""

import sys

from . import install, settings

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
PRODUCE = [f"produce {codec}" for codec in CODECS]

BASIC = ["create topic", *PRODUCE, "produce idempotent", "consume and compare", "seek by time",
         "delete records", "delete topic"]
GROUP = ["group of two", "member leaves", "commit and resume"]
KILL = ["produce through kill -9"]
VERIFY = ["acknowledged records are there", "order is kept", "each record once"]

ALL = {"basic": BASIC, "group": GROUP, "kill-producer": KILL, "verify": VERIFY}

# kcat neither creates nor deletes: the harness does that over the wire, and kcat looks.
KCAT_BASIC = ["list topics", *PRODUCE, "produce idempotent", "consume and compare", "seek by time",
              "delete records", "delete topic"]

TOOLS_BASIC = [
    "broker-api-versions", "cluster id", "create topic", "describe topic", "alter config",
    "describe config", "alter broker config", "describe broker config", "delete broker config",
    "invalid config is refused", *PRODUCE, "produce idempotent",
    "consume and compare", "get-offsets", "seek by time", "producer-perf-test",
    "consumer-perf-test", "log-dirs", "delete records", "delete topic"]
TOOLS_GROUP = [*GROUP, "describe group", "list groups", "reset offsets", "delete group"]


def _python(*arguments):
    return [sys.executable, "-B", *arguments]


def _java():
    return ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp",
            install.java_client(), "Client"]


def _kcat():
    return _python(str(settings.HERE / "kcat" / "client.py"), "--kcat", install.kcat())


def _tools():
    return _python(str(settings.HERE / "kafka-tools" / "client.py"),
                   "--jars", str(install.kafka_jars()))


def _confluent():
    return [str(install.confluent_python()), "-B",
            str(settings.HERE / "confluent-python" / "client.py")]


def _go():
    return [str(install.franz_go())]


def _kafkajs():
    return ["node", str(install.kafkajs())]


# Name: how to call it (installs first), the checks of each phase.
TABLE = {
    "kafka-tools": (_tools, {**ALL, "basic": TOOLS_BASIC, "group": TOOLS_GROUP}),
    "java": (_java, ALL),
    "confluent-python": (_confluent, ALL),
    "franz-go": (_go, ALL),
    "kafkajs": (_kafkajs, ALL),
    "kcat": (_kcat, {**ALL, "basic": KCAT_BASIC}),
}
