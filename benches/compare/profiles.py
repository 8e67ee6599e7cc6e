"""Where Ordain's processor time goes: samples of the broker by the CPU clock while a load runs.

It needs `perf` on PATH, and a binary with symbols, which it builds (profile `profiled`: as `release`, not stripped). Of each
load it prints the functions with most samples, and writes what `perf report` says to target/compare/profile-LOAD.txt.
"""

import re
import shutil
import subprocess

import build
import children
import machine
import settings
from servers import Server
from settings import ORDAIN, MeasureError, say
from workloads import Context
from workloads.base import seconds
from workloads.produce import large_load, small_load

LOADS = {
    "B1": large_load("1k"),
    "B2": large_load("100"),
    "B3.in-flight": small_load(connections=8, in_flight=8),
    "B3.connections": small_load(connections=1000, in_flight=1),
}
# A second, of every thread that runs.
SAMPLES = 997
SHOWN = 25
KERNEL = "[kernel]"


def run(context: Context) -> int:
    """Samples each load once; 1 if one of them failed."""
    if shutil.which("perf") is None:
        raise MeasureError("--profile needs perf on PATH (Debian: linux-perf)")
    binary = build.profiled()
    failed = False
    for name, load in LOADS.items():
        machine.wait_until_quiet(context.settings.quiet_wait)
        try:
            with context.prepared(ORDAIN) as server:
                server.command[0] = binary
                _one(context, server.start(), name, load)
        except (MeasureError, OSError, subprocess.SubprocessError) as error:
            failed = True
            say(f"{name} failed: {error}")
    return 1 if failed else 0


def _one(context: Context, server: Server, name: str, load: list[str]) -> None:
    config = context.settings
    context.generator.run(server, "produce", [*load, "--duration", seconds(config.warm_up)], config.warm_up)
    producing = context.generator.begin(server, "produce", [*load, "--duration", seconds(config.seconds + 60)])
    data = server.work / "perf.data"
    try:
        done = children.run(["perf", "record", "-e", "cpu-clock", "-F", str(SAMPLES), "-p", str(server.pid),
                             "-o", str(data), "--", "sleep", f"{config.seconds:g}"], within=config.seconds + 60)
        children.still_runs(producing, "the load")
    finally:
        children.stop(producing)
    if done.returncode != 0:
        raise MeasureError(f"perf record failed:\n{done.stderr[-2000:]}")
    report = children.run(["perf", "report", "-i", str(data), "--stdio", "--no-children", "-F", "overhead,dso,sym"], within=120)
    if report.returncode != 0:
        raise MeasureError(f"perf report failed:\n{report.stderr[-2000:]}")
    path = settings.TARGET / f"profile-{name}.txt"
    path.write_text(report.stdout)
    rows = _rows(report.stdout)
    kernel = sum(share for share, of, _ in rows if of == KERNEL)
    say(f"\n{name}: {kernel:.0f} % of the samples are the kernel's; all of it in {path}")
    for share, of, symbol in rows[:SHOWN]:
        say(f"  {share:5.1f} %  {'kernel  ' if of == KERNEL else ''}{symbol}")


def _rows(report: str) -> list[tuple[float, str, str]]:
    """Share in percent, where it is, and the function, of each line of a report."""
    rows = []
    for line in report.splitlines():
        if found := re.match(r"\s*([\d.]+)%\s+(\S+)\s+\[(.)\]\s+(.*\S)", line):
            of = KERNEL if found[3] == "k" else found[2]
            rows.append((float(found[1]), of, found[4]))
    return rows
