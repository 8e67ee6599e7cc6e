"""Recorded answers: asking for them, comparing with them, and recording them anew."""

import json
import re
import time

from harness import processes

ABSENT = "(absent)"
# Stands in the place of an answer that a probe did not come to.
BROKE = "probe broke"
# The keys of `{versions: answer}` as normal.merged makes it, and of one answer for each node.
VERSIONS = re.compile(r"(\d+)(?:-(\d+))?")
NODE = re.compile(r"node \d+")


def ask_all(probes, context, normal):
    """Each probe's answer, made comparable by `normal`, and the seconds that it took."""
    answers = []
    for _, function, words, _ in probes:
        began = time.monotonic()
        try:
            answer = normal(function(context), words)
        except Exception as error:  # a probe that breaks is an answer unlike Kafka's
            answer = {BROKE: f"{type(error).__name__}: {error}"}
        answers.append((answer, time.monotonic() - began))
    return answers


def differences(expected, got):
    """The places where two normal answers differ, as lines. Where an answer is told by versions, each version is compared, and the
    versions are named as Kafka's answer has them; where it is told by nodes, each node."""
    if not (told_by(VERSIONS, expected) and told_by(VERSIONS, got)):
        return plain_differences(expected, got)
    here = {version: answer for key, answer in got.items() for version in versions_of(key)}
    lines = []
    for key, answer in expected.items():
        versions = versions_of(key)
        found = {(version, node): told for version in versions
                 for node, told in node_differences(answer, here.pop(version, ABSENT), key).items()}
        for line in dict.fromkeys(line for told in found.values() for line in told):
            where = [f"version {version}{node}" for (version, node), told in found.items() if line in told]
            lines.append(line if len(where) == len(found) else f"{line} ({', '.join(where)})")
    return lines + [line for version, answer in here.items() for line in plain_differences(ABSENT, answer, str(version))]


def node_differences(expected, got, path):
    """The lines by node: those that answered alike in Kafka's cluster are held against one answer each, and named."""
    if told_by(NODE, got) and not told_by(NODE, expected):
        return {f" at {node}": plain_differences(expected, answer, path) for node, answer in got.items()}
    if told_by(NODE, expected) and not told_by(NODE, got):
        got = dict.fromkeys(expected, got)
    return {"": plain_differences(expected, got, path)}


def told_by(keys, answer):
    return isinstance(answer, dict) and bool(answer) and all(keys.fullmatch(key) for key in answer)


def versions_of(key):
    first, last = VERSIONS.fullmatch(key).groups()
    return range(int(first), int(last or first) + 1)


def plain_differences(expected, got, path=""):
    if isinstance(expected, dict) and isinstance(got, dict):
        lines = []
        for key in [*expected, *(key for key in got if key not in expected)]:
            lines += plain_differences(expected.get(key, ABSENT), got.get(key, ABSENT), f"{path}.{key}" if path else key)
        return lines
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        return [line for n, (one, two) in enumerate(zip(expected, got, strict=True))
                for line in plain_differences(one, two, f"{path}[{n}]")]
    if expected == got and type(expected) is type(got):
        return []
    if path.lower().endswith("message") and expected is None and got == "<text>":
        return []  # a broker may say more than Kafka does
    return [f"{path or 'answer'}: Kafka {json.dumps(expected)}, here {json.dumps(got)}"]


def compare(probes, answers, reference, deviations, results, subject, *, must_differ=True):
    """A check for each probe, and, if it `must_differ`, one that what is declared to differ does. `deviations`: the places in Kafka's
    answer that differ (one or several, by how they begin), and why, by the probe's name. None of them excuses a probe that broke."""
    alike = []
    for (name, _, _, subset), (answer, seconds) in zip(probes, answers, strict=True):
        if (why := why_broken(answer)) is not None:
            results.add(subject, name, False, seconds, f"the probe broke, which no deviation excuses: {why}")
            continue
        expected = reference.get(name)
        if subset and isinstance(expected, dict):
            expected = {key: value for key, value in expected.items() if key in answer}
        lines = differences(expected, json.loads(json.dumps(answer)))
        if subset and not answer:
            lines = ["answer: empty"]
        places, why = deviations.get(name, ((), None))
        places = (places,) if isinstance(places, str) else tuple(places)
        alike += [f"{name}: {place or 'the answer'} is declared to differ ({why}), and is as Kafka's: take it out of DEVIATIONS"
                  for place in places if not any(line.startswith(place) for line in lines)]
        lines = [line for line in lines if not line.startswith(places)]
        results.add(subject, name, not lines, seconds, "\n".join(lines[:20]))
    asked = {probe[0] for probe in probes}
    for name in sorted(set(reference) - asked):
        results.add(subject, name, False, 0.0, "recorded, but no longer asked")
    alike += [f"{name}: declared to differ, but no longer asked" for name in sorted(set(deviations) - asked)]
    if deviations and must_differ:
        results.add(subject, "what is declared to differ does", not alike, 0.0, "\n".join(alike))


def why_broken(answer):
    """What kept a probe from its answer; None if it has one."""
    return answer.get(BROKE) if isinstance(answer, dict) else None


def record(probes, answers, path):
    """One probe a line, so that a change of the reference reads well."""
    broken = [f"probe {name!r} broke: {why}" for (name, *_), (answer, _) in zip(probes, answers, strict=True)
              if (why := why_broken(answer)) is not None]
    if broken:
        raise SystemExit("\n".join(broken))
    lines = []
    for (name, *_), (answer, _) in zip(probes, answers, strict=True):
        lines.append(f"{json.dumps(name)}: {json.dumps(answer)}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    processes.say(f"{len(lines)} answers recorded in {path.name}")
    return 0
