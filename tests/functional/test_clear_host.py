# SPDX-License-Identifier: Apache-2.0
"""Who takes a node off a host has the host back as it was, but for the node's own folder."""

import unittest

import disk_images
from cluster import Node, cluster, wait_for


class ClearHost(unittest.TestCase):
    def setUp(self):
        self.bed = cluster().bed
        self.image = cluster().images.offer("/clear-host/empty.qcow2", disk_images.qcow2())
        self.node = Node(self.bed, "h3", name="parting", database="sf_parting", port=16900,
                         storage="/srv/parting", SERVICES_IMAGE="parting:1", MESH_PORT="4790")

    def host(self):
        """What a daemon makes of its host, and nobody else meanwhile."""
        see = lambda *words: sorted(self.bed.run(self.node.host, *words).splitlines())
        return {"links": see("sh", "-c", "ip -br link | cut -d' ' -f1"),
                "rules": see("nft", "list", "tables"),
                "containers": see("docker", "ps", "-aq"), "images": see("docker", "images", "-q"),
                "domains": see("virsh", "list", "--all", "--name"),
                "answers": see("ip", "neigh", "show", "proxy"), "routes": see("ip", "route")}

    def clear(self):
        return self.node.tool("clear-host")

    def test_the_host_is_as_it_was(self):
        before = self.host()
        self.assertIn("has nothing of the node parting", self.clear().stdout)  # as it never was one
        self.node.bootstrap()
        self.node.start()
        self.addCleanup(lambda: self.node.running() and self.node.stop())
        client = self.node.client()
        network = client.call("POST", "/networks", {"name": "n", "netblock": "10.77.0.0/24",
                                                    "provide_dhcp": True, "provide_nat": True})
        made = client.create("last", self.image, network=[{"network_uuid": network["uuid"]}])
        client.wait(made["uuid"], "created")
        wait_for(lambda: network["uuid"] in self.node.services()["networks"], 60, "it is served",
                 self.node.tail)

        self.assertRegex(self.clear().stderr, "another sf-node uses")
        self.node.stop()
        kept = self.clear()
        self.assertNotEqual(0, kept.returncode)
        self.assertIn(made["uuid"], kept.stderr)
        self.assertIn(made["uuid"], "".join(self.node.domains()))

        self.node.start()
        client.call("DELETE", f"/instances/{made['uuid']}")
        client.wait(made["uuid"], "deleted")
        self.node.stop()
        self.assertNotEqual(before, self.host())  # else it would prove nothing
        cleared = self.clear()
        self.assertEqual(0, cleared.returncode, cleared)
        self.assertIn(f"removed: mesh {network['vxid']} of network {network['uuid']}", cleared.stdout)
        self.assertIn("removed: image parting:1", cleared.stdout)
        self.assertEqual(before, self.host())
        self.assertNotIn("removed", self.clear().stdout)
