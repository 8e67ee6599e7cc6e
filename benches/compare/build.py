"""Builds Ordain, the sink and the limits job, and installs Apache Kafka."""

import json
import pathlib
import subprocess
import sys

import settings
from settings import MeasureError, say

sys.path.insert(0, str(settings.CLIENTS))
from harness import install  # noqa: E402


def profiled() -> pathlib.Path:
    """The binary with its symbols."""
    say("building the binary with symbols")
    _cargo(["build", "--profile", "profiled", "--bin", "ordain"])
    return settings.REPOSITORY / "target" / "profiled" / "ordain"


def programs(binary: pathlib.Path | None) -> dict[str, pathlib.Path]:
    """The binary as it is handed out (profile dist), unless one is given, and the programs under benches/."""
    say("building the binary, the sink and the limits job")
    if binary is None:
        _cargo(["build", "--profile", "dist", "--bin", "ordain"])
    found = {"ordain": binary.resolve() if binary else settings.BINARY}
    messages = _cargo(["bench", "--no-run", "--bench", "sink", "--bench", "limits",
                       "--message-format", "json"])
    for line in messages.splitlines():
        message = json.loads(line)
        # Beside the benches cargo makes the binary of another profile, which is not the one that is measured.
        if (message.get("reason") == "compiler-artifact" and message.get("executable")
                and message["target"]["name"] != "ordain"):
            found[message["target"]["name"]] = pathlib.Path(message["executable"])
    missing = {"ordain", "sink", "limits"} - found.keys()
    if missing:
        raise MeasureError(f"cargo built no {sorted(missing)}")
    return found


def _cargo(arguments: list[str]) -> str:
    done = subprocess.run(["cargo", *arguments, "-q"], cwd=settings.REPOSITORY, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise MeasureError(f"cargo {' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


def kafka_jars() -> pathlib.Path:
    """Apache Kafka's jars, from Maven Central, once per version."""
    say("installing Apache Kafka (once)")
    return install.kafka_jars()


def kafka_version(jars: pathlib.Path) -> str:
    for jar in jars.glob("kafka-clients-*.jar"):
        return jar.stem.removeprefix("kafka-clients-")
    raise MeasureError(f"{jars} holds no kafka-clients")
