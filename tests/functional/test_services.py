# SPDX-License-Identifier: Apache-2.0
"""Network services: guests get by DHCP what their rows say, from whichever node holds the role."""

import base64
import pathlib
import time
import unittest

import disk_images
from case import guest
from cluster import cluster, wait_for
from mesh_watch import MeshWatch
from three_nodes import ThreeNodes

FLOOD = pathlib.Path(__file__).resolve().with_name("dhcp_flood.py")
BOOT = 120  # seconds that a tiny guest may take on a busy machine
NETBLOCK, FIRST, SECOND = "10.9.0.0/24", "10.9.0.10", "10.9.0.11"


class Services(ThreeNodes):
    prefix, port = "serve", 13300

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.image = cluster().images.offer("/services/tiny.qcow2", guest("tiny"))

    @classmethod
    def tearDownClass(cls):
        for node in cls.nodes:
            if node.running():
                node.stop()
            for name in cls.containers(node):
                cls.bed.run(node.host, "docker", "rm", "-f", name)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.delete_all)

    @classmethod
    def containers(cls, node):
        """Of this cluster, on the host of `node`."""
        listed = cls.bed.run(node.host, "docker", "ps", "-a", "--format", "{{.Names}}").split()
        return [name for name in listed if name == f"shakenfist-services-{cls.cluster_id[:8]}"]

    def wait_served(self, network, seconds, but=None):
        """The one node that serves it now."""
        def serving():
            found = [node for node in self.nodes if node is not but and node.running()
                     and node.services()["serving"]
                     and network in node.services()["networks"]]
            return found[0] if len(found) == 1 else None

        return wait_for(serving, seconds, f"network {network} is served by one node",
                        lambda: "\n".join(f"{node.name} {node.services()}\n{node.tail(8)}"
                                          for node in self.nodes))

    def boot(self, node, network, address, user_data=None):
        made = node.client().call("POST", "/instances", {
            "name": f"guest-{address.rpartition('.')[2]}", "cpus": 1, "memory": 128,
            "placed_on": node.name, "disk": [{"base": self.image, "size": 1}],
            "user_data": user_data and base64.b64encode(user_data.encode()).decode(),
            "network": [{"network_uuid": network, "address": address}]})
        return made["uuid"]

    def test_guests_get_their_rows_addresses_by_dhcp_and_a_killed_holder_is_replaced(self):
        network = self.nodes[0].client().call("POST", "/networks", {
            "name": "served", "netblock": NETBLOCK, "provide_dhcp": True,
            "provide_nat": False})["uuid"]
        holder = self.wait_served(network, 30)
        others = [node for node in self.nodes if node is not holder]
        first = self.boot(others[0], network, FIRST)
        second = self.boot(others[1], network, SECOND, f"#!/bin/sh\nuntil ping -c 1 {FIRST}; do "
                           "sleep 1; done\necho GUEST REACHED THE OTHER\n")
        for node, uuid, address in ((others[0], first, FIRST), (others[1], second, SECOND)):
            node.client().wait_console(uuid, rf"TINY IP={address}/24 .*via=dhcp", BOOT)
        others[1].client().wait_console(second, "GUEST REACHED THE OTHER", BOOT)

        killed = time.monotonic()
        holder.kill()
        successor = self.wait_served(network, 15, but=holder)
        print(f"served again after {time.monotonic() - killed:.1f} s", end=" ", flush=True)
        wait_for(lambda: not holder.services()["serving"], 5,
                 "what the killed daemon left behind has stopped", holder.tail)
        self.assertIn(successor, others)
        booted = others[0].client().wait_console(first, "TINY BOOTED", BOOT)
        others[0].client().call("POST", f"/instances/{first}/reboothard")
        others[0].client().wait_console(first, rf"TINY IP={FIRST}/24 .*via=dhcp", BOOT,
                                        after=booted.end())
        holder.start()
        wait_for(lambda: not self.containers(holder), 15, "its container is removed", holder.tail)
        self.assertEqual(successor, self.wait_served(network, 15))

    def test_a_holder_that_stops_ends_its_services_before_another_begins(self):
        network = self.nodes[0].client().call("POST", "/networks", {
            "name": "handed", "netblock": NETBLOCK, "provide_dhcp": True,
            "provide_nat": False})["uuid"]
        holder = self.wait_served(network, 30)
        self.assertEqual(0, holder.stop())
        self.assertEqual([], self.containers(holder))
        self.wait_served(network, 10, but=holder)

    def test_a_guest_that_floods_its_dhcp_server_holds_up_no_other_network(self):
        client, home = self.nodes[0].client(), self.nodes[0].name
        image = cluster().images.offer("/services/empty.qcow2", disk_images.qcow2())
        networks, guests = [], []
        for name, netblock in (("flooded", NETBLOCK), ("calm", "10.10.0.0/24")):
            networks.append(client.call("POST", "/networks", {
                "name": name, "netblock": netblock, "provide_dhcp": True, "provide_nat": False}))
            guests.append(client.create(name, image, placed_on=home, network=[
                {"network_uuid": networks[-1]["uuid"]}])["interfaces"][0]["macaddr"])
        holder = [self.wait_served(network["uuid"], 30) for network in networks][0]
        watches = [MeshWatch(self.nodes[0], self.nodes, network, mac)
                   for network, mac in zip(networks, guests)]
        for watch in watches:
            self.addCleanup(watch.close)
            watch.wait_served(time.monotonic(), 10)

        began = time.monotonic()
        sent = int(self.bed.run(self.nodes[1].host, str(FLOOD), str(networks[0]["vxid"]), guests[0], "5"))
        silence = watches[1].silence(began)
        written = int(self.bed.run(holder.host, "sh", "-c", "du -cb $(docker inspect -f '{{.LogPath}}' "
                                   f"{self.containers(holder)[0]})* | tail -n 1").split()[0])
        memory = sum(map(int, self.bed.run(holder.host, "ps", "-o", "rss=", "-C", "dnsmasq").split()))
        print(f"{sent} questions; another network was silent for {silence:.1f} s, its servers had"
              f" {memory >> 10} MiB, the log {written >> 10} KiB", end=" ", flush=True)
        self.assertGreater(sent, 1000)
        self.assertLess(silence, 3)
        self.assertLess(memory >> 10, 100)
        self.assertLess(written >> 10, 3000)
        watches[0].wait_served(time.monotonic(), 10)


if __name__ == "__main__":
    unittest.main()
