# SPDX-License-Identifier: Apache-2.0
"""What each answered call promised, and whether the rows kept it. Pure: no cluster is asked here.

A call is *done* (its answer said so), *refused* (its answer said that nothing was changed), or its
outcome is *unknown*: nobody saw an answer, or the answer said that it cannot tell.
"""

import collections
import threading
import time
from dataclasses import dataclass, field

DONE, REFUSED, UNKNOWN = "done", "refused", "unknown"
YES, NO, EITHER = "yes", "no", "either"
# Why an instance that was built may be in error afterwards; all else that befalls it is ours to mend.
LOST = " lost"


@dataclass
class Thing:
    """An instance or a network that somebody asked for. Only its owner changes it, one call after
    the other, so that its history has one order."""

    kind: str  # "instances" or "networks", as in paths
    name: str
    uuid: str = ""
    exists: str = EITHER
    power: bool | None = None  # what its owner wants for sure
    built: bool = False        # it was seen created
    gone_at: float = 0         # when its deletion was acknowledged
    nics: dict = field(default_factory=dict)  # by UUID of the interface: (network, MAC, address)
    floats: dict = field(default_factory=dict)  # by UUID of the interface: whether it floats, if known
    history: list = field(default_factory=list)

    def __str__(self):
        return f"{self.kind[:-1]} {self.name} {self.uuid or '(its UUID was never heard)'}"


class Ledger:
    def __init__(self):
        self.lock = threading.Lock()
        self.things = {}  # by name: names are never used twice
        self.broken = []  # promises, in words, with the history of the object
        self.calls = collections.Counter()

    def say(self, thing, what):
        thing.history.append((time.time(), what))

    def break_promise(self, thing, what):
        story = "\n".join(f"    {time.strftime('%H:%M:%S', time.gmtime(when))}.{int(when % 1 * 1000):03} "
                          f"{said}" for when, said in thing.history) if thing else ""
        with self.lock:
            self.broken.append(f"{thing or 'the cluster'}: {what}\n{story}".rstrip())

    # ---- calls -----------------------------------------------------------------------------------

    def asked(self, kind, name):
        thing = Thing(kind, name)
        with self.lock:
            self.things[name] = thing
        return thing

    def created(self, thing, outcome, view=None):
        if outcome == REFUSED:
            thing.exists = NO
        elif outcome == DONE:
            thing.exists, thing.uuid = YES, view["uuid"]
            self.promise_nics(thing, view)

    def promise_nics(self, thing, view):
        """What an answer says of the interfaces of an instance stays so."""
        for nic in view.get("interfaces", ()):
            promised = nic["network_uuid"], nic["macaddr"], nic["ipv4"]
            if thing.nics.setdefault(nic["uuid"], promised) != promised:
                self.break_promise(thing, f"interface {nic['uuid']} was promised {thing.nics[nic['uuid']]}"
                                          f" and then {promised}")

    def deleted(self, thing, outcome):
        if outcome == DONE:
            thing.exists, thing.gone_at = NO, time.monotonic()
        elif outcome == UNKNOWN:
            thing.exists = EITHER

    def powered(self, thing, on, outcome):
        """An unknown one may still be carried out, and after any that come later."""
        if outcome == DONE and thing.power is not None:
            thing.power = on
        elif outcome == UNKNOWN:
            thing.power = None

    def floated(self, thing, nic, floats, outcome):
        if outcome == DONE:
            thing.floats[nic] = floats if thing.floats.get(nic, floats) is not None else None
        elif outcome == UNKNOWN:
            thing.floats[nic] = None

    # ---- the verdict -----------------------------------------------------------------------------

    def judge(self, rows):
        """Finds what the rows, at rest, do not keep. What was unknown is known from then on."""
        found = {}
        for row in rows.things:
            if row.state == "deleted":
                continue
            thing = self.things.get(row.name)
            if thing is None:
                self.break_promise(None, f"{row.kind[:-1]} {row.name} {row.uuid} was made by nobody")
            elif thing.name in found:
                self.break_promise(thing, f"it is there twice, also as {row.uuid}")
            else:
                found[thing.name] = row
        for thing in list(self.things.values()):
            self.judge_one(thing, found.get(thing.name), rows)
        self.judge_uniqueness(rows)

    def judge_one(self, thing, row, rows):
        if thing.exists == EITHER and row and row.state == "delete-wait":
            self.say(thing, f"found as {row.uuid}, {row.state}: its deletion was done")
            thing.exists = NO
        if thing.exists == YES and row is None:
            self.break_promise(thing, "its creation was acknowledged, and it is not there")
        elif thing.exists == NO and row and not (row.state == "delete-wait" and rows.uses(row.uuid)):
            self.break_promise(thing, f"it should not be there, and is {row.state}"
                                      f" as {row.uuid} on {row.node}: {row.error}")
        if row and thing.uuid and row.uuid != thing.uuid:
            self.break_promise(thing, f"it is there with another UUID, {row.uuid}")
        if row is None or thing.exists == NO:
            thing.exists = NO
            return
        self.settle(thing, row)
        if row.state == "error":
            self.judge_error(thing, row)
        elif row.state == "created" and thing.kind == "instances":
            thing.built = True
            if thing.power not in (None, row.power_wanted):
                self.break_promise(thing, f"it should be {'on' if thing.power else 'off'}, and is not")
            thing.power = row.power_wanted
        self.judge_nics(thing, rows)

    def settle(self, thing, row):
        if thing.exists == EITHER:
            self.say(thing, f"found as {row.uuid}, {row.state}, on {row.node}")
        thing.exists, thing.uuid = YES, row.uuid

    def judge_error(self, thing, row):
        if not row.error:
            self.break_promise(thing, "it is in error and nobody knows why")
        if thing.built and not row.error.endswith(LOST):
            self.break_promise(thing, f"it was built, and is in error now: {row.error}")

    def judge_nics(self, thing, rows):
        live = {nic.uuid: (nic.network, nic.mac, nic.address) for nic in rows.nics
                if nic.instance == thing.uuid}
        for uuid, promised in thing.nics.items():
            if live.get(uuid) != promised:
                self.break_promise(thing, f"interface {uuid} was promised {promised},"
                                          f" and is {live.get(uuid)}")
        for nic in (nic for nic in rows.nics if nic.instance == thing.uuid):
            if thing.floats.get(nic.uuid) not in (None, bool(nic.floating)):
                self.break_promise(thing, f"interface {nic.uuid} has the floating address"
                                          f" '{nic.floating}', which is not as was asked")
            thing.floats[nic.uuid] = bool(nic.floating)

    def judge_uniqueness(self, rows):
        """Of the rows, and of what was promised: a row may have been overwritten."""
        live = [thing for thing in self.things.values() if thing.exists == YES]
        claims = [("address", (network, address), str(thing)) for thing in live
                  for network, _, address in thing.nics.values() if address]
        claims += [("MAC address", mac, str(thing)) for thing in live
                   for _, mac, _ in thing.nics.values()]
        for what, taken in (("promised", claims), ("in the rows", rows.taken)):
            holders = collections.defaultdict(set)
            for kind, value, holder in taken:
                holders[kind, value].add(holder)
            for (kind, value), several in holders.items():
                if len(several) > 1:
                    self.break_promise(None, f"{kind} {value} {what} to {sorted(several)}")


# ---- the rows, as the ledger is shown them -------------------------------------------------------


@dataclass
class Row:
    kind: str
    uuid: str
    name: str
    state: str
    node: str = ""
    error: str = ""
    power_wanted: bool = True


@dataclass
class NicRow:
    uuid: str
    instance: str
    network: str
    mac: str
    address: str
    floating: str = ""


@dataclass
class Rows:
    things: list
    nics: list = field(default_factory=list)   # the live ones
    taken: list = field(default_factory=list)  # (kind, value, holder) of all that only one may have

    def uses(self, network):
        return any(nic.network == network for nic in self.nics)


def read_rows(sql):
    """`sql` gives the rows of a statement, each a list of texts."""
    things = [Row("instances", uuid, name, state, node, error, power == "1")
              for uuid, name, state, node, power, error in sql(
                  "SELECT uuid, name, state, node, power_wanted, error_message FROM instances")]
    things += [Row("networks", *row)
               for row in sql("SELECT uuid, name, state FROM networks WHERE vni <> 0")]
    nics = [NicRow(*row) for row in sql(
        "SELECT uuid, instance_uuid, network_uuid, mac, ipv4, floating FROM interfaces"
        " WHERE live = 1")]
    taken = [("address", (nic.network, nic.address), nic.uuid) for nic in nics if nic.address]
    taken += [("floating address", nic.floating, nic.uuid) for nic in nics if nic.floating]
    taken += [("MAC address", nic.mac, nic.uuid) for nic in nics]
    taken += [("VNI", vni, uuid) for vni, uuid in sql(
        "SELECT vni, uuid FROM networks WHERE state <> 'deleted' AND vni <> 0")]
    taken += [("port", (node, port), f"{uuid} {purpose}") for node, port, uuid, purpose in sql(
        "SELECT node, port, instance_uuid, purpose FROM ports")]
    return Rows(things, nics, taken)
