"""What a workload is, and what it works with."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Sequence

import children
import settings
from generator import Generator
from servers import Builder, Server, Usage
from stats import Bound

PARTITIONS = 8


@dataclasses.dataclass(frozen=True)
class Target:
    """What a figure is to reach: absolutely, or as a ratio to what `against` names. Without a bound it is only shown beside that.

    `against` is a server's name, `workload:KEY` for the same figure of another workload of Ordain's,
    or `limit:NAME` for what the machine itself does.
    """

    figure: str
    bound: Bound | None
    against: str | None = None


@dataclasses.dataclass(frozen=True)
class Workload:
    key: str                    # B3.connections
    title: str
    peers: tuple[str, ...]      # the servers it runs on, in this order
    units: dict[str, str]       # the figures it gives, and their units
    targets: tuple[Target, ...]
    measure: Callable[["Context", str], dict[str, float]]

    @property
    def issue(self) -> str:
        """B3 for B3.connections."""
        return self.key.partition(".")[0]


class Context:
    """What a measurement works with; each gets servers on fresh folders."""

    def __init__(self, config: settings.Settings, builder: Builder, generator: Generator,
                 programs: dict[str, pathlib.Path], work: pathlib.Path):
        self.settings, self.builder, self.generator = config, builder, generator
        self.programs, self.work = programs, work

    @contextlib.contextmanager
    def prepared(self, name: str, more: Sequence[str] = ()) -> Iterator[Server]:
        """A server that has not been started, with `more` on its command line; stopped and its data removed at
        the end."""
        folder = children.folder(self.work / name)
        server = self.builder.make(name, folder)
        server.command += more
        try:
            yield server
        finally:
            if server.process is not None:
                server.kill()
            children.remove(folder)

    @contextlib.contextmanager
    def server(self, name: str, more: Sequence[str] = ()) -> Iterator[Server]:
        with self.prepared(name, more) as server:
            yield server.start()


def seconds(value: float) -> str:
    return f"{value:g}s"


def per_core(amount: float, cpu_seconds: float) -> float:
    """Of what one core of the server's would do: CPU time is counted in ticks, so never below one."""
    return amount / max(cpu_seconds, 0.01)


def measured(context: Context, server: Server, action: str, arguments: list[str],
             within: float) -> tuple[dict, dict[str, float]]:
    """Runs the generator; gives what it found and what the server used meanwhile."""
    usage = Usage(server)
    found = context.generator.run(server, action, arguments, within)
    return found, usage.since()
