"""Installs what each client needs, once per version, with the language's own package manager.

Every function returns at once when its folder in the cache is complete. Nothing outside the cache
is touched, except that kcat comes as a system package.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import threading

from . import settings

_lock = threading.RLock()


class InstallError(Exception):
    """A package manager failed; the message holds its command and output."""


def _run(command, cwd=None, environment=None):
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", timeout=settings.INSTALL_LIMIT, check=False)
    if done.returncode != 0:
        raise InstallError(f"{' '.join(map(str, command))}\n{done.stdout[-4000:]}")


def _cached(name, key, fill):
    """The folder `name-key`, filled by `fill(folder)` unless an earlier run completed it."""
    folder = settings.CACHE / f"{name}-{key}"
    with _lock:
        if not (folder / ".complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            fill(folder)
            (folder / ".complete").touch()
    return folder


def _hash(*paths):
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def kafka_jars():
    """The folder with the jars of Kafka's broker, tools and Java client."""
    pom = settings.HERE / "java" / "pom.xml"

    def fill(folder):
        _run(["mvn", "-q", "-B", "-f", pom, f"-Dkafka.version={settings.KAFKA}",
              "dependency:copy-dependencies", "-DincludeScope=runtime",
              f"-DoutputDirectory={folder}"])

    return _cached("kafka", f"{settings.KAFKA}-{_hash(pom)}", fill)


def java_client():
    """The class path of the compiled Java client."""
    return _java("java", settings.HERE / "java" / "Client.java")


def java_traffic():
    """The class path of the Java clients that write down what they do."""
    return _java("java-traffic", settings.HERE / "faults" / "Traffic.java")


def _java(name, source):
    jars = kafka_jars()

    def fill(folder):
        _run(["javac", "-Xlint:all", "-Werror", "-proc:none", "-cp", f"{jars}/*", "-d", folder,
              source])

    return f"{_cached(name, f'{settings.KAFKA}-{_hash(source)}', fill)}:{jars}/*"


def confluent_python():
    """The interpreter of a virtual environment that has confluent-kafka."""
    def fill(folder):
        _run([sys.executable, "-m", "venv", folder])
        _run([folder / "bin" / "python", "-m", "pip", "install", "-q", "--only-binary", ":all:",
              f"confluent-kafka=={settings.CONFLUENT_KAFKA}"])

    return _cached("confluent-python", settings.CONFLUENT_KAFKA, fill) / "bin" / "python"


def franz_go():
    """The compiled franz-go program."""
    source = settings.HERE / "franz-go"

    def fill(folder):
        _run(["go", "build", "-o", folder / "client", "."], cwd=source,
             environment={"GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0"})

    key = _hash(*(source / name for name in ("go.mod", "go.sum", "main.go", "phases.go")))
    return _cached("franz-go", key, fill) / "client"


def kafkajs():
    """The kafkajs program, copied beside its modules."""
    source = settings.HERE / "kafkajs"

    def fill(folder):
        shutil.copy(source / "package.json", folder)
        _run(["npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"],
             cwd=folder)

    folder = _cached("kafkajs", _hash(source / "package.json"), fill)
    return shutil.copy(source / "client.js", folder)


def kcat():
    """The path of kcat, which comes from the system's packages."""
    with _lock:
        if shutil.which("kcat") is None:
            quiet = {"DEBIAN_FRONTEND": "noninteractive"}
            _run(["apt-get", "update"], environment=quiet)
            _run(["apt-get", "install", "-y", "--no-install-recommends", "kcat"], environment=quiet)
    return shutil.which("kcat")
