"""What goes wrong and when, drawn from a seed."""

import dataclasses
import random

FAMILIES = ("kill", "stop", "cut", "slow", "full", "failing", "device")
CLIENTS = 0
# Of a failing disk: which byte of the control file (failing_disk.c) is set to what.
DISKS = {"syncs": (0, 1), "writes": (1, 1), "reads": (2, 1), "slow syncs": (4, 30), "very slow syncs": (4, 80),
         "names": (5, 1), "no room for names": (6, 1)}
PLACES = 7


@dataclasses.dataclass
class Fault:
    """Something that is wrong from `at` for `seconds`, counted from the first."""

    at: float
    seconds: float
    family: str
    node: int
    what: str
    # Which ways of which cables: (from, to).
    ways: tuple = ()

    def __str__(self):
        return f"{self.at:6.1f} s  {self.family:<8} {self.what}, for {self.seconds:.1f} s"


def _ways(draw, node, nodes, is_one_way):
    """Which cables of a node: (words, ways)."""
    others = [other for other in nodes if other != node]
    if not is_one_way:
        return f"from everybody to node {node}", [(other, node) for other in [CLIENTS, *others]]
    out = [(node, other) for other in others]
    into = [(other, node) for other in others]
    clients = [(CLIENTS, node), (node, CLIENTS)]
    other = draw.choice(others)
    return draw.choice([
        (f"between node {node} and the other nodes", out + into),
        (f"between node {node} and everybody", out + into + clients),
        (f"between nodes {node} and {other}", [(node, other), (other, node)]),
        (f"from node {node} to the other nodes", out),
        (f"from the other nodes to node {node}", into),
        (f"between node {node} and the clients", clients),
    ])


def _what(rng, family, node, nodes, is_one_way):
    if family == "kill":
        return f"node {node} is killed", ()
    if family == "stop":
        return f"node {node} stands still", ()
    if family == "full":
        return f"the disk of node {node} is full", ()
    if family == "device":
        return f"the device beneath the disk of node {node} takes no block that it has not", ()
    if family == "failing":
        return f"the disk of node {node}: {rng.choice(sorted(DISKS))}", ()
    words, ways = _ways(rng, node, nodes, is_one_way)
    return f"{words}: {'nothing passes' if family == 'cut' else 'slow'}", ways


def draw(seed, seconds, families, nodes, is_one_way=True):
    """The faults of a run, by their begins; `is_one_way` if a single way between two can be cut.

    Each family comes up in turn, in an order that is drawn anew each time; a node has no two faults
    of one family at once. Of no families nothing comes."""
    if not families:
        return []
    rng = random.Random(seed)
    faults, busy, deck, at = [], {}, [], 1.0
    while at < seconds:
        if not deck:
            deck = rng.sample(families, len(families))
        family = deck.pop()
        lasting = round(min(rng.choice([0.5, 1, 2, 4, 8]) * rng.uniform(0.5, 1.5), seconds - at + 1), 1)
        # Of what befalls a whole node, now and then several at once, or all.
        count = rng.choice([1, 1, 1, 2, 3]) if family in ("kill", "stop") else 1
        for node in rng.sample(nodes, count):
            if busy.get((family, node), 0) <= at:
                busy[family, node] = at + lasting
                what, ways = _what(rng, family, node, nodes, is_one_way)
                faults.append(Fault(round(at, 1), lasting, family, node, what, tuple(ways)))
        # Now and then one comes upon the other, and now and then all is well for a while.
        at += rng.choice([0.1, 0.5, 1, 2, 4])
    return faults
