"""Runs `ordain perf`, the one generator for all brokers, and reads what it found."""

import json
import pathlib
import subprocess

import children
from servers import Server
from settings import SINK, MeasureError

# Beyond a measurement's own time: topics are created, connections opened, answers awaited.
SLACK = 180


class Generator:
    def __init__(self, binary: pathlib.Path):
        self.binary = binary

    def command(self, server: Server, action: str, arguments: list[str]) -> list[str]:
        unasked = ["--unasked"] if server.name == SINK and action in ("produce", "latency") else []
        if server.name == SINK and action == "produce" and "--idempotent" not in arguments:
            unasked += ["--idempotent", "false"]
        return [str(self.binary), "perf", "--bootstrap", server.bootstrap, "--json", action,
                *arguments, *unasked]

    def run(self, server: Server, action: str, arguments: list[str], within: float) -> dict:
        command = self.command(server, action, arguments)
        try:
            done = children.run(command, within + SLACK)
        except subprocess.TimeoutExpired as error:
            raise MeasureError(f"{' '.join(command)} did not end within {within + SLACK} s") from error
        if done.returncode != 0:
            raise MeasureError(f"{' '.join(command)} failed with {done.returncode}:\n{done.stderr}")
        return json.loads(done.stdout)

    def begin(self, server: Server, action: str, arguments: list[str]) -> subprocess.Popen:
        """Runs it in the background, for a load beside a measurement; `children.stop` ends it."""
        return children.start(self.command(server, action, arguments), stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
