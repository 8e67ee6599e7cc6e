"""The table, as text and as markdown."""

from results import Results, Row
from settings import KAFKA, KAFKA_SYNC, SINK
from stats import Spread, figure

HEADER = ["", "workload", "figure", "Ordain", "beside", "its figure", "ratio", "target", "met"]

NAMES = {KAFKA: "Kafka", KAFKA_SYNC: "Kafka, flush.messages=1", SINK: "sink"}


def spread(one: Spread | None) -> str:
    if one is None:
        return "–"
    if one.count == 1 or one.low == one.high:
        return figure(one.median)
    return f"{figure(one.median)} ({figure(one.low)}–{figure(one.high)})"


def beside(against: str | None) -> str:
    """Who or what Ordain's figure stands beside."""
    kind, _, name = (against or "").partition(":")
    return {"workload": name, "limit": f"the machine: {name}", "figure": name}.get(
        kind, NAMES.get(kind, kind))


def _verdict(row: Row) -> str:
    return {True: "yes", False: "NO", None: "?" if row.target.bound else ""}[row.met]


def _cells(row: Row, title: str) -> list[str]:
    unit = row.workload.units.get(row.target.figure, "")
    bound = row.target.bound
    target = bound.text() + (" ×" if row.target.against else f" {unit}") if bound else "–"
    return [row.workload.key, title, unit or row.target.figure, spread(row.ours),
            beside(row.target.against), spread(row.theirs), spread(row.ratio), target, _verdict(row)]


def table(results: Results) -> list[list[str]]:
    rows, last = [], None
    for row in results.rows():
        rows.append(_cells(row, row.workload.title if row.workload.key != last else ""))
        last = row.workload.key
    return rows


def text(results: Results) -> str:
    """For a terminal: the workloads' titles stand on lines of their own."""
    header = [HEADER[0], *HEADER[2:]]
    rows = table(results)
    lines = [[row[0], *row[2:]] for row in rows]
    widths = [max(len(line[at]) for line in [header, *lines]) for at in range(len(header))]

    def shown(line: list[str]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()

    out = [shown(header)]
    for row, line in zip(rows, lines):
        if row[1]:
            out += ["", f"{row[0]}: {row[1]}"]
        out.append(shown(line))
    return "\n".join([*out, "", *_limits(results), *_after(results)])


def markdown(results: Results, header: dict) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in header["versions"].items())
    machine = header["machine"]
    out = ["# Ordain beside Apache Kafka", "",
           f"{versions}; {machine['cpus']} × {machine['cpu']}, "
           f"{machine['memory_bytes'] / 2**30:.0f} GiB, Linux {machine['kernel']}; "
           f"{header['rounds']} rounds{' (quick)' if header['quick'] else ''}, {header['date']}. "
           "Medians, with the least and the greatest; a ratio is the median of the rounds' ratios.", ""]
    out += ["| " + " | ".join(HEADER) + " |", "|" + " --- |" * len(HEADER)]
    out += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table(results)]
    return "\n".join([*out, "", *_limits(results), *_after(results), ""])


def _limits(results: Results) -> list[str]:
    found = results.limits()
    lines = [f"- {name}: {spread(one)}" for name, one in found.items()]
    return ["The machine itself, in the same run:", "", *lines, ""] if lines else []


def _after(results: Results) -> list[str]:
    noise = results.noise()
    lines = [f"{noise['not_quiet']} of {noise['measurements']} measurements began while the machine was "
             f"not quiet (CPU pressure: median {noise['pressure_median']}, most {noise['pressure_max']})."]
    errors = results.errors()
    if errors:
        lines += ["", f"{len(errors)} measurements failed:", ""]
        lines += [f"- {e.workload} on {e.server}, round {e.round}: {e.error.splitlines()[0]}"
                  for e in errors]
    return lines
