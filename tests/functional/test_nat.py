# SPDX-License-Identifier: Apache-2.0
"""NAT, floating addresses and ping: `infra`, which knows nothing of the cluster, is the outside."""

import base64
import json
import time
import unittest

from case import guest
from cluster import cluster, wait_for
from three_nodes import ThreeNodes

BOOT = 240  # seconds that a tiny guest may take on a busy machine
NETBLOCK, GUEST, STRANGER = "10.9.0.0/24", "10.9.0.10", "10.9.0.11"
FLOATING_NETWORK = "192.168.77.0/24"  # another than that of other clusters on these hosts


class Nat(ThreeNodes):
    prefix, port = "nat", 14200
    options = {"FLOATING_NETWORK": FLOATING_NETWORK}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.image = cluster().images.offer("/nat/tiny.qcow2", guest("tiny"))
        # As an operator does who wants to reach floating addresses from the hosts beside.
        cls.bed.run("infra", "ip", "route", "replace", FLOATING_NETWORK, "dev", "under")

    @classmethod
    def tearDownClass(cls):
        cls.bed.run("infra", "ip", "route", "del", FLOATING_NETWORK)
        for node in cls.nodes:
            if node.running():
                node.stop()

    def setUp(self):
        super().setUp()
        self.addCleanup(self.delete_all)

    def network(self, name, **fields):
        return self.nodes[0].client().call("POST", "/networks", {
            "name": name, "netblock": NETBLOCK, "provide_dhcp": True, "provide_nat": True, **fields})

    def wait_served(self, networks, seconds, but=None):
        def serving():
            for node in self.nodes:
                try:
                    status = json.loads((node.storage / "services/status.json").read_text())
                except (OSError, ValueError):
                    continue
                if (node is not but and node.running() and status["serving"]
                        and set(networks) <= set(status["networks"])):
                    return node
            return None

        return wait_for(serving, seconds, f"{networks} are served",
                        lambda: "\n".join(node.tail(8) for node in self.nodes))

    def outside(self, script):
        """Whether a shell command succeeds on a host that knows nothing of us."""
        return self.bed.run("infra", "sh", "-c", f"{script} >/dev/null 2>&1 && echo yes || true") != ""

    def plug_in(self, node, network, address):
        """What stands for a guest, where no boot is to be waited for."""
        bridge = f"br-vxlan-{network['vxid']:06x}"
        self.bed.run(node.host, "sh", "-ec", f"""
            ip netns add stranger
            ip link add stranger mtu 1450 type veth peer name eth0 mtu 1450 netns stranger
            ip link set stranger master {bridge} up
            ip -n stranger address add {address}/24 dev eth0
            ip -n stranger link set eth0 up
            ip -n stranger route add default via 10.9.0.1""")
        self.addCleanup(self.bed.run, node.host, "ip", "netns", "del", "stranger")

    def stranger(self, node, address):
        done = self.bed.run(node.host, "sh", "-c",
                            f"ip netns exec stranger ping -c 1 -W 1 {address} || true")
        return "1 received" in done

    def test_guests_get_out_floating_addresses_lead_in_and_another_holder_does_as_well(self):
        infra = self.bed.settings["BED_INFRA"]
        first, second = self.network("first"), self.network("second")
        served = [first["uuid"], second["uuid"]]
        holder = self.wait_served(served, 30)
        others = [node for node in self.nodes if node is not holder]
        client = others[0].client()
        # Its wget would look up what port "http" is, and has nothing to look it up in.
        loop = (f"while :; do printf 'GET /nat.txt HTTP/1.0\\r\\n\\r\\n' | nc -w 3 {infra} 80 |"
                " grep -q outside && echo GUEST GOT OUT;"
                " [ -e /sys/class/net/eth1 ] && echo GUEST HAS ANOTHER; sleep 1; done")
        made = client.call("POST", "/instances", {
            "name": "natted", "cpus": 1, "memory": 128, "placed_on": others[0].name,
            "disk": [{"base": self.image, "size": 1}],
            "user_data": base64.b64encode(
                f"#!/bin/sh\n({loop}) >/dev/console 2>&1 &\n".encode()).decode(),
            "network": [{"network_uuid": "first", "address": GUEST, "float": True}]})
        (self.bed.dir / "infra/www/nat.txt").write_text("the outside\n")
        self.plug_in(others[1], second, STRANGER)
        wait_for(lambda: self.stranger(others[1], infra), 20, "a guest of the second network gets out")
        got_out = client.wait_console(made["uuid"], "GUEST GOT OUT", BOOT)
        self.assertFalse(self.stranger(others[1], GUEST))

        interface = client.call("GET", f"/instances/{made['uuid']}/interfaces")[0]
        floating = interface["floating"]
        fetch = f"curl -s -m 2 http://{floating}/ | grep -q hostname=natted"
        wait_for(lambda: self.outside(fetch), 20, "the outside reaches it")

        for node in self.nodes:
            said = node.client().call("GET", f"/networks/first/ping/{GUEST}")
            self.assertIn(f"64 bytes from {GUEST}", "\n".join(said["stdout"]))
            self.assertEqual([""], said["stderr"])
        client.refused(400, "GET", "/networks/first/ping/10.8.0.1")
        client.refused(400, "GET", "/networks/first/ping/nobody")
        client.refused(404, "GET", "/networks/none/ping/10.9.0.1")

        # What is routed to a network is had by whoever takes it there.
        routed = others[1].client().call("POST", "/networks/second/route")
        self.bed.run(others[1].host, "ip", "-n", "stranger", "address", "add", f"{routed}/32",
                     "dev", "eth0")
        ping = f"ping -c 1 -W 1 {routed}"
        wait_for(lambda: self.outside(ping), 20, "the outside reaches what is routed")
        self.check_routed(client, routed)
        added = self.plug_in_another(others[1].client(), made["uuid"])
        client.wait_console(made["uuid"], "GUEST HAS ANOTHER", 30, after=got_out.end())

        killed = time.monotonic()
        holder.kill()
        self.wait_served(served, 15, but=holder)
        wait_for(lambda: self.outside(fetch), 15 - (time.monotonic() - killed),
                 "the outside reaches it by another holder", lambda: others[0].tail())
        wait_for(lambda: self.outside(ping), 5, "and what is routed", lambda: others[0].tail())
        print(f"floats again after {time.monotonic() - killed:.1f} s", end=" ", flush=True)
        wait_for(lambda: self.stranger(others[1], infra), 5, "guests get out by another holder")
        seen = len(client.console(made["uuid"]))
        client.wait_console(made["uuid"], "GUEST GOT OUT", 20, after=max(seen, got_out.end()))

        client.call("POST", f"/interfaces/{interface['uuid']}/defloat")
        wait_for(lambda: not self.outside(fetch), 5, "the outside reaches it no more")
        self.assertIsNone(client.call("GET", f"/interfaces/{interface['uuid']}")["floating"])
        client.call("POST", f"/interfaces/{interface['uuid']}/float")
        wait_for(lambda: self.outside(fetch), 10, "the outside reaches it again")

        client.call("DELETE", f"/networks/second/route/{routed}")
        wait_for(lambda: not self.outside(ping), 5, "what was routed is reached no more")
        for verb in ("poweroff", "poweron"):
            client.call("POST", f"/instances/{made['uuid']}/{verb}")
        self.assertIn(added["macaddr"], others[0].virsh(
            "domiflist", others[0].domain(made["uuid"])))

        # What the killed holder may have left is gone as soon as its daemon is back.
        holder.start()
        wait_for(lambda: not self.traces(holder), 20, "no trace is left at the old holder",
                 lambda: f"{self.traces(holder)}\n{holder.tail()}")
        self.delete_all()
        for node in self.nodes:
            wait_for(lambda node=node: not self.traces(node), 20, f"no trace is left at {node.name}",
                     lambda node=node: f"{self.traces(node)}\n{node.tail()}")

    def check_routed(self, client, routed):
        for node in self.nodes:
            listed = wait_for(lambda node=node: self.addresses_with(node, routed), 2,
                              f"{node.name} lists what is routed")
        client.refused(403, "DELETE", f"/networks/first/route/{routed}")
        client.refused(404, "DELETE", f"/networks/second/route/{listed[0]['address']}")
        client.refused(404, "DELETE", "/networks/second/route/nowhere")
        client.refused(404, "POST", "/networks/none/route")

    @staticmethod
    def addresses_with(node, routed):
        listed = node.client().call("GET", "/networks/second/addresses")
        is_there = [routed] == [one["address"] for one in listed if one["type"] == "routed"]
        return listed if is_there else None

    def plug_in_another(self, client, uuid):
        """Another interface for an instance, asked for at a node that does not host it."""
        made = client.call("POST", f"/instances/{uuid}/interfaces", {
            "network": {"network_uuid": "second", "address": "10.9.0.20"}})
        self.assertEqual(("initial", 1, "10.9.0.20"),
                         tuple(made[key] for key in ("state", "order", "ipv4")))
        return client.wait(made["uuid"], "created", 20, "interfaces")

    def traces(self, node):
        table = f"shakenfist_{self.cluster_id[:8]}"
        found = self.bed.run(node.host, "sh", "-c", "ip neighbour show proxy; ip route; nft list tables")
        return [line for line in found.splitlines()
                if table in line or line.startswith(FLOATING_NETWORK.rpartition(".")[0])]

    def test_in_a_network_without_nat_nothing_floats(self):
        client = self.nodes[0].client()
        self.network("closed", provide_nat=False)
        spec = {"name": "bare", "cpus": 1, "memory": 128, "disk": [{"size": 1}],
                "network": [{"network_uuid": "closed", "float": True}]}
        refused = client.refused(400, "POST", "/instances", spec)
        self.assertIn("NAT", refused)
        del spec["network"][0]["float"]
        made = client.call("POST", "/instances", spec)
        interface = client.call("GET", f"/instances/{made['uuid']}/interfaces")[0]["uuid"]
        self.assertIn("NAT", client.refused(400, "POST", f"/interfaces/{interface}/float"))


if __name__ == "__main__":
    unittest.main()
