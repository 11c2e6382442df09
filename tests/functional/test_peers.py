# SPDX-License-Identifier: Apache-2.0
"""Images travel between nodes: one node asks the source, and the others copy from nodes that have it."""

import random
import re

import disk_images
from cluster import cluster, wait_for
from image_server import Slow
from three_nodes import ThreeNodes


class Images(ThreeNodes):
    """What each test has of its own is its URL; the third node is the one that dies."""

    prefix, port = "peers", 14400
    # An answer of a source is good for the length of the class.
    options = {"IMAGE_CHECK_INTERVAL": "600"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_team()
        cls.images = cluster().images

    def start(self, node, url):
        """Asks for an instance on this node."""
        return self.here.create(f"i-{node.host}", url, placed_on=node.name)["uuid"]

    def fetch(self, node, url):
        """An instance on this node, built. The node has the image from then on."""
        return self.here.wait(self.start(node, url), "created", 30)

    def artifact(self, url):
        return next(a for a in self.here.call("GET", "/artifacts") if a["source_url"] == url)

    def holders(self, url):
        blob = self.artifact(url)["blob_uuid"]
        return set(self.here.call("GET", f"/blobs/{blob}")["locations"]) if blob else set()

    def file(self, node, url):
        sha256 = self.artifact(url)["blobs"]["1"]["sha256"]
        return node.storage / "images" / f"{sha256}.qcow2"

    def failures(self, node, reason):
        text = self.admin.bare("GET", "/metrics").text if node is self.nodes[0] else \
            node.client().bare("GET", "/metrics").text
        found = re.search(rf'blob_copy_failures_total{{reason="{reason}"}} (\d+)', text)
        return int(found[1])

    def test_of_three_nodes_that_start_one_image_at_once_one_asks_the_source(self):
        # Slow enough for all three to want it while it comes. Each would convert it to a file of
        # its own.
        url = self.images.offer("/peers/once", Slow(disk_images.raw(b"once"), 2))
        for uuid in [self.start(node, url) for node in self.nodes]:
            self.here.wait(uuid, "created", 60)
        self.assertEqual([200], self.images.statuses("/peers/once"))
        self.assertEqual({node.name for node in self.nodes}, self.holders(url))
        self.assertEqual(1, len({self.file(node, url).read_bytes() for node in self.nodes}))
        said = [e["message"] for e in self.here.events(self.artifact(url)["uuid"], "artifacts")]
        self.assertEqual(2, len([m for m in said if m.startswith("image copied from node")]), said)

    def test_a_file_that_was_damaged_is_refused_and_the_source_is_asked(self):
        url = self.images.offer("/peers/damaged", disk_images.raw(b"damaged"))
        self.fetch(self.nodes[0], url)
        file = self.file(self.nodes[0], url)
        whole = file.read_bytes()
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        before = self.failures(self.nodes[1], "corrupt")
        self.fetch(self.nodes[1], url)
        self.assertEqual([200, 200], self.images.statuses("/peers/damaged"))
        self.assertEqual(before + 1, self.failures(self.nodes[1], "corrupt"))
        self.assertEqual(whole, self.file(self.nodes[1], url).read_bytes())
        self.assertEqual([], self.nodes[1].downloads())

    def test_a_node_that_dies_while_it_gives_is_left_for_the_source(self):
        # Too long to have gone through within seconds at the speed that h3 is left with.
        image = disk_images.raw(random.Random(3).randbytes(8 << 20), 9 << 20)
        url = self.images.offer("/peers/dying", image)
        giver, taker = self.nodes[2], self.nodes[1]
        self.fetch(giver, url)
        self.bed.run("h3", "tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "8mbit",
                     "burst", "32kb", "latency", "400ms")
        try:
            uuid = self.start(taker, url)
            wait_for(taker.downloads, 20, "the copy has begun", taker.tail)
            self.assertEqual([200], self.images.statuses("/peers/dying"))
            giver.kill()
        finally:
            self.bed.run("h3", "tc", "qdisc", "del", "dev", "eth0", "root")
        self.here.wait(uuid, "created", 30)
        self.assertEqual([200, 200], self.images.statuses("/peers/dying"))

    def test_what_a_source_no_longer_has_other_nodes_do(self):
        url = self.images.offer("/peers/gone", disk_images.raw(b"gone"))
        self.fetch(self.nodes[0], url)
        self.images.withdraw("/peers/gone")
        self.fetch(self.nodes[1], url)
        self.assertEqual([200], self.images.statuses("/peers/gone"))

    def test_a_pinned_image_is_found_by_its_digest(self):
        data = disk_images.raw(b"pinned")
        self.fetch(self.nodes[0], self.images.offer("/peers/first", data))
        digest = self.artifact(self.images.offer("/peers/first", data))["blobs"]["1"]["sha256"]
        pinned = self.images.offer("/peers/second", data) + f"#sha256={digest}"
        self.fetch(self.nodes[1], pinned)
        self.assertEqual([], self.images.statuses("/peers/second"))
