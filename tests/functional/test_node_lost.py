# SPDX-License-Identifier: Apache-2.0
"""Nodes that are lost, come back, stop and are deleted, and what becomes of their instances."""

import os
import signal
import unittest

import disk_images
from cluster import cluster, wait_for
from three_nodes import ThreeNodes

NETBLOCK, ADDRESS = "10.13.0.0/24", "10.13.0.50"


class NodeLost(ThreeNodes):
    """What happens to the third; the first is asked."""

    prefix, port = "lost", 13500
    options = {"NODE_LOST_GRACE": "30"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = cls.nodes[0].client()
        cls.image = cluster().images.offer("/lost/empty.qcow2", disk_images.qcow2())
        cls.network = cls.client.call("POST", "/networks", {
            "name": "lost", "netblock": NETBLOCK, "provide_dhcp": False, "provide_nat": False})

    def setUp(self):
        super().setUp()
        self.victim = self.nodes[2]
        self.wait_node("created")
        self.addCleanup(self.delete_all)

    def delete_all(self):
        for node in self.nodes:
            if not node.running():
                node.start()
        self.wait_node("created")
        for uuid in self.client.call("DELETE", "/instances",
                                     {"confirm": True, "namespace": "system"}):
            self.client.wait(uuid, "deleted")

    def create(self, name, node=None, **fields):
        uuid = self.client.create(name, self.image, placed_on=(node or self.victim).name,
                                  **fields)["uuid"]
        self.client.wait(uuid, "created")
        return uuid

    def shown(self, node=None):
        rows = self.client.call("GET", "/nodes")
        return next((row for row in rows if row["name"] == (node or self.victim).name), None)

    def wait_node(self, state, seconds=10):
        wait_for(lambda: self.shown()["state"] == state, seconds, f"the node is {state}",
                 lambda: f"{self.shown()}\n{self.victim.tail()}")

    def wait_dead(self):
        wait_for(lambda: self.shown()["gossip"]["state"] == "dead", 15, "it is dead to gossip",
                 self.shown)

    def silent_for_a_minute(self):
        """In the database: nobody has to wait for the grace period."""
        self.bed.sql(self.database, "UPDATE nodes SET heartbeat = heartbeat - 60 WHERE name = "
                     f"'{self.victim.name}'; SELECT 1")

    def thaw(self):
        os.kill(self.victim.pid, signal.SIGCONT)
        os.kill(self.victim.process.pid, signal.SIGCONT)  # nsenter has stopped itself beside it

    def wait_lost(self, *instances):
        for uuid in instances:
            lost = wait_for(lambda uuid=uuid: (view := self.client.show(uuid))["state"] == "error"
                            and view, 15, "it is lost", lambda: self.client.history(instances[0]))
            self.assertIn(f"node {self.victim.name} lost: it has been silent", lost["error_message"])

    def messages(self, uuid, kind="instances"):
        return [event["message"] for event in self.client.events(uuid, kind)]

    # ---- lost, and back --------------------------------------------------------------------------

    def test_what_is_lost_is_in_error_until_the_node_is_back_and_then_as_its_rows_say(self):
        running, failing, unwanted = (self.create(name) for name in ("running", "failing", "no"))
        qemu = self.victim.qemu(running)
        self.victim.kill()
        self.wait_node("missing", 2)
        self.wait_dead()
        self.assertEqual("created", self.client.show(running)["state"])  # for the grace period
        self.silent_for_a_minute()
        self.wait_lost(running, failing, unwanted)
        # Nobody may have their room, as they may still run.
        self.assertEqual(3, self.shown()["used"]["cpus"])
        os.kill(self.victim.qemu(failing), signal.SIGKILL)
        self.client.call("DELETE", f"/instances/{unwanted}")
        self.assertEqual("delete-wait", self.client.show(unwanted)["state"])

        self.victim.start()
        self.client.wait(unwanted, "deleted")
        for uuid in (running, failing):
            back = wait_for(lambda uuid=uuid: (view := self.client.show(uuid))["state"] == "created"
                            and view, 15, "it is taken back", self.victim.tail)
            self.assertIsNone(back["error_message"])
            self.assertIn("its node is back", self.messages(uuid))
        self.assertEqual(qemu, self.victim.qemu(running))
        wait_for(lambda: self.victim.qemu(failing), 15, "the other is started again",
                 self.victim.tail)
        self.assertEqual([], self.victim.leftovers(unwanted))

    def test_after_a_crash_of_its_host_what_was_on_is_started_again(self):
        on, off = self.create("on"), self.create("off")
        self.client.call("POST", f"/instances/{off}/poweroff")
        self.bed.hosts("crash", self.victim.host)
        self.victim.ended()
        self.wait_dead()
        self.silent_for_a_minute()
        self.wait_lost(on, off)
        self.bed.hosts("boot", self.victim.host)
        self.victim.start()
        wait_for(lambda: self.victim.qemu(on), 20, "it runs again", self.victim.tail)
        for uuid, power in ((on, "on"), (off, "off")):
            wait_for(lambda uuid=uuid, power=power: (view := self.client.show(uuid))["state"]
                     == "created" and view["power_state"] == power, 10, f"it is {power}",
                     lambda: f"{self.client.show(on)}\n{self.victim.tail()}")
        self.assertIsNone(self.victim.qemu(off))

    # ---- deleted ---------------------------------------------------------------------------------

    def test_a_dead_node_is_deleted_with_its_instances_and_comes_back_as_a_new_one(self):
        path = f"/nodes/{self.victim.name}"
        network = [{"network_uuid": "lost", "address": ADDRESS, "macaddress": "02:00:00:aa:bb:cc"}]
        uuid = self.create("held", network=network)
        self.assertIn("it can be deleted once it is dead",
                      self.client.refused(409, "DELETE", path))
        os.kill(self.victim.pid, signal.SIGSTOP)
        self.addCleanup(self.thaw)
        self.wait_dead()
        self.assertIn("was heard of", self.client.refused(409, "DELETE", path))
        self.silent_for_a_minute()
        self.assertEqual("deleted", self.client.call("DELETE", path)["state"])
        self.client.refused(404, "GET", path)
        self.client.refused(404, "DELETE", path)
        self.assertIsNone(self.shown())
        view = self.client.show(uuid)
        self.assertEqual(("deleted", "deleted"), (view["state"], view["interfaces"][0]["state"]))
        # What it had is free for others.
        self.create("heir", self.nodes[1], network=network)

        self.thaw()  # it has not even noticed
        wait_for(lambda: self.shown() and self.shown()["state"] == "created", 15, "it joins again",
                 self.victim.tail)
        wait_for(lambda: not self.victim.leftovers(uuid), 20, "it removes what nobody wants",
                 lambda: f"{self.victim.leftovers(uuid)}\n{self.victim.tail()}")

    def test_only_an_administrator_deletes_nodes(self):
        self.client.call("POST", "/auth/namespaces",
                         {"namespace": "user", "key_name": "k", "key": "secret"})
        user = self.nodes[0].client("user", "secret")
        user.refused(401, "DELETE", f"/nodes/{self.victim.name}")

    # ---- stopped ---------------------------------------------------------------------------------

    def floods_to_victim(self, vxid):
        fdb = self.bed.run(self.nodes[0].host, "sh", "-c",
                           f"bridge fdb show dev vxlan-{vxid:06x} 2>&1 || true")
        return self.bed.address(self.victim.host) in fdb

    def test_a_stopped_nodes_guests_are_reached_until_it_is_deleted(self):
        uuid = self.create("guest", network=[{"network_uuid": "lost"}])
        qemu = self.victim.qemu(uuid)
        self.assertEqual(0, self.victim.stop())
        self.wait_node("stopped")
        # A network of afterwards is made with all that are peers now.
        later = self.client.call("POST", "/networks", {
            "name": "later", "netblock": NETBLOCK, "provide_dhcp": False, "provide_nat": False})
        self.addCleanup(self.client.call, "DELETE", f"/networks/{later['uuid']}")
        wait_for(lambda: self.floods_to_victim(later["vxid"]), 10, "it is flooded to")
        self.assertTrue(self.floods_to_victim(self.network["vxid"]))
        self.assertEqual(qemu, self.victim.qemu(uuid))
        self.assertEqual("created", self.client.show(uuid)["state"])
        messages = self.messages(self.victim.name, "nodes")
        self.assertEqual(["node stopped", "node stopping", "node started"], messages[:3])

        self.client.call("DELETE", f"/nodes/{self.victim.name}")
        wait_for(lambda: not self.floods_to_victim(self.network["vxid"]), 10, "and no more")
        self.victim.start()
        wait_for(lambda: not self.victim.leftovers(uuid), 15, "it removes what nobody wants",
                 self.victim.tail)

    # ---- metadata --------------------------------------------------------------------------------

    def test_nodes_have_metadata(self):
        path = f"/nodes/{self.victim.name}/metadata"
        self.assertIsNone(self.client.call("PUT", f"{path}/rack", {"value": [1]}))
        self.assertIsNone(self.client.call("POST", path, {"key": "a", "value": "b"}))
        self.assertEqual({"rack": [1], "a": "b"}, self.shown()["metadata"])
        self.assertIsNone(self.client.call("DELETE", f"{path}/a"))
        self.assertEqual({"rack": [1]}, self.client.call("GET", path))
        self.client.refused(400, "POST", path, {"key": "a"})
        self.client.refused(404, "GET", "/nodes/nowhere/metadata")
        self.client.call("DELETE", f"{path}/rack")


if __name__ == "__main__":
    unittest.main()
