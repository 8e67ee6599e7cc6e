"""Ordain beside Apache Kafka on this machine: `python3 benches/compare [--quick]`.

Builds and installs what is needed, runs every workload on every server in turn, and writes a table
(also target/compare/results.md), a plot (results.svg) and results.json. See docs/performance.md.
"""

import argparse
import datetime
import json
import pathlib
import resource
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True

import build  # noqa: E402
import check_generator  # noqa: E402
import children  # noqa: E402
import curves  # noqa: E402
import machine  # noqa: E402
import plot  # noqa: E402
import profiles  # noqa: E402
import report  # noqa: E402
import rounds  # noqa: E402
import settings  # noqa: E402
import soak  # noqa: E402
import stats  # noqa: E402
from generator import Generator  # noqa: E402
from results import Results  # noqa: E402
from servers import Builder  # noqa: E402
from settings import KAFKA, KAFKA_SYNC, ORDAIN, SINK, MeasureError, Settings, say  # noqa: E402
from workloads import TABLE, Context, Workload  # noqa: E402

SERVERS = (ORDAIN, KAFKA, KAFKA_SYNC, SINK)
# The exit code where everything was measured and a target was missed, as that of benches/cluster.py.
MISSED = 3


def parse() -> tuple[argparse.Namespace, Settings, list[Workload]]:
    parser = argparse.ArgumentParser(prog="benches/compare", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true",
                        help="short rounds: shows that all of it works, its figures are coarse")
    parser.add_argument("--only", default="", metavar="B1,B4.1000",
                        help="these workloads, in this order (a name stands for all that begin with it)")
    parser.add_argument("--servers", default=",".join(SERVERS), metavar="NAMES",
                        help=f"of {','.join(SERVERS)}")
    parser.add_argument("--rounds", type=int, help="how many (5, with --quick 2)")
    parser.add_argument("--resume", action="store_true",
                        help="go on with the run that was ended: measures what is missing or failed")
    parser.add_argument("--minutes", type=float, metavar="MINUTES",
                        help="begin no measurement after so many minutes; --resume goes on later")
    parser.add_argument("--quiet-wait", type=float, metavar="SECONDS",
                        help="how long to wait for a quiet machine before each measurement "
                             "(180, with --quick 15)")
    parser.add_argument("--binary", type=pathlib.Path, metavar="PATH",
                        help="measure this binary of Ordain instead of building one with the profile dist")
    parser.add_argument("--list", action="store_true", help="list the workloads and their targets")
    parser.add_argument("--report", action="store_true",
                        help="measure nothing: write the table, the plot and the JSON anew")
    parser.add_argument("--check-generator", action="store_true",
                        help="compare the generator with rdkafka_performance and Kafka's own tool")
    parser.add_argument("--curves", action="store_true",
                        help="how Ordain's cost grows: partitions, connections, consumers and record size × 10")
    parser.add_argument("--profile", action="store_true",
                        help="sample Ordain with perf under some of the loads: where does its time go?")
    parser.add_argument("--soak", type=float, nargs="?", const=15.0, metavar="MINUTES",
                        help="full load for so many minutes (15): does memory grow?")
    parser.add_argument("--self-check", action="store_true", help="check this program's arithmetic")
    arguments = parser.parse_args()
    only = tuple(name for name in arguments.only.split(",") if name)
    servers = tuple(name for name in arguments.servers.split(",") if name)
    if unknown := [name for name in servers if name not in SERVERS]:
        parser.error(f"--servers: {unknown[0]!r} is none of {', '.join(SERVERS)}")
    if unknown := [name for name in only if not any(_chosen(w, (name,)) for w in TABLE)]:
        parser.error(f"--only: {unknown[0]!r} is no workload; --list lists them")
    if arguments.binary is not None and not arguments.binary.is_file():
        parser.error(f"--binary: {arguments.binary} is no file")
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error(f"--rounds: {arguments.rounds} is less than 1")
    config = Settings.make(arguments.quick, arguments.rounds, only, servers,
                           arguments.resume or arguments.report, arguments.quiet_wait)
    return arguments, config, _ordered(only) if only else TABLE


def _chosen(workload: Workload, only: tuple[str, ...]) -> bool:
    return any(workload.key == name or workload.key.startswith(name + ".") for name in only)


def _ordered(only: tuple[str, ...]) -> list[Workload]:
    """The chosen workloads, each once, where it is named first."""
    found: dict[str, Workload] = {}
    for name in only:
        found |= {w.key: w for w in TABLE if _chosen(w, (name,)) and w.key not in found}
    return list(found.values())


def raise_file_limit() -> None:
    """Every server may open as many files as the system lets this user open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def needs_java(config: Settings) -> bool:
    wanted = KAFKA in config.peers or KAFKA_SYNC in config.peers
    if wanted and not (shutil.which("java") and shutil.which("mvn")):
        raise MeasureError("Kafka needs java (17 or newer) and mvn on PATH: install them, "
                           "or leave it out with --servers ordain,sink")
    return wanted


def header(arguments: argparse.Namespace, config: Settings, jars) -> dict:
    if arguments.binary is None:
        commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=settings.REPOSITORY,
                                capture_output=True, text=True, check=False).stdout.strip()
        versions = {"Ordain": commit or "unknown"}
    else:
        versions = {"Ordain": f"{arguments.binary} (SHA-256 {machine.digest(arguments.binary)[:12]})"}
    if jars:
        versions["Apache Kafka"] = build.kafka_version(jars)
    return {"date": datetime.date.today().isoformat(), "quick": config.quick, "rounds": config.rounds,
            "versions": versions, "machine": machine.describe()}


def write(results: Results, head: dict) -> list[str]:
    """The three files, each whole at any time; gives their names."""
    outputs = {"results.json": json.dumps(results.as_json(head), indent=1) + "\n",
               "results.md": report.markdown(results, head), "results.svg": plot.svg(results, head)}
    for name, content in outputs.items():
        beside = settings.TARGET / f"{name}.new"
        beside.write_text(content)
        beside.replace(settings.TARGET / name)
    return [str(settings.TARGET / name) for name in outputs]


def gathered(chosen: list[Workload], journal: rounds.Journal) -> Results:
    """Of what was chosen, and of what an earlier part of the run has measured."""
    keys = {workload.key for workload in chosen} | {m.workload for m in journal.measurements}
    return Results([workload for workload in TABLE if workload.key in keys], journal.measurements)


def compare(arguments: argparse.Namespace, config: Settings, table: list[Workload]) -> int:
    settings.TARGET.mkdir(parents=True, exist_ok=True)
    jars = build.kafka_jars() if needs_java(config) else None
    head = header(arguments, config, jars)
    if not arguments.report:
        raise_file_limit()
        programs = build.programs(arguments.binary)
        work = children.folder(settings.TARGET / "work")
        context = Context(config, Builder(programs, jars), Generator(programs["ordain"]), programs, work)
        if arguments.check_generator:
            return check_generator.run(context, head)
        if arguments.curves:
            return curves.run(context, head)
        if arguments.profile:
            return profiles.run(context)
        if arguments.soak is not None:
            return soak.run(context, arguments.soak, head)
    binary = None if arguments.report else machine.digest(programs["ordain"])
    journal = rounds.Journal(settings.TARGET / "measurements.jsonl", config, binary, head)
    head = journal.head | {"rounds": config.rounds}
    if not arguments.report:
        # Anew after each measurement: a run that is cut off leaves the report of what it has.
        until = None if arguments.minutes is None else time.monotonic() + arguments.minutes * 60
        rounds.run(context, table, journal, until, lambda: write(gathered(table, journal), head))
    results = gathered(table, journal)
    written = write(results, head)
    say("\n" + report.text(results))
    say(f"\nwritten: {', '.join(written)}")
    if results.errors():
        return 1
    return MISSED if any(row.met is False for row in results.rows()) else 0


def main() -> int:
    arguments, config, table = parse()
    if arguments.self_check:
        stats.self_check()
        say("the arithmetic holds")
        return 0
    if arguments.list:
        for workload in table:
            say(f"{workload.key:15} {workload.title}")
            for target in workload.targets:
                against = report.beside(target.against)
                bound = target.bound.text() + " ×" * bool(against) if target.bound else "beside"
                say(f"{'':15}   {workload.units[target.figure]}: {bound} {against}".rstrip())
        return 0
    try:
        with children.closing():
            return compare(arguments, config, table)
    except children.Interrupted as interrupted:
        say(f"\n{interrupted}: ended; go on with --resume")
        return 130
    except MeasureError as error:
        sys.stderr.write(f"benches/compare: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
