"""Recorded answers: comparing with them, and recording them anew."""

import json

from harness import processes


def differences(expected, got, path=""):
    """The places where two normal answers differ, as lines."""
    if isinstance(expected, dict) and isinstance(got, dict):
        lines = []
        for key in [*expected, *(key for key in got if key not in expected)]:
            lines += differences(expected.get(key, "(absent)"), got.get(key, "(absent)"),
                                 f"{path}.{key}" if path else key)
        return lines
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        return [line for n, (one, two) in enumerate(zip(expected, got, strict=True))
                for line in differences(one, two, f"{path}[{n}]")]
    if expected == got and type(expected) is type(got):
        return []
    if path.lower().endswith("message") and expected is None and got == "<text>":
        return []  # a broker may say more than Kafka does
    return [f"{path or 'answer'}: Kafka {json.dumps(expected)}, here {json.dumps(got)}"]


def compare(probes, answers, reference, deviations, results, subject):
    """A check for each probe. `deviations`: the place in Kafka's answer that may differ, and why, by the probe's name."""
    for (name, _, _, subset), (answer, seconds) in zip(probes, answers, strict=True):
        expected = reference.get(name)
        if subset and isinstance(expected, dict):
            expected = {key: value for key, value in expected.items() if key in answer}
        lines = differences(expected, json.loads(json.dumps(answer)))
        if subset and not answer:
            lines = ["answer: empty"]
        place, _why = deviations.get(name, (None, None))
        if place is not None and lines:
            lines = [line for line in lines if not line.startswith(place)]
        results.add(subject, name, not lines, seconds, "\n".join(lines[:20]))
    for name in sorted(set(reference) - {probe[0] for probe in probes}):
        results.add(subject, name, False, 0.0, "recorded, but no longer asked")


def record(probes, answers, path):
    """One probe a line, so that a change of the reference reads well."""
    broken = [f"probe {name!r} broke: {answer['probe broke']}" for (name, *_), (answer, _) in zip(probes, answers, strict=True)
              if isinstance(answer, dict) and "probe broke" in answer]
    if broken:
        raise SystemExit("\n".join(broken))
    lines = []
    for (name, *_), (answer, _) in zip(probes, answers, strict=True):
        lines.append(f"{json.dumps(name)}: {json.dumps(answer)}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    processes.say(f"{len(lines)} answers recorded in {path.name}")
    return 0
