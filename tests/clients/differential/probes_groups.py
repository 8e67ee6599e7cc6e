"""Probes of the coordinator: finding it, classic groups, offsets, describing and deleting."""

from context import probe
from harness import apis

PROTOCOLS = [{"name": "range", "metadata": b"\0\1"}]
GROUP = "talkers"


@probe("find coordinator: group")
def _(c):
    return c.call(apis.FIND_COORDINATOR, type=0, keys=[GROUP])


@probe("find coordinator: unknown key type")
def _(c):
    return c.call(apis.FIND_COORDINATOR, type=9, keys=[GROUP])


@probe("find coordinator: empty group id")
def _(c):
    return c.call(apis.FIND_COORDINATOR, type=0, keys=[""])


# --- one request each, no group behind it --------------------------------------------------------

def join(c, group=GROUP, session=10_000, member="", instance=None, kind="consumer",
         protocols=PROTOCOLS):  # the list is never changed
    return c.call(apis.JOIN_GROUP, group=group, session=session, rebalance=10_000, member=member,
                  instance=instance, type=kind, protocols=protocols)


def join_case(name, **options):
    @probe(f"join group: {name}")
    def _(c):
        return join(c, **{"group": "never", **options})


join_case("session timeout too short", session=1)
join_case("session timeout too long", session=100_000_000)
join_case("empty group id", group="")
join_case("unknown member of an unknown group", member="ghost")
join_case("no protocols", protocols=[])
join_case("empty protocol type", kind="")
join_case("first join gets a member id to come back with")


@probe("join group v0: session timeout too short")
def _(c):
    return c.call(apis.JOIN_GROUP_0, group="never", session=1, member="", type="consumer",
                  protocols=PROTOCOLS)


def sync(c, group, generation, member, assignments=()):
    return c.call(apis.SYNC_GROUP, group=group, generation=generation, member=member,
                  instance=None, assignments=list(assignments))


def heartbeat(c, group, generation, member, instance=None):
    return c.call(apis.HEARTBEAT, group=group, generation=generation, member=member,
                  instance=instance)


def leave(c, group, *members):
    return c.call(apis.LEAVE_GROUP, group=group, members=[
        {"member": member, "instance": instance} for member, instance in members])


def commit(c, group, generation=-1, member="", topic="plain", partition=0, offset=1, metadata=""):
    return c.call(apis.OFFSET_COMMIT, group=group, generation=generation, member=member,
                  instance=None, topics=[{"name": topic, "partitions": [
                      {"index": partition, "offset": offset, "epoch": -1,
                       "metadata": metadata}]}])


def offsets(c, group, topics):
    return c.call(apis.OFFSET_FETCH, groups=[{"id": group, "topics": topics}], stable=False)


@probe("sync group: unknown group")
def _(c):
    return sync(c, "nobody", 1, "ghost")


@probe("heartbeat: unknown group")
def _(c):
    return heartbeat(c, "nobody", 1, "ghost")


@probe("heartbeat: empty group id")
def _(c):
    return heartbeat(c, "", 1, "ghost")


@probe("heartbeat: unknown static member")
def _(c):
    return heartbeat(c, "nobody", 1, "ghost", "static")


@probe("leave group: unknown group")
def _(c):
    return leave(c, "nobody", ("ghost", None))


@probe("leave group: unknown static member")
def _(c):
    return leave(c, "nobody", ("", "static"))


@probe("offset commit: unknown group with a generation")
def _(c):
    return commit(c, "nobody", 3, "ghost")


@probe("offset commit: unknown group, no generation but a member")
def _(c):
    return commit(c, "memberless", -1, "ghost")


@probe("offset commit: without a group")
def _(c):
    return commit(c, "loner")


@probe("offset commit: empty group id")
def _(c):
    return commit(c, "")


@probe("offset commit: unknown topic")
def _(c):
    return commit(c, "loner", topic="nowhere")


@probe("offset commit: unknown partition")
def _(c):
    return commit(c, "loner", partition=9)


@probe("offset commit: negative offset")
def _(c):
    return commit(c, "loner", partition=1, offset=-5)


@probe("offset commit: metadata too large")
def _(c):
    return commit(c, "loner", metadata="m" * 5000)


@probe("offset fetch: what was committed")
def _(c):
    return offsets(c, "loner", [{"name": "plain", "partitions": [0]}])


@probe("offset fetch: everything")
def _(c):
    answer = offsets(c, "loner", None)
    for topic in answer["groups"][0]["topics"]:
        topic["partitions"].sort(key=lambda partition: partition["index"])
    return answer


@probe("offset fetch: unknown group")
def _(c):
    return offsets(c, "nobody", [{"name": "plain", "partitions": [0, 1]}])


@probe("offset fetch: unknown topic")
def _(c):
    return offsets(c, "loner", [{"name": "nowhere", "partitions": [0]}])


def describe(c, group):
    answer = c.call(apis.DESCRIBE_GROUPS, groups=[group], authorized=False)
    for member in (m for g in answer.get("groups", []) for m in g["members"]):
        # With or without a slash in front, the address is this machine's.
        member["host"] = member["host"].lstrip("/")
    return answer


@probe("describe group: unknown")
def _(c):
    return describe(c, "nobody")


@probe("describe group: offsets without members")
def _(c):
    return describe(c, "loner")


@probe("delete group: unknown")
def _(c):
    return c.call(apis.DELETE_GROUPS, groups=["nobody"])


@probe("delete group: empty id")
def _(c):
    return c.call(apis.DELETE_GROUPS, groups=[""])


@probe("offset delete: unknown group")
def _(c):
    return offset_delete(c, "nobody")


def offset_delete(c, group, topic="plain", partition=0):
    return c.call(apis.OFFSET_DELETE, group=group, topics=[
        {"name": topic, "partitions": [{"index": partition}]}])


@probe("offset delete: unknown topic")
def _(c):
    return offset_delete(c, "loner", "nowhere")


@probe("offset delete")
def _(c):
    return [offset_delete(c, "loner"), offsets(c, "loner", [{"name": "plain", "partitions": [0]}])]


# --- the life of a group -------------------------------------------------------------------------

@probe("group: the member id comes back and the group forms")
def _(c):
    first = join(c)
    c.values["member"] = first["member"]
    second = join(c, member=first["member"])
    c.values["generation"] = second["generation"]
    return [first, second]


@probe("group: heartbeat before the assignment")
def _(c):
    return heartbeat(c, GROUP, c.values["generation"], c.values["member"])


@probe("group: describe before the assignment")
def _(c):
    return describe(c, GROUP)


@probe("group: sync with a wrong generation")
def _(c):
    return sync(c, GROUP, 77, c.values["member"])


@probe("group: sync")
def _(c):
    member = c.values["member"]
    return sync(c, GROUP, c.values["generation"], member,
                [{"member": member, "assignment": b"\0\1\2"}])


@probe("group: heartbeat")
def _(c):
    return heartbeat(c, GROUP, c.values["generation"], c.values["member"])


@probe("group: heartbeat with a wrong generation")
def _(c):
    return heartbeat(c, GROUP, 77, c.values["member"])


@probe("group: heartbeat of a stranger")
def _(c):
    return heartbeat(c, GROUP, c.values["generation"], "ghost")


@probe("group: describe when stable")
def _(c):
    return describe(c, GROUP)


@probe("group: list by state")
def _(c):
    answer = c.call(apis.LIST_GROUPS, states=["Stable"], types=[])
    answer["groups"] = [group for group in answer["groups"] if group["id"] == GROUP]
    return answer


@probe("group: list by type")
def _(c):
    answer = c.call(apis.LIST_GROUPS, states=[], types=["classic"])
    answer["groups"] = [group for group in answer["groups"] if group["id"] == GROUP]
    return answer


@probe("group: list by a state that is none")
def _(c):
    return c.call(apis.LIST_GROUPS, states=["Dancing"], types=[])


@probe("group: commit with a wrong generation")
def _(c):
    return commit(c, GROUP, 77, c.values["member"])


@probe("group: commit of a stranger")
def _(c):
    return commit(c, GROUP, c.values["generation"], "ghost")


@probe("group: commit without a generation while it has members")
def _(c):
    return commit(c, GROUP)


@probe("group: commit")
def _(c):
    return [commit(c, GROUP, c.values["generation"], c.values["member"], offset=2, metadata="m"),
            offsets(c, GROUP, [{"name": "plain", "partitions": [0, 1]}])]


@probe("group: join with a protocol that the others lack")
def _(c):
    return join(c, protocols=[{"name": "other", "metadata": b""}])


@probe("group: join with another protocol type")
def _(c):
    return join(c, kind="connect")


@probe("group: delete while it has members")
def _(c):
    return c.call(apis.DELETE_GROUPS, groups=[GROUP])


@probe("group: offset delete while it has members")
def _(c):
    return offset_delete(c, GROUP)


@probe("group: leave")
def _(c):
    return leave(c, GROUP, (c.values["member"], None))


@probe("group: leave again")
def _(c):
    return leave(c, GROUP, (c.values["member"], None))


@probe("group: describe when empty")
def _(c):
    return describe(c, GROUP)


@probe("group: delete")
def _(c):
    return [c.call(apis.DELETE_GROUPS, groups=[GROUP]), describe(c, GROUP),
            offsets(c, GROUP, [{"name": "plain", "partitions": [0]}])]


# --- static members ------------------------------------------------------------------------------

@probe("static member: joins at once")
def _(c):
    answer = join(c, "statics", instance="one")
    c.values["static"] = answer["member"]
    member = answer["member"]
    return [answer, sync(c, "statics", answer["generation"], member,
                         [{"member": member, "assignment": b"\1"}])]


@probe("static member: comes back under a new member id, the old one is fenced")
def _(c):
    answer = join(c, "statics", instance="one")
    return [answer, heartbeat(c, "statics", answer["generation"], c.values["static"], "one"),
            heartbeat(c, "statics", answer["generation"], answer["member"], "one")]


@probe("static member: leaves by its instance id")
def _(c):
    return leave(c, "statics", ("", "one"))
