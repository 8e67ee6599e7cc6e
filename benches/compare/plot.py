"""The plot: one line per target, how far each is met, as an SVG that needs nothing else."""

import html
import math

from report import beside, spread
from results import Results, Row
from stats import figure

LEFT, WIDTH, RIGHT, LINE, TOP = 430, 460, 250, 22, 92
DECADES = 2  # either side of the target
MET, SHORT, UNKNOWN = "#1a7f37", "#c93c37", "#8b949e"

STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 18px; font-weight: 600 } .dim { fill: #59636e } .key { font-weight: 600 }
.grid { stroke: #d1d9e0 } .goal { stroke: #1f2328; stroke-width: 1.5 } .band { fill: #f6f8fa }
"""


def _x(headroom: float) -> float:
    """The place of a headroom on the logarithmic axis, cut off at its ends."""
    log = math.log10(headroom) if headroom > 0 else -DECADES
    return LEFT + WIDTH * (min(max(log, -DECADES), DECADES) + DECADES) / (2 * DECADES)


def _text(x: float, y: float, content: str, kind: str = "", anchor: str = "start") -> str:
    return (f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">'
            f"{html.escape(content)}</text>")


def svg(results: Results, header: dict) -> str:
    rows = [row for row in results.rows() if row.target.bound]
    height = TOP + LINE * len(rows) + 56
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + RIGHT}" height="{height}" '
           f'viewBox="0 0 {LEFT + WIDTH + RIGHT} {height}" role="img" '
           f'aria-label="How far Ordain meets each target">',
           f"<style>{STYLE}</style>", '<rect width="100%" height="100%" fill="#ffffff"/>']
    out += _head(header)
    bottom = TOP + LINE * len(rows)
    for number, row in enumerate(rows):
        if number % 2 == 0:
            out.append(f'<rect class="band" x="0" y="{TOP + LINE * number}" width="100%" '
                       f'height="{LINE}"/>')
    out += _axis(bottom)
    last = None
    for number, row in enumerate(rows):
        out += _line(row, TOP + LINE * number + LINE / 2, row.workload.key != last)
        last = row.workload.key
    noise = results.noise()
    out.append(_text(16, bottom + 42, f"{noise['not_quiet']} of {noise['measurements']} measurements began "
                     f"while the machine was not quiet. Whiskers: least and greatest round.", "dim"))
    return "\n".join([*out, "</svg>", ""])


def _head(header: dict) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in header["versions"].items())
    what = f"{versions}; {header['rounds']} rounds{' (quick)' if header['quick'] else ''}, {header['date']}"
    return [_text(16, 30, "Ordain beside Apache Kafka and the machine: how far each target is met", "title"),
            _text(16, 50, what, "dim"),
            _text(_x(1) - 8, 70, "short of the target", "dim", "end"),
            _text(_x(1) + 8, 70, "better than the target", "dim")]


def _axis(bottom: float) -> list[str]:
    out = []
    for power in range(-DECADES, DECADES + 1):
        x = _x(10.0 ** power)
        kind = "goal" if power == 0 else "grid"
        out.append(f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>')
        name = "target" if power == 0 else f"×{10.0 ** power:g}"
        out += [_text(x, TOP - 6, name, "dim", "middle"), _text(x, bottom + 16, name, "dim", "middle")]
    return out


def _line(row: Row, y: float, first: bool) -> list[str]:
    baseline = y + 4
    what = f"{row.workload.units.get(row.target.figure, row.target.figure)}"
    against = beside(row.target.against)
    label = f"{what}, {row.target.bound.text()}{' × ' + against if against else ''}"
    out = [_text(16, baseline, row.workload.key, "key")] if first else []
    out.append(_text(132, baseline, label))
    one = row.ratio if row.target.against else row.ours
    if one is None or row.headroom is None:
        return [*out, _text(_x(1) + 8, baseline, "not measured", "dim")]
    colour = {True: MET, False: SHORT, None: UNKNOWN}[row.met]
    ends = sorted((_x(row.target.bound.headroom(one.low)), _x(row.target.bound.headroom(one.high))))
    middle = _x(row.headroom)
    tip = html.escape(f"{row.workload.title}: {label}: {spread(one)}")
    return [*out, f"<g><title>{tip}</title>",
            f'<line x1="{_x(1):.1f}" x2="{middle:.1f}" y1="{y}" y2="{y}" stroke="{colour}" '
            f'stroke-width="6" stroke-opacity="0.35"/>',
            f'<line x1="{ends[0]:.1f}" x2="{ends[1]:.1f}" y1="{y}" y2="{y}" stroke="{colour}" '
            f'stroke-width="1.5"/>',
            f'<circle cx="{middle:.1f}" cy="{y}" r="5" fill="{colour}"/>', "</g>",
            _text(LEFT + WIDTH + 14, baseline,
                  f"{figure(one.median)}{' ×' if row.target.against else ''}"
                  + (f"  ({figure(one.low)}–{figure(one.high)})" if one.count > 1 else ""), "dim")]
