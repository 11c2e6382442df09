# SPDX-License-Identifier: Apache-2.0
"""MariaDB goes away in the middle of things, and comes back: nothing crashes or is lost."""

import time
import unittest

import disk_images
from case import NodeTest
from cluster import LONG, wait_for
from image_server import Slow

OUTAGE = 60 if LONG else 20  # seconds
PATIENCE = 5  # for so long a write waits for the database


class Outage(NodeTest):
    def setUp(self):
        # "start" does nothing to a server that runs.
        self.addCleanup(self.bed.hosts, "db", "start")

    def begin_work(self):
        """Instances in each stage: being fetched, being built, built, being deleted."""
        names = ("fetched", "building-0", "building-1", "doomed-0", "doomed-1", "still")
        slow = self.offer("slow", Slow(disk_images.raw(self.id().encode()), 4))
        uuids = {name: self.client.create(name, slow if name == "fetched" else self.empty)["uuid"]
                 for name in names if not name.startswith("building")}
        for name in ("doomed-0", "doomed-1", "still"):
            self.client.wait(uuids[name], "created")
        for name in ("building-0", "building-1"):
            uuids[name] = self.client.create(name, self.empty)["uuid"]
        for name in ("doomed-0", "doomed-1"):
            self.client.call("DELETE", f"/instances/{uuids[name]}")
        return uuids

    def assert_refused_in_time(self, method, path, body=None):
        began = time.monotonic()
        answer = self.client.request(method, path, body)
        took = time.monotonic() - began
        self.assertEqual(503, answer.status, answer)
        self.assertLess(took, PATIENCE + 3, f"{method} {path}")
        self.assertTrue(answer.error)
        self.assertNotIn("sfpass", answer.error)
        self.assertGreater(int(answer.headers["Retry-After"]), 0)

    def assert_all_ends_well(self, uuids):
        for name, uuid in uuids.items():
            with self.subTest(name):
                self.client.wait(uuid, "deleted" if name.startswith("doomed") else "created", 60)
        self.assertEqual(1, len(self.node.domain(uuids["still"]).split()))
        self.assertEqual([], [left for name, uuid in uuids.items() if name.startswith("doomed")
                              for left in self.node.leftovers(uuid)])
        self.client.wait(self.client.create("afterwards", self.empty)["uuid"], "created")

    def test_stopped_in_the_middle_writes_are_503_with_a_reason_and_all_goes_on_afterwards(self):
        uuids = self.begin_work()
        qemu, pid = self.node.qemu(uuids["still"]), self.node.pid
        self.bed.hosts("db", "stop")
        ends = time.monotonic() + OUTAGE
        self.assert_refused_in_time("POST", "/instances", {
            "name": "never", "cpus": 1, "memory": 64, "disk": [{"size": 1}]})
        self.assert_refused_in_time("DELETE", f"/instances/{uuids['still']}")
        self.assert_refused_in_time("POST", "/artifacts", {"url": self.empty})
        self.assertEqual(200, self.client.bare("GET", "/").status)
        wait_for(lambda: time.monotonic() > ends, OUTAGE + 1, "the outage is over")
        self.assertEqual(pid, self.node.pid)
        self.bed.hosts("db", "start")
        self.assert_all_ends_well(uuids)
        self.assertEqual(qemu, self.node.qemu(uuids["still"]))
        self.assertEqual(404, self.client.request("GET", "/instances/never").status)

    def test_killed_in_the_middle_and_back_soon_nothing_is_noticed_but_a_wait(self):
        uuids = self.begin_work()
        self.bed.hosts("db", "kill")
        self.bed.hosts("db", "start")
        late = self.client.create("late", self.empty)["uuid"]
        self.assert_all_ends_well({**uuids, "late": late})

    def test_connections_that_the_server_cuts_are_replaced_unseen(self):
        for row in self.bed.sql(self.node.database,
                                "SELECT id FROM information_schema.processlist WHERE user = 'sf'"):
            self.bed.sql(self.node.database, f"KILL {row[0]}")
        made = self.client.create("reconnected", self.empty)["uuid"]
        self.client.wait(made, "created")


class Start(NodeTest):
    on_victim = True

    def test_a_daemon_started_before_its_database_waits_for_it(self):
        self.node.stop()
        self.bed.hosts("db", "stop")
        self.addCleanup(self.bed.hosts, "db", "start")
        self.node.start(wait=False)
        wait_for(lambda: "waiting for the database" in self.node.tail(), 20,
                 "it says that it waits", self.node.tail)
        self.assertTrue(self.node.running())
        self.bed.hosts("db", "start")
        wait_for(self.node.answers, 20, "it answers", self.node.tail)


if __name__ == "__main__":
    unittest.main()
