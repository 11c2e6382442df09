# SPDX-License-Identifier: Apache-2.0
"""Two hundred networks: served by another node in time when their holder is gone, and when they are
deleted nothing is left of them anywhere."""

import time
import unittest

from cluster import wait_for
from oracle import wait_agreed
from three_nodes import ThreeNodes

NETWORKS = 200


class ManyNetworks(ThreeNodes):
    prefix, port = "many", 14100
    hosts = ("h2", "h3", "h4")  # not h1: the node there is shared, and a host loses its power here

    def test_they_are_taken_over_in_time_and_nothing_of_them_is_left(self):
        home = self.nodes[0]
        client = home.client()
        self.keep_role_from(home)
        networks = {client.call("POST", "/networks", {
            "name": f"net-{i}", "netblock": "10.15.0.0/24", "provide_dhcp": True,
            "provide_nat": i % 2 == 0})["uuid"] for i in range(NETWORKS)}
        wait_agreed(self.nodes, 60)

        victim = self.node_named(self.holder(home)[0])
        self.wait_served(victim, networks, 60)
        others = [node for node in self.nodes if node is not victim]
        began = time.monotonic()
        self.bed.hosts("crash", victim.host)
        successor = wait_for(lambda: next((node for node in others if self.serves(node, networks)),
                                          None), 15, "all networks are served again", home.tail)
        print(f"{NETWORKS} networks served again after {time.monotonic() - began:.1f} s", end=" ")
        self.bed.hosts("boot", victim.host)
        victim.ended()
        victim.start()
        wait_agreed(self.nodes, 60)
        self.wait_served(successor, networks, 1)

        client.call("DELETE", "/networks", {"confirm": True, "namespace": "system"})
        wait_agreed(self.nodes, 60)
        self.wait_served(successor, set(), 1)
        self.assertEqual([], self.bed.sql(self.database, "SELECT * FROM addresses"))

    def wait_served(self, node, networks, seconds):
        wait_for(lambda: self.serves(node, networks), seconds, f"{node.name} serves all of them",
                 node.tail)

    @staticmethod
    def serves(node, networks):
        """With a dnsmasq each."""
        status = node.services()
        served = {uuid for uuid, one in status["networks"].items() if one["dnsmasq"]}
        return status["serving"] and served == networks


if __name__ == "__main__":
    unittest.main()
