# SPDX-License-Identifier: Apache-2.0
"""Hosts lose power in the middle of creates and deletes; afterwards all agrees: rows, domains,
links, containers and files."""

import os
import random
import threading
import time
import unittest

import disk_images
from client import WrongAnswer
from cluster import LONG, cluster
from oracle import disagreements, wait_agreed
from three_nodes import ThreeNodes

ROUNDS = 20 if LONG else 3
SEED = int(os.environ.get("SF_SEED") or random.randrange(1 << 32))
MOST_INSTANCES, MOST_NETWORKS = 8, 6


class Chaos(ThreeNodes):
    """SF_SEED=N repeats a run, as far as the choices go: when what happens, the machine decides.
    Not on h1, as the node there is shared by other tests; and h2 keeps its power, for the same."""

    prefix, port = "chaos", 14000
    hosts = ("h2", "h3", "h4")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.image = cluster().images.offer("/chaos/empty.qcow2", disk_images.qcow2())

    def test_after_power_failures_in_the_middle_of_work_all_agrees(self):
        print(f"SF_SEED={SEED}", end=" ", flush=True)
        self.random = random.Random(SEED)
        for number in range(ROUNDS):
            with self.subTest(seed=SEED, round=number):
                self.round()
                self.assertEqual([], self.bed.sql(
                    self.database, "SELECT uuid, error_message FROM instances WHERE state = 'error'"))
        self.delete_all()
        wait_agreed(self.nodes, 60)

    def test_the_oracle_notices_what_does_not_agree(self):
        wait_agreed(self.nodes, 60)
        node, lost = self.nodes[0], "0badc0de-0000-4000-8000-000000000000"
        folder = node.storage / "instances" / lost
        self.addCleanup(self.bed.sql, self.database,
                        f"DELETE FROM addresses WHERE owner_uuid = '{lost}'; SELECT 1")
        self.addCleanup(self.bed.run, node.host, "ip", "link", "del", "vxlan-000bad")
        for other in self.nodes:  # Else they would mend it.
            self.addCleanup(other.thaw)
            other.freeze()
        folder.mkdir()
        self.bed.run(node.host, "ip", "link", "add", "vxlan-000bad", "type", "bridge")
        self.bed.run(node.host, "ip", "link", "set", "vxlan-000bad", "alias",
                     f"shakenfist {self.cluster_id} {lost}")
        self.bed.sql(self.database, f"INSERT INTO addresses VALUES ('{lost}', 1, '{lost}'); SELECT 1")
        found = disagreements(self.nodes)
        folder.rmdir()
        self.assertEqual({f"address of nobody: {lost} 0.0.0.1 {lost}",
                          f"{node.name}: folder of no instance here: {lost}",
                          f"{node.name}: link of no network here: vxlan-000bad {lost}"}, set(found))

    def round(self):
        victim = self.random.choice(self.nodes[1:])
        before, after = self.random.uniform(0.2, 3), self.random.uniform(0, 2)
        over = threading.Event()
        threads = [threading.Thread(target=self.work, args=(self.random.random(), over))
                   for _ in range(2)]
        for thread in threads:
            thread.start()
        time.sleep(before)
        self.bed.hosts("crash", victim.host)
        victim.ended()
        time.sleep(after)
        self.bed.hosts("boot", victim.host)
        victim.start()
        over.set()
        for thread in threads:
            thread.join()
        wait_agreed(self.nodes, 90)

    # ---- the work --------------------------------------------------------------------------------

    def work(self, seed, over):
        """Makes and deletes things until it is over, by whichever node, as far as one answers."""
        choices = random.Random(seed)
        while not over.is_set():
            client = choices.choice(self.nodes).client()
            try:
                choices.choice((self.make_network, self.make_instance, self.make_instance,
                                self.delete_network, self.delete_instance))(client, choices)
            except (OSError, WrongAnswer):
                over.wait(0.1)  # It is the one that has no power.

    def make_network(self, client, choices):
        if len(client.call("GET", "/networks")) <= MOST_NETWORKS:
            client.request("POST", "/networks", {
                "name": f"n{choices.randrange(1000)}", "netblock": "10.14.0.0/24",
                "provide_dhcp": choices.random() < 0.5, "provide_nat": choices.random() < 0.5})

    def make_instance(self, client, choices):
        if len(client.call("GET", "/instances")) >= MOST_INSTANCES:
            return
        networks = [row["uuid"] for row in client.call("GET", "/networks") if row["vxid"]]
        client.request("POST", "/instances", {
            "name": f"i{choices.randrange(1000)}", "cpus": 1, "memory": 64,
            "placed_on": choices.choice([None, *(node.name for node in self.nodes)]),
            "disk": [{"base": self.image, "size": 1}],
            "network": [{"network_uuid": choices.choice(networks)}] if networks else []})

    def delete_network(self, client, choices):
        networks = [row["uuid"] for row in client.call("GET", "/networks") if row["vxid"]]
        if networks:
            client.request("DELETE", f"/networks/{choices.choice(networks)}")

    def delete_instance(self, client, choices):
        instances = [row["uuid"] for row in client.call("GET", "/instances")]
        if instances:
            client.request("DELETE", f"/instances/{choices.choice(instances)}")

    def delete_all(self):
        client = self.nodes[0].client()
        for uuid in client.call("DELETE", "/instances", {"confirm": True, "namespace": "system"}):
            client.wait(uuid, "deleted")
        client.call("DELETE", "/networks", {"confirm": True, "namespace": "system"})


if __name__ == "__main__":
    unittest.main()
