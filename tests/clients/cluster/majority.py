"""Two of three nodes are lost for good, and `ordain cluster recover` lets the third go on."""

import json
import subprocess

from confluent_kafka import Producer

from . import nodes, traffic
from .scenarios import same

SURVIVOR = 1


def tool(node, step, *arguments, fails=False):
    """`ordain cluster recover STEP`; what it printed."""
    done = subprocess.run([str(node.binary), "cluster", "recover", step, *map(str, arguments)],
                          capture_output=True, text=True, timeout=60)
    if (done.returncode != 0) != fails:
        raise AssertionError(f"recover {step} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def run(drill):
    """All nodes are stopped. Afterwards all run again, two of them with empty disks."""
    cluster, work = drill.cluster, drill.cluster.work
    survivor, lost = cluster.nodes[SURVIVOR], cluster.others(SURVIVOR)
    sources = survivor.command[2:]
    survey, plan = work / "survey.json", work / "plan.json"
    nowhere = tool(survivor, "survey", "--data", work / "nowhere", "--out", survey, fails=True)
    if "name it with --data DIR, or the node's configuration with --config FILE" not in nowhere:
        raise AssertionError(f"a survey of nothing: {nowhere}")
    surveyed = tool(survivor, "survey", "--data", survivor.data, "--out", survey)
    if f"`ordain cluster recover plan {survey} OTHER.json --lost IDS --out plan.json`" not in surveyed:
        raise AssertionError(f"a survey does not say what comes next: {surveyed}")
    refused = tool(survivor, "plan", survey, "--lost", "8,9", fails=True)
    if "node 8, which is named as lost, is none of this cluster's; it has 1, 2, 3" not in refused:
        raise AssertionError(f"a plan with a node that nobody knows: {refused}")
    refused = tool(survivor, "plan", survey, "--lost", lost[0].id, "--out", plan, fails=True)
    if f"node {lost[1].id} is one of this cluster's and was neither surveyed nor named as lost" not in refused:
        raise AssertionError(f"a plan without one of the nodes: {refused}")
    ids = ",".join(str(node.id) for node in lost)
    shown = tool(survivor, "plan", survey, "--lost", ids, "--out", plan)
    if f"`ordain cluster recover apply {plan} --data DIR --accept-loss`" not in shown:
        raise AssertionError(f"a plan does not say what comes next: {shown}")
    refused = tool(survivor, "apply", plan, *sources, fails=True)
    if f"nothing was changed: node {SURVIVOR} would go on alone with " not in refused:
        raise AssertionError(f"applied without a word: {refused}")
    if "Where the loss ends nobody can tell" not in shown:
        raise AssertionError(f"the plan does not say why no end is told: {shown}")
    for accepted in [], ["--accept-loss"]:
        refused = tool(survivor, "apply", plan, "--data", lost[0].data, *accepted, fails=True)
        if f"node {lost[0].id} is named as lost: never start it with this directory" not in refused:
            raise AssertionError(f"applied to a lost node with {accepted}: {refused}")
    for node in lost:
        node.wipe()
    tool(survivor, "apply", plan, *sources, "--accept-loss")
    chosen = {one["partition"]: one for one in json.loads(plan.read_text())["chosen"]
              if one["topic"] == drill.topic}
    same("partitions in the plan", sorted(chosen), list(range(traffic.PARTITIONS)))
    for partition, one in chosen.items():
        if f"{drill.topic}-{partition}" not in shown:
            raise AssertionError(f"the plan does not show partition {partition}: {shown}")

    survivor.start()
    records = traffic.read_all(survivor.bootstrap, drill.topic, traffic.PARTITIONS)
    kept = behind = 0
    for partition, acks in enumerate(drill.writer.acks):
        there = dict(records[partition])
        for ack in acks:
            if ack.offset >= chosen[partition]["log_end"]:
                behind += 1
                continue
            number = int(there[ack.offset].split(b"-")[1])
            same(f"the record at {partition}/{ack.offset}", number, ack.number)
            kept += 1
    alone = Producer({"bootstrap.servers": survivor.bootstrap, "acks": "all"})
    failures = []
    for partition in range(traffic.PARTITIONS):
        alone.produce(drill.topic, b"after-0", partition=partition,
                      on_delivery=lambda error, _: error and failures.append(error))
    same("records left after flush", alone.flush(30), 0)
    same("records refused", failures, [])
    for node in lost:
        node.start()
    seconds = cluster.settle(60)
    for node in cluster.nodes.values():
        nodes.stop_orderly(node)
    return (f"{kept} acknowledged records kept, {behind} were told to be lost; two nodes with empty disks were in sync "
            f"{seconds:.1f} s after their start")
