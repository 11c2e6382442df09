# SPDX-License-Identifier: Apache-2.0
"""MariaDB goes away in the middle of things, or is slow, or full, and comes back: nothing crashes or
is lost."""

import contextlib
import threading
import time
import unittest

import disk_images
from case import NodeTest
from cluster import LONG, wait_for
from image_server import Slow

OUTAGE = 60 if LONG else 20  # seconds
PATIENCE = 5  # for so long a write waits for the database


class DatabaseTest(NodeTest):
    def setUp(self):
        # "start" does nothing to a server that runs.
        self.addCleanup(self.bed.hosts, "db", "start")

    def assert_refused_in_time(self, method, path, body=None):
        began = time.monotonic()
        answer = self.client.request(method, path, body)
        took = time.monotonic() - began
        self.assertEqual(503, answer.status, answer)
        self.assertLess(took, PATIENCE + 3, f"{method} {path}")
        self.assertTrue(answer.error)
        self.assertNotIn("sfpass", answer.error)
        self.assertGreater(int(answer.headers["Retry-After"]), 0)


class Outage(DatabaseTest):
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
        self.bed.sql(self.node.database, "KILL USER sf")  # Listed, one may end by itself meanwhile.
        made = self.client.create("reconnected", self.empty)["uuid"]
        self.client.wait(made, "created")


class Trouble(DatabaseTest):
    """The database is there, but does not do what it should. Reads go on from the picture."""

    READ = 2.5  # within which they are answered, on a busy machine

    def network(self, name, **fields):
        return "POST", "/networks", {"name": name, "netblock": "10.17.0.0/24", "provide_dhcp": False,
                                     "provide_nat": False, **fields}

    def assert_reads_go_on(self, seconds):
        """Each in time, for so long."""
        ends = time.monotonic() + seconds
        while (began := time.monotonic()) < ends:
            for path in ("/networks", "/instances"):
                self.assertEqual(200, self.client.request("GET", path).status, path)
            self.assertLess(time.monotonic() - began, 2 * self.READ)
            time.sleep(0.2)

    def names(self):
        return {one["name"] for one in self.client.call("GET", "/networks")}

    def test_cut_off_without_a_word_it_is_missed_by_timeouts(self):
        self.client.log_in()
        self.addCleanup(self.bed.hosts, "heal", "h1")
        self.bed.hosts("cut", "h1", "infra", "--port", "3306")
        self.assert_refused_in_time(*self.network("cut"))
        self.assert_reads_go_on(2)
        self.assert_refused_in_time(*self.network("cut"))
        self.bed.hosts("heal", "h1")
        self.client.call(*self.network("healed"))
        wait_for(lambda: self.names() >= {"healed"}, 10, "the picture is as it should be")
        self.assertNotIn("cut", self.names())

    def test_slow_a_write_is_late_and_right_or_refused_in_time_and_never_made(self):
        self.client.log_in()
        for name, held, status in (("late", 2, 200), ("too-late", 9, 503)):
            with self.locked("networks", held):
                answers = []
                writer = threading.Thread(
                    target=lambda: answers.append(self.client.request(*self.network(name))))
                began = time.monotonic()
                writer.start()
                self.assert_reads_go_on(1)
                writer.join()
                self.assertEqual(status, answers[0].status, answers[0])
                self.assertLess(time.monotonic() - began, PATIENCE + 4)
        wait_for(lambda: "late" in self.names(), 10, "the picture is as it should be")
        self.assertNotIn("too-late", self.names())

    @contextlib.contextmanager
    def locked(self, table, seconds):
        """Nobody reads or writes it."""
        statement = f"LOCK TABLES {table} WRITE; SELECT 'locked'; SELECT SLEEP({seconds})"
        holder = threading.Thread(target=self.bed.sql, args=(self.node.database, statement))
        holder.start()
        wait_for(lambda: self.bed.sql("information_schema", "SELECT 1 FROM processlist"
                                      f" WHERE info LIKE 'SELECT SLEEP({seconds})%'"), 10, "it is locked")
        yield
        holder.join()

    def test_full_a_write_is_refused_with_the_reason_and_all_is_well_once_there_is_room(self):
        pid = self.node.pid
        self.addCleanup(self.bed.hosts, "db", "release")
        self.bed.hosts("db", "confine")
        kept = self.client.call(*self.network("kept"))["uuid"]
        self.bed.hosts("db", "fill")
        acknowledged, refused = set(), None
        for number in range(60):
            # Large, so that few find room in what the database has in store.
            answer = self.client.request("POST", "/instances", {
                "name": f"full-{number}", "cpus": 1, "memory": 64, "disk": [{"size": 1}],
                "network": [], "user_data": "eHh4" * 175_000})
            if answer.status != 200:
                refused = answer
                break
            acknowledged.add(answer.json["uuid"])
            self.client.call("DELETE", f"/instances/{answer.json['uuid']}")
        self.assertEqual(503, refused and refused.status, refused)
        # What MariaDB does then is its own choice: say so, fall silent, or end.
        self.assertRegex(refused.error, "the database (cannot write|does not answer)")
        self.assertGreater(int(refused.headers["Retry-After"]), 0)
        self.assert_reads_go_on(1)
        self.bed.hosts("db", "drain")
        self.bed.hosts("db", "start")  # in case that it could not go on
        made = self.client.create("room", self.empty)["uuid"]
        self.client.wait(made, "created")
        self.assertEqual(kept, self.client.call("GET", f"/networks/{kept}")["uuid"])
        for uuid in acknowledged:
            self.client.wait(uuid, "deleted")
        self.assertEqual([[str(len(acknowledged))]], self.bed.sql(
            self.node.database, "SELECT COUNT(*) FROM instances WHERE name LIKE 'full-%'"))
        self.assertEqual(pid, self.node.pid)


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
