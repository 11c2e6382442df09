# SPDX-License-Identifier: Apache-2.0
"""Copies of stored blobs: on as many nodes as there should be, whatever becomes of nodes."""

import os
import random
import re
import time

import disk_images
from case import guest
from cluster import cluster, wait_for
from three_nodes import ThreeNodes

BOOT = 150
SOON = 15  # seconds, for a busy machine; an idle cluster takes two or three


class Copies(ThreeNodes):
    """The first node is given what is uploaded; what is killed is another, and comes back."""

    prefix, port = "copies", 14700
    options = {"NODE_LOST_GRACE": "30"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_team()
        cls("setUp").wait_well()

    def tearDown(self):
        for node in self.nodes:
            if not node.running():
                node.start()
        self.wait_well()

    def restart(self, node, **options):
        node.stop()
        node.start(options=options)
        self.wait_well()

    def fill(self, node):
        """Until the end of the test, as if its disk were full."""
        self.restart(node, DISK_RESERVE=str(1 << 20))
        self.addCleanup(self.restart, node)

    def upload(self, data, name, client=None):
        """The blob that these bytes become."""
        client = client or self.here
        upload = client.call("POST", "/upload")["uuid"]
        for at in range(0, len(data), 1 << 20):
            client.request("POST", f"/upload/{upload}", data[at:at + (1 << 20)],
                           {"Content-Type": "application/octet-stream"})
        made = client.call("POST", f"/artifacts/upload/{name}", {"upload_uuid": upload})
        return made["blob_uuid"]

    def locations(self, blob, client=None):
        return set((client or self.here).call("GET", f"/blobs/{blob}")["locations"])

    def wait_copies(self, blob, count, seconds=SOON):
        """The nodes, once so many have it."""
        found = wait_for(lambda: len(nodes := self.locations(blob)) == count and nodes, seconds,
                         f"{count} nodes have the blob {blob}",
                         lambda: "\n".join([str(self.locations(blob)), *[n.tail() for n in self.nodes]]))
        return {self.node_named(name) for name in found}

    def file(self, node, blob):
        return node.storage / "blobs" / self.here.call("GET", f"/blobs/{blob}")["sha256"]

    def gauge(self, node, name):
        text = node.client().bare("GET", "/metrics").text
        return int(float(re.search(rf"^\w*{name} (\S+)$", text, re.MULTILINE)[1]))

    def age(self, blob, seconds=3600):
        """As if all nodes had had their files for so long."""
        for node in self.nodes:
            file = self.file(node, blob)
            if file.exists():
                then = time.time() - seconds
                os.utime(file, (then, then))

    # ---- there are as many as there should be ----------------------------------------------------

    def test_an_upload_is_on_a_second_node_within_seconds_byte_for_byte(self):
        data = random.Random(1).randbytes((5 << 20) + 3)
        blob = self.upload(data, "second")
        holders = self.wait_copies(blob, 2)
        for node in holders:
            self.assertEqual(data, self.file(node, blob).read_bytes())
        other, = holders - {self.nodes[0]}
        self.nodes[0].stop()
        answer = other.client("team", "secret").request("GET", f"/blobs/{blob}/data")
        self.assertEqual((200, data), (answer.status, answer.data))
        # The third takes none for that: it has only stopped. What is new it takes.
        third, = set(self.nodes) - holders
        client = other.client("team", "secret")
        new = self.upload(b"new", "new", client)
        wait_for(lambda: third.name in self.locations(new, client), SOON, "it has the new one",
                 third.tail)
        self.assertEqual({node.name for node in holders}, self.locations(blob, client))

    def test_what_a_lost_node_had_is_copied_again(self):
        data = random.Random(2).randbytes(1 << 20)
        blob = self.upload(data, "lost")
        first = self.nodes[0]
        holders = self.wait_copies(blob, 2)
        lost, = holders - {first}
        third, = set(self.nodes) - holders
        lost.kill()
        # For as long as it may be back it counts; then, by the grace period or by a decision, not.
        wait_for(lambda: self.states(first).get(lost.name) == "dead", 20, "it is dead", first.tail)
        self.assertEqual({first.name, lost.name}, self.locations(blob))
        self.bed.sql(self.database, "UPDATE nodes SET heartbeat = heartbeat - 60 WHERE name = "
                     f"'{lost.name}'; SELECT 1")
        wait_for(lambda: third.name in self.locations(blob), 45, "the third has it", third.tail)
        self.assertEqual(data, self.file(third, blob).read_bytes())
        # It comes back with its file: that is one too many, and stays while there is room.
        lost.start()
        self.wait_well()
        self.assertEqual(3, len(self.wait_copies(blob, 3)))

    def test_after_a_node_is_deleted_its_copies_are_made_again(self):
        blob = self.upload(random.Random(3).randbytes(1 << 20), "deleted")
        first = self.nodes[0]
        holders = self.wait_copies(blob, 2)
        gone, = holders - {first}
        third, = set(self.nodes) - holders
        gone.stop()
        self.admin.call("DELETE", f"/nodes/{gone.name}")
        self.assertNotIn(gone.name, self.locations(blob))
        wait_for(lambda: self.locations(blob) == {first.name, third.name}, 45, "the third has it",
                 third.tail)

    def test_one_that_is_full_is_passed_over(self):
        self.fill(self.nodes[2])
        for i in range(4):
            blob = self.upload(random.Random(40 + i).randbytes(1000), f"full-{i}")
            self.assertEqual(set(self.nodes[:2]), self.wait_copies(blob, 2))
        self.fill(self.nodes[1])
        blob = self.upload(random.Random(50).randbytes(1000), "nowhere")
        first = self.nodes[0]
        wait_for(lambda: self.gauge(first, "blobs_with_too_few_copies") == 1, 45,
                 "one has too few copies", first.tail)
        self.assertEqual({first.name}, self.locations(blob))
        said = wait_for(lambda: [line for line in first.log.read_text().splitlines()
                                 if "no node has room" in line], SOON, "it is said", first.tail)
        self.assertEqual(1, len(said), said)
        self.restart(self.nodes[1])
        self.wait_copies(blob, 2, 45)

    def test_a_copy_under_way_is_shown_and_a_crash_leaves_no_trace_of_it(self):
        first = self.nodes[0]
        self.bed.run("h1", "tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "8mbit",
                     "burst", "32kb", "latency", "400ms")
        try:
            blob = self.upload(random.Random(6).randbytes(6 << 20), "slow")
            shown = wait_for(lambda: [(name, lock) for name, lock in self.admin.call(
                "GET", "/admin/locks").items() if name.startswith(f"blob/{blob}/")], SOON,
                "a copy is under way", first.tail)
            self.assertEqual(1, len(shown))
            name, lock = shown[0]
            self.assertEqual(("copy", f"blob/{blob}/{lock['node']}"), (lock["operation"], name))
            taker = self.node_named(lock["node"])
            self.assertEqual(1, self.gauge(taker, "blob_copies_under_way"))
            taker.kill()
        finally:
            self.bed.run("h1", "tc", "qdisc", "del", "dev", "eth0", "root")
        # Nobody waits for one that is dead.
        self.wait_copies(blob, 2, 60)
        taker.start()
        wait_for(lambda: not [name for name in self.admin.call("GET", "/admin/locks")
                              if name.startswith("blob/")], SOON, "nothing is under way", taker.tail)
        self.assertEqual([], list((taker.storage / "blobs/incoming").iterdir()))

    # ---- instances -------------------------------------------------------------------------------

    def test_an_instance_boots_on_a_node_that_has_to_fetch_its_blob(self):
        blob = self.upload(guest("tiny"), "tiny")
        third, = set(self.nodes) - self.wait_copies(blob, 2)
        uuid = self.here.create("far", "sf://upload/team/tiny", placed_on=third.name,
                                memory=128)["uuid"]
        self.here.wait(uuid, "created")
        self.here.wait_console(uuid, "TINY BOOTED", BOOT)
        self.assertIn(third, self.wait_copies(blob, 3))
        # Whoever has it is preferred, as soon as it has told the others of it.
        def cached():
            plan = self.here.call("POST", "/instances", {
                "name": "where", "cpus": 1, "memory": 64, "disk": [{"base": f"sf://blob/{blob}"}],
                "dry_run": True})
            return [one["images_cached"] for one in plan["ranked"]]
        wait_for(lambda: cached() == [1, 1, 1], 30, "all are known to have it", cached)
        self.here.delete(uuid)

    def test_the_blob_of_an_image_is_copied_for_an_instance_as_well(self):
        url = cluster().images.offer("/copies/image", disk_images.raw(b"copies"))
        made = self.here.call("POST", "/artifacts", {"url": url})["uuid"]
        blob = self.here.wait(made, "created", kind="artifacts")["blob_uuid"]
        for node in self.nodes[1:]:
            uuid = self.here.create("image", f"sf://blob/{blob}", placed_on=node.name)["uuid"]
            self.here.wait(uuid, "created")
            self.here.delete(uuid)
        self.assertEqual({node.name for node in self.nodes}, self.locations(blob))

    def test_of_a_blob_whose_nodes_are_away_it_is_said_where_it_is(self):
        blob = self.upload(random.Random(8).randbytes(1 << 20), "away")
        holders = self.wait_copies(blob, 2)
        third, = set(self.nodes) - holders
        client = third.client("team", "secret")
        for node in holders:
            node.kill()
        for node in holders:
            wait_for(lambda node=node: self.states(third).get(node.name) in ("unreachable", "dead"),
                     15, f"{node.name} is away", third.tail)
        where = ", ".join(sorted(node.name for node in holders)) + ", and none answers"
        self.assertIn(where, client.refused(503, "GET", f"/blobs/{blob}/data"))
        made = client.create("away", f"sf://blob/{blob}", placed_on=third.name)["uuid"]
        self.assertIn(where, client.wait(made, "error")["error_message"])
        client.call("DELETE", f"/instances/{made}")

    # ---- too many --------------------------------------------------------------------------------

    def test_surplus_copies_go_when_the_disk_runs_low_and_never_the_last_two(self):
        blob = self.upload(random.Random(9).randbytes(1 << 20), "surplus")
        third, = set(self.nodes) - self.wait_copies(blob, 2)
        uuid = self.here.create("user", f"sf://blob/{blob}", placed_on=third.name)["uuid"]
        self.here.wait(uuid, ["created", "error"])
        self.here.delete(uuid)
        self.wait_copies(blob, 3)
        self.age(blob)
        # All nodes run low at once, and try at each upload to make room for it.
        for node in self.nodes:
            self.fill(node)
        for _ in range(3):
            for node in self.nodes:
                node.client("team", "secret").refused(507, "POST", "/upload")
        holders = self.wait_copies(blob, 2)
        self.assertEqual(holders, {node for node in self.nodes if self.file(node, blob).exists()})


class OneCopy(ThreeNodes):
    prefix, port = "onecopy", 14750
    options = {"BLOB_COPIES": "1"}
    hosts = ("h1", "h2")

    def test_one_is_kept_where_it_was_given_and_goes_where_it_is_needed(self):
        self.make_team()
        self.wait_well()
        helper = Copies("upload")
        helper.here = self.here
        blob = helper.upload(random.Random(10).randbytes(1 << 20), "one")
        # A second would be there by the time of this one's.
        uuid = self.here.create("user", f"sf://blob/{blob}", placed_on=self.nodes[0].name)["uuid"]
        self.here.wait(uuid, ["created", "error"])
        self.assertEqual([self.nodes[0].name],
                         self.here.call("GET", f"/blobs/{blob}")["locations"])
        self.here.delete(uuid)
