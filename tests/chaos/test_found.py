# SPDX-License-Identifier: Apache-2.0
"""What chaos has found, each by itself."""

import time
import unittest

import disk_images
from breakable_node import BreakableNode
from cluster import cluster, wait_for
from mesh_watch import BOTH
from three_nodes import ThreeNodes


class Found(ThreeNodes):
    prefix, port = "found", 14200
    hosts = ("h2",)

    @classmethod
    def make(cls, host, name):
        return BreakableNode(cls.bed, host, name=name, database=cls.database, port=cls.port,
                             storage=f"/srv/{name}", **cls.options)

    def setUp(self):
        super().setUp()
        self.node, = self.nodes
        self.client = self.node.client()
        image = cluster().images.offer("/found/empty.qcow2", disk_images.qcow2())
        self.uuid = self.client.create("built", image)["uuid"]
        self.client.wait(self.uuid, "created")
        self.addCleanup(self.client.delete, self.uuid)

    def end_qemu(self):
        """Unless it has ended just now."""
        self.node.bed.run(self.node.host, "sh", "-c", "kill -KILL $(pidof qemu-system-x86_64) || true")

    def wait_log(self, words):
        wait_for(lambda: words in self.node.tail(200), 30, f"the log says '{words}'", self.node.tail)

    def wait_runs_again(self):
        wait_for(lambda: self.node.domains("--state-running"), 30, "it runs again", self.node.tail)
        self.client.wait(self.uuid, "created", 1)

    def test_what_cannot_be_started_while_the_disk_is_full_is_started_afterwards(self):
        self.addCleanup(self.node.empty_disk)
        # What was deleted just before may be room only when the file system has committed it, some seconds
        # later: then the guest is started again, and has to go again.
        def cannot_be_started():
            self.node.fill_disk(to_reserve=False)
            if self.node.domains("--state-running"):
                self.end_qemu()
            return "domain.xml.partial: No space left on device" in self.node.tail(200)

        wait_for(cannot_be_started, 30, "there is no room to start it", self.node.tail)
        self.node.empty_disk()
        self.wait_runs_again()

    def test_what_cannot_be_started_without_virtlogd_is_started_afterwards(self):
        self.bed.hosts("kill", self.node.host, "virtlogd")
        self.end_qemu()
        self.wait_log("virtlogd-sock")
        self.bed.hosts("start", self.node.host, "virtlogd")
        self.wait_runs_again()

    def test_a_holder_whose_docker_is_frozen_ends_at_once_what_it_served(self):
        network = self.client.call("POST", "/networks", {
            "name": "served", "netblock": "10.16.0.0/24", "provide_dhcp": True, "provide_nat": False})
        self.addCleanup(self.client.call, "DELETE", f"/networks/{network['uuid']}")
        leg = f"sf-leg-{network['vxid']:06x}"
        served = lambda: leg in self.bed.run(self.node.host, "ip", "-br", "link")
        wait_for(served, 30, "the network is served", self.node.tail)
        self.bed.hosts("freeze", self.node.host, "dockerd")
        self.addCleanup(self.bed.hosts, "thaw", self.node.host, "dockerd")
        self.bed.sql(self.database, "UPDATE roles SET holder = 'nobody', term = term + 1")
        self.wait_log("no longer serving")
        told = time.monotonic()
        wait_for(lambda: not served(), 10, "it ends", self.node.tail)
        # A heartbeat would have reached further than that.
        self.assertLess(time.monotonic() - told, BOTH)


if __name__ == "__main__":
    unittest.main()
