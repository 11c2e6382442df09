# SPDX-License-Identifier: Apache-2.0
"""Guests that pretend: to be another, the router, the DHCP server; and that call who runs the cloud."""

import base64
import json
import re
import unittest

from case import guest
from cluster import cluster, wait_for
from three_nodes import ThreeNodes

BOOT = 240  # seconds that a tiny guest may take on a busy machine
NETBLOCK, GUEST, NEIGHBOUR, FREE, ROUTER = (
    "10.9.0.0/24", "10.9.0.10", "10.9.0.11", "10.9.0.77", "10.9.0.1")
# Says over and over as whom it is heard by its neighbour.
PRETENDER = f"""#!/bin/sh
heard() {{ ping -c 1 -W 1 -I "$1" {NEIGHBOUR} >/dev/null 2>&1 && echo yes || echo no; }}
as_other() {{ # its neighbour would know the way back
  ip addr add "$1/32" dev eth0; heard "$1"; ip addr del "$1/32" dev eth0
}}
while :; do
  own=$(heard {GUEST}) free=$(as_other {FREE}) router=$(as_other {ROUTER})
  routed=none; [ ! -e /sys/class/net/eth1 ] || routed=$(cat /sys/class/net/eth1/address)
  ip link set eth0 down; mac=$(cat /sys/class/net/eth0/address)
  ip link set eth0 address 02:00:00:aa:bb:cc; ip link set eth0 up; sleep 1
  other=$(heard {GUEST})
  ip link set eth0 down; ip link set eth0 address "$mac"; ip link set eth0 up; sleep 1
  echo "HEARD own=$own free=$free router=$router mac=$other again=$(heard {GUEST}) eth1=$routed."
done >/dev/console 2>&1 &
"""


class Guards(ThreeNodes):
    prefix, port = "guards", 14900
    options = {"FLOATING_NETWORK": "192.168.78.0/24"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.image = cluster().images.offer("/guards/tiny.qcow2", guest("tiny"))
        cls.client = cls.nodes[0].client()

    def setUp(self):
        super().setUp()
        self.addCleanup(self.delete_all)

    def network(self, name, **fields):
        return self.client.call("POST", "/networks", {
            "name": name, "netblock": NETBLOCK, "provide_dhcp": True, "provide_nat": True, **fields})

    def plug_in(self, node, network, address):
        """A neighbour that is no guest, and has no rules."""
        bridge = f"br-vxlan-{network['vxid']:06x}"
        wait_for(lambda: bridge in self.bed.run(node.host, "ip", "-br", "link"), 20,
                 f"{node.name} has {bridge}", node.tail)
        self.bed.run(node.host, "sh", "-ec", f"""
            ip netns add neighbour
            ip link add neighbour mtu 1450 type veth peer name eth0 mtu 1450 netns neighbour
            ip link set neighbour master {bridge} up
            ip -n neighbour address add {address}/24 dev eth0
            ip -n neighbour link set eth0 up
            ip -n neighbour route add default via {ROUTER}""")
        self.addCleanup(self.bed.run, node.host, "ip", "netns", "del", "neighbour")

    def as_neighbour(self, node, script):
        """Whether a shell command of the neighbour succeeds."""
        return self.bed.run(node.host, "sh", "-c", f"ip netns exec neighbour sh -c '{script}'"
                            " >/dev/null 2>&1 && echo yes || true") != ""

    def chains(self, node):
        """The taps of the cluster's guests there, and those that have rules."""
        table = f"netdev shakenfist_{self.cluster_id[:8]}"
        listed = self.bed.run(node.host, "sh", "-c", f"nft list table {table} 2>/dev/null || true")
        links = json.loads(self.bed.run(node.host, "ip", "-j", "link") or "[]")
        taps = [link["ifname"] for link in links
                if "/" in link.get("ifalias", "") and self.cluster_id in link["ifalias"]]
        return sorted(taps), sorted(line.split()[1] for line in listed.splitlines()
                                    if line.strip().startswith("chain "))

    def counters(self, node):
        """How many frames the rules of its guests have dropped."""
        listed = self.bed.run(node.host, "nft", "list", "table", "netdev",
                              f"shakenfist_{self.cluster_id[:8]}")
        return sum(int(count) for count in re.findall(r"counter packets (\d+)", listed))

    def test_a_guest_is_heard_as_itself_alone(self):
        network = self.network("front")
        host, other = self.nodes[1], self.nodes[2]
        self.plug_in(other, network, NEIGHBOUR)
        made = self.client.call("POST", "/instances", {
            "name": "pretender", "cpus": 1, "memory": 128, "placed_on": host.name,
            "disk": [{"base": self.image, "size": 1}],
            "user_data": base64.b64encode(PRETENDER.encode()).decode(),
            "network": [{"network_uuid": "front", "address": GUEST}]})["uuid"]
        honest = "own=yes free=no router=no mac=no again=yes"
        self.client.wait_console(made, rf"HEARD {honest} eth1=none\.", BOOT)
        interface = self.client.call("GET", f"/instances/{made}/interfaces")[0]
        tap = f"sf-{interface['uuid'].replace('-', '')[:12]}"
        self.assertEqual(([tap], [tap]), self.chains(host))

        # The rules hold without a daemon, and one that comes back finds them right.
        before = self.counters(host)
        host.kill()
        wait_for(lambda: self.counters(host) > before, 60, "more was dropped meanwhile")
        host.start()
        self.wait_well()
        self.client.wait_console(made, rf"HEARD {honest}", 60, after=len(self.client.console(made)))
        self.assertGreater(self.counters(host), before)
        # What somebody has removed is put back.
        self.bed.run(host.host, "nft", "delete", "table", "netdev",
                     f"shakenfist_{self.cluster_id[:8]}")
        wait_for(lambda: self.chains(host) == ([tap], [tap]), 20, "the rules are back", host.tail)

        added = self.client.call("POST", f"/instances/{made}/interfaces",
                                 {"network": {"network_uuid": "front", "address": "10.9.0.20"}})
        self.client.wait(added["uuid"], "created", 20, "interfaces")
        taps = sorted([tap, f"sf-{added['uuid'].replace('-', '')[:12]}"])
        self.assertEqual((taps, taps), self.chains(host))
        seen = len(self.client.console(made))
        self.client.wait_console(made, rf"HEARD {honest} eth1={added['macaddr']}", 60, after=seen)

        # What is routed to the network is had by whoever takes it.
        routed = self.client.call("POST", "/networks/front/route")
        rules = lambda: self.bed.run(host.host, "nft", "list", "chain", "netdev",
                                     f"shakenfist_{self.cluster_id[:8]}", tap)
        wait_for(lambda: routed in rules(), 10, "the guest may have what is routed", host.tail)
        for verb in ("poweroff", "poweron"):
            self.client.call("POST", f"/instances/{made}/{verb}")
        self.assertEqual((taps, taps), self.chains(host))
        self.client.call("DELETE", f"/instances/{made}")
        self.client.wait(made, "deleted", 60)
        wait_for(lambda: self.chains(host) == ([], []), 20, "no NIC is left",
                 lambda: f"{self.chains(host)}\n{host.tail()}")

    def test_guests_do_not_reach_who_runs_the_cloud(self):
        network = self.network("front")
        infra = self.bed.settings["BED_INFRA"]
        inside = self.nodes[2]
        self.plug_in(inside, network, NEIGHBOUR)
        (self.bed.dir / "infra/www/guards.txt").write_text("the outside\n")
        wait_for(lambda: self.as_neighbour(inside, f"curl -sf -m 2 http://{infra}/guards.txt"), 30,
                 "the neighbour gets out", lambda: "\n".join(n.tail(8) for n in self.nodes))
        for node in self.nodes:
            with self.subTest(node.name):
                self.assertFalse(self.as_neighbour(inside, f"curl -s -m 2 {node.url}/"))
                self.assertFalse(self.as_neighbour(
                    inside, f"ping -c 1 -W 1 {self.bed.address(node.host)}"))
        connect = f"timeout 2 bash -c \"</dev/tcp/{infra}/3306\""
        self.assertTrue(self.bed.run(inside.host, "sh", "-c", f"{connect} && echo yes || true"))
        self.assertFalse(self.as_neighbour(inside, connect))
        # Its own network has no node in it, either: not by the address that all gateways' hosts have.
        for address in ("169.254.0.1", "10.9.0.2"):
            self.assertFalse(self.as_neighbour(inside, f"curl -s -m 2 http://{address}:{self.port}/"))


if __name__ == "__main__":
    unittest.main()
