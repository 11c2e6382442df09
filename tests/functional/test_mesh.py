# SPDX-License-Identifier: Apache-2.0
"""Three nodes on three hosts: each is in the mesh of every network, with every other node that is there."""

import json
import re
import time
import unittest

from cluster import wait_for
from three_nodes import ThreeNodes

ALL_MACS = "00:00:00:00:00:00"


class Mesh(ThreeNodes):
    """Each test begins with three nodes that are well and no network, and leaves no link."""

    prefix, port = "mesh", 13200

    def setUp(self):
        super().setUp()
        self.addCleanup(self.delete_all)

    def create(self, node, name, netblock="10.7.0.0/24"):
        return node.client().call("POST", "/networks", {
            "name": name, "netblock": netblock, "provide_dhcp": False, "provide_nat": False})

    def delete_all(self):
        client = self.nodes[0].client()
        client.call("DELETE", "/networks", {"confirm": True, "namespace": "system"})
        for node in self.nodes:
            if node.running():
                wait_for(lambda node=node: not self.links(node), 15, f"{node.name} has no mesh left",
                         lambda node=node: f"{list(self.links(node))}\n{node.tail()}")

    def links(self, node):
        """By name; of this cluster alone, as there are others on the same hosts."""
        found = json.loads(self.bed.run(node.host, "ip", "-d", "-j", "link") or "[]")
        return {link["ifname"]: link for link in found if "/" not in link.get("ifalias", "/")
                and link["ifalias"].startswith(f"shakenfist {self.cluster_id} ")}

    def flooded(self, node):
        """By VNI, the addresses of the nodes that each mesh of this one floods to."""
        flooded = {link["linkinfo"]["info_data"]["id"]: set()
                   for name, link in self.links(node).items() if name.startswith("vxlan-")}
        for line in self.bed.run(node.host, "bridge", "fdb", "show").splitlines():
            entry = re.match(rf"{ALL_MACS} dev vxlan-(\w+) dst (\S+) self permanent", line)
            if entry and int(entry[1], 16) in flooded:
                flooded[int(entry[1], 16)].add(entry[2])
        return flooded

    def wait_mesh(self, vnis, nodes, seconds):
        """Until each of `nodes` is in these meshes alone, and floods to exactly the others."""
        for node in nodes:
            others = {self.bed.address(other.host) for other in nodes if other is not node}
            wait_for(lambda node=node: self.flooded(node) == dict.fromkeys(vnis, others), seconds,
                     f"{node.name} is in the meshes {vnis} with {others}",
                     lambda node=node: f"{self.flooded(node)}\n{node.tail()}")

    def test_whoever_makes_a_network_all_are_in_its_mesh(self):
        networks = [self.create(node, f"net-{i}") for i, node in enumerate(self.nodes)]
        vnis = [network["vxid"] for network in networks]
        self.assertEqual(3, len(set(vnis)))
        self.wait_mesh(vnis, self.nodes, 5)
        for node in self.nodes:
            links = self.links(node)
            # And legs of those that serve it, on the one that does.
            self.assertEqual(6, len([name for name in links if "vxlan-" in name]))
            for network, vni in zip(networks, vnis):
                bridge, vxlan = links[f"br-vxlan-{vni:06x}"], links[f"vxlan-{vni:06x}"]
                self.assertEqual(bridge["ifname"], vxlan["master"])
                self.assertEqual(vni, vxlan["linkinfo"]["info_data"]["id"])
                for link in (bridge, vxlan):
                    self.assertIn("UP", link["flags"])
                    self.assertEqual(1450, link["mtu"])
                    self.assertEqual("none", link["inet6_addr_gen_mode"])
                    self.assertTrue(link["ifalias"].endswith(" " + network["uuid"]))

    def test_frames_pass_whole_and_to_their_own_mesh_alone(self):
        vnis = [self.create(self.nodes[0], name)["vxid"] for name in ("one", "two")]
        self.wait_mesh(vnis, self.nodes, 5)
        # Both have the netblock 10.7.0.0/24, whose .1 is the router's as soon as the networks are
        # served. Guests 11 and 12 are in the one, 13 is in the other.
        for node, vni, number in zip(self.nodes, (vnis[0], vnis[0], vnis[1]), (11, 12, 13)):
            self.plug_in_guest(node, vni, number)

        def ping(number, size="56"):
            ping = f"ping -c 1 -W 2 -M do -s {size} 10.7.0.{number} >/dev/null && echo yes || echo no"
            return self.bed.run(self.nodes[0].host, "ip", "netns", "exec", "guest", "sh", "-c",
                                ping).strip() == "yes"

        wait_for(lambda: ping(12), 10, "the two of one mesh reach each other")
        self.assertTrue(ping(12, "1422"))  # 1450 in all
        self.assertFalse(ping(13))

    def plug_in_guest(self, node, vni, number):
        """What stands for a guest: a network namespace with one NIC in a mesh."""
        self.bed.run(node.host, "sh", "-ec", f"""
            ip netns add guest
            ip link add g-{vni:06x} mtu 1450 type veth peer name eth0 mtu 1450 netns guest
            ip link set g-{vni:06x} master br-vxlan-{vni:06x} up
            ip -n guest address add 10.7.0.{number}/24 dev eth0
            ip -n guest link set eth0 up""")
        self.addCleanup(self.bed.run, node.host, "ip", "netns", "del", "guest")

    def test_a_node_that_stops_is_flooded_to_no_more_and_again_when_it_is_back(self):
        vni = self.create(self.nodes[0], "blue")["vxid"]
        self.wait_mesh([vni], self.nodes, 5)
        self.assertEqual(0, self.nodes[2].stop())
        self.wait_mesh([vni], self.nodes[:2], 5)
        # Its own links stay: instances go on running.
        self.assertEqual(2, len(self.links(self.nodes[2])))
        self.nodes[2].start()
        self.wait_mesh([vni], self.nodes, 5)

    def test_a_dead_node_is_out_once_it_is_silent_in_the_database_too(self):
        vni = self.create(self.nodes[0], "blue")["vxid"]
        self.wait_mesh([vni], self.nodes, 5)
        victim, others = self.nodes[2], self.nodes[:2]
        victim.kill()
        for node in others:
            wait_for(lambda node=node: self.state(node, victim) == "dead", 15,
                     f"{node.name} finds {victim.name} dead", node.tail)
        self.assertIn(self.bed.address(victim.host), self.flooded(others[0])[vni])
        self.bed.sql("sf_mesh", "UPDATE nodes SET heartbeat = heartbeat - 60 WHERE name = "
                     f"'{victim.name}'; SELECT 1")
        self.wait_mesh([vni], others, 15)
        victim.start()
        self.wait_mesh([vni], self.nodes, 5)

    def test_while_the_database_is_away_gossip_alone_says_who_is_there(self):
        vni = self.create(self.nodes[0], "blue")["vxid"]
        self.wait_mesh([vni], self.nodes, 5)
        victim, others = self.nodes[2], self.nodes[:2]
        self.addCleanup(self.bed.hosts, "db", "start")
        self.bed.hosts("db", "kill")
        victim.kill()
        gone = self.bed.address(victim.host)
        for node in others:
            wait_for(lambda node=node: gone not in self.flooded(node)[vni], 30,
                     f"{node.name} floods to {victim.name} no more", node.tail)
        self.bed.hosts("db", "start")
        victim.start()
        self.wait_mesh([vni], self.nodes, 15)

    def state(self, node, of):
        members = json.loads(node.tool("members", "--json").stdout)
        return next((one["state"] for one in members if one["name"] == of.name), None)

    def test_a_node_that_comes_later_is_in_all_meshes_within_five_seconds(self):
        vnis = [self.create(self.nodes[0], f"net-{i}")["vxid"] for i in range(50)]
        self.bed.hosts("restart", "h4")
        late = self.make("h4", "mesh-4")
        self.addCleanup(late.kill)
        began = time.monotonic()
        late.start()
        self.wait_mesh(vnis, [*self.nodes, late], 5)
        self.assertLess(time.monotonic() - began, 5)
        # The other tests have three nodes: killed, it would be a peer for another 30 s.
        self.assertEqual(0, late.stop())
        self.nodes[0].client().call("DELETE", "/nodes/mesh-4")

    def test_a_mesh_that_somebody_damaged_is_mended(self):
        vni = self.create(self.nodes[0], "blue")["vxid"]
        self.wait_mesh([vni], self.nodes, 5)
        self.bed.run(self.nodes[1].host, "ip", "link", "del", f"vxlan-{vni:06x}")
        self.wait_mesh([vni], self.nodes, 15)

    def test_a_strangers_link_is_not_touched(self):
        node = self.nodes[1]
        self.bed.run(node.host, "ip", "link", "add", "br-vxlan-00002a", "type", "bridge")
        self.addCleanup(self.bed.run, node.host, "ip", "link", "del", "br-vxlan-00002a")
        network = self.create(self.nodes[0], "blue")
        self.bed.sql("sf_mesh", "UPDATE networks SET vni = 42, version = version + 1 WHERE uuid = "
                     f"'{network['uuid']}'; SELECT 1")
        wait_for(lambda: 42 in self.flooded(self.nodes[0]), 15, "the others are in it")
        wait_for(lambda: "br-vxlan-00002a is there and not ours" in node.tail(), 15, "it is named")
        self.assertEqual({}, self.links(node))


if __name__ == "__main__":
    unittest.main()
