# SPDX-License-Identifier: Apache-2.0
"""Rounds of chaos: a load from several people, faults from a seed, then healing, rest, and a verdict."""

import itertools
import os
import pathlib
import random
import sys
import time
import unittest

import disk_images
from breakable_node import BreakableNode
from cluster import LOGS, cluster, wait_for
from faults import Faults
from ledger import Ledger, read_rows
from load import Load
from mesh_watch import BOTH, MeshWatch
from oracle import disagreements
from schedule import deal
from three_nodes import ThreeNodes
from watch import Watch

SEED = int(os.environ.get("SF_SEED") or random.randrange(1 << 32))
SECONDS = float(os.environ.get("SF_CHAOS_SECONDS") or 0)  # in which rounds begin; there is always one
FROM = int(os.environ.get("SF_CHAOS_ROUND") or 1)
ROUND = 75    # seconds of faults
REST = 240    # seconds in which all has to agree afterwards, on a machine that is busy
PEOPLE = 8
WATCHED = {"name": "watched", "netblock": "10.15.0.0/24", "provide_dhcp": True, "provide_nat": False}


class Chaos(ThreeNodes):
    """h1 keeps its power and its cable: from there the meshes are listened to."""

    prefix, port = "chaos", 14000
    hosts = ("h1", "h2", "h3", "h4")
    kind = BreakableNode
    options = {"CPU_OVERCOMMIT_RATIO": "2"}  # four each: some are full at times

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.story = open(LOGS / "chaos.log", "a", encoding="utf-8")
        cls.addClassCleanup(cls.story.close)
        for node in cls.nodes:
            node.wanted = True
        cls.image = cluster().images.offer("/chaos/empty.qcow2", disk_images.qcow2())
        cls.ledger = Ledger()
        cls.load = Load(PEOPLE, cls.ledger, cls.nodes, cluster().images, cls.tell)
        cls.begin_watching()

    @classmethod
    def begin_watching(cls):
        """A network and an instance in it that nobody deletes, and who serves them."""
        client = cls.nodes[0].client()
        network, guest = cls.ledger.asked("networks", "watched"), cls.ledger.asked("instances", "guest")
        view = client.call("POST", "/networks", WATCHED)
        cls.ledger.created(network, "done", view)
        made = client.create("guest", cls.image, placed_on=cls.nodes[0].name,
                             network=[{"network_uuid": view["uuid"]}])
        cls.ledger.created(guest, "done", made)
        guest.power = True
        client.wait(made["uuid"], "created")
        cls.mesh = MeshWatch(cls.nodes[0], cls.nodes, view, made["interfaces"][0]["macaddr"])
        cls.addClassCleanup(cls.mesh.close)

    @classmethod
    def tell(cls, text):
        cls.story.write(f"{time.strftime('%H:%M:%S', time.gmtime())} {text}\n")
        cls.story.flush()

    def test_nothing_that_was_promised_is_lost(self):
        print(f"seed {SEED}", flush=True)
        end = time.monotonic() + SECONDS
        for number in itertools.count(FROM):
            self.round(number)
            if time.monotonic() >= end:
                break

    def round(self, number):
        print(f"  round {number}: ", end="", flush=True)
        self.tell(f"round {number} of seed {SEED}")
        faults = Faults(self.nodes, self.tell)
        watch = Watch(self.nodes, faults, self.ledger, self.tell)
        began = time.monotonic()
        calls = sum(self.ledger.calls.values())
        hands = deal(SEED, number, self.hosts, ROUND)
        self.load.begin(f"{SEED} {number}")
        try:
            faults.play(hands, began + ROUND)
        finally:
            self.load.end()
            self.bed.hosts("heal")
            watch.close()
        self.tell("all is whole again")
        self.assertEqual([], faults.failed, "the bed itself failed")
        healed = time.monotonic()
        self.verdict(began)
        print(f"{sum(map(len, hands))} faults, {sum(self.ledger.calls.values()) - calls} calls, "
              f"{len(self.ledger.things)} objects so far, all agreed after "
              f"{time.monotonic() - healed:.0f} s", flush=True)

    def verdict(self, began):
        for node in self.nodes:
            node.bring_up()
        wait_for(lambda: not self.disagreements(), REST, "all agrees",
                 lambda: "\n".join([*self.disagreements(), *self.ledger.broken, f"seed {SEED}",
                                    *(node.tail() for node in self.nodes)]))
        rows = read_rows(lambda query: self.bed.sql(self.database, query))
        self.ledger.judge(rows)
        self.tell_of(rows)
        both = self.mesh.both(began)
        if both > BOTH:
            self.ledger.break_promise(None, f"two nodes served one mesh for {both:.1f} s\n"
                                      + self.mesh.show(began))
        if self.ledger.broken:
            self.fail(f"seed {SEED}: {len(self.ledger.broken)} promises were broken\n"
                      + "\n".join(self.ledger.broken))

    def tell_of(self, rows):
        """What a reader of the story wants to know of a round."""
        for row in rows.things:
            if row.state == "error":
                self.tell(f"in error: {row.name} on {row.node}: {row.error}")
        self.tell("calls so far: " + ", ".join(f"{call}: {count}" for call, count in
                                              sorted(self.ledger.calls.items())))

    def disagreements(self):
        if not all(node.running() and node.answers() for node in self.nodes):
            return ["a node does not answer yet"]
        return disagreements(self.nodes) or self.stories_that_differ() or self.not_served()

    def not_served(self):
        """At rest the watched mesh is served, and by the holder of the role alone."""
        holder = self.bed.sql(self.database, "SELECT holder FROM roles")
        answered = self.mesh.since(time.monotonic() - 1.5)
        serving = [[name] for name in {node.name for _, _, node in answered}]
        return [] if serving == holder else [f"served by {serving}, and held by {holder}"]

    def stories_that_differ(self):
        """All nodes tell of the same members, holder, instances and networks."""
        stories = {}
        for node in self.nodes:
            client = node.client()
            members = sorted((one["name"], one["state"], bool(one["role"]))
                             for one in self.members(node).values())
            shown = [sorted((one["uuid"], one["version"], one["state"])
                            for one in client.call("GET", path)) for path in ("/instances", "/networks")]
            nodes = sorted((one["name"], one["state"]) for one in client.call("GET", "/nodes"))
            stories[node.name] = members, nodes, shown
        first = stories[self.nodes[0].name]
        return [f"{name} tells {story}, and {self.nodes[0].name} {first}"
                for name, story in stories.items() if story != first]


if __name__ == "__main__":
    unittest.main()
