# SPDX-License-Identifier: Apache-2.0
"""What tests of a cluster have in common: a node on each of three hosts, all with one database."""

import json
import unittest

from cluster import Node, cluster, wait_for


class ThreeNodes(unittest.TestCase):
    """Each test begins with all three running; a class of tests has a cluster of its own."""

    maxDiff = None
    prefix = ""  # of the nodes' names, and of what else is the cluster's own
    port = 0     # beside the nodes of other tests
    hosts = ("h1", "h2", "h3")
    kind = Node
    options = {}  # of every node, beside those that all tests give

    @classmethod
    def setUpClass(cls):
        cls.bed = cls.make_bed()
        cls.database = f"sf_{cls.prefix}"
        cls.nodes = [cls.make(host, f"{cls.prefix}-{host[1:]}") for host in cls.hosts]
        cluster().nodes += cls.nodes
        cls.nodes[0].bootstrap()
        for node in cls.nodes:
            node.start()
        cls.cluster_id = cls.nodes[0].cluster_id

    @classmethod
    def tearDownClass(cls):
        for node in cls.nodes:
            if node.running():
                node.kill()
            # Guests outlive their daemon, and would slow down all the tests that come after.
            for domain in node.domains():
                if domain in node.domains("--state-running"):
                    node.virsh("destroy", domain)
                node.virsh("undefine", "--nvram", domain)

    @classmethod
    def make_bed(cls):
        return cluster().bed

    @classmethod
    def make(cls, host, name):
        return cls.kind(cls.bed, host, name=name, database=cls.database, port=cls.port,
                    storage=f"/srv/{name}", **cls.options)

    @classmethod
    def make_team(cls):
        """The namespaces team, as whose clients the nodes are asked, and strangers, with one key."""
        cls.admin = cls.nodes[0].client()
        for name in ("team", "strangers"):
            cls.admin.call("POST", "/auth/namespaces",
                           {"namespace": name, "key_name": "k", "key": "secret"})
        cls.here, *cls.others = [node.client("team", "secret") for node in cls.nodes]

    def setUp(self):
        for node in self.nodes:
            if not node.running():
                node.start()

    def delete_all(self):
        """What the namespace system has: instances first, and waited for."""
        client = next(node for node in self.nodes if node.running()).client()
        for instance in client.call("DELETE", "/instances", {"confirm": True, "namespace": "system"}):
            client.wait(instance, "deleted", 60)
        client.call("DELETE", "/networks", {"confirm": True, "namespace": "system"})

    # ---- what the nodes see ----------------------------------------------------------------------

    def members(self, node):
        done = node.tool("members", "--json")
        return {one["name"]: one for one in json.loads(done.stdout)} if done.returncode == 0 else {}

    def states(self, node):
        return {name: one["state"] for name, one in self.members(node).items()}

    def wait_well(self, nodes=None, seconds=30):
        """Until each sees all of them alive, with what they say of themselves, and one holder."""
        nodes = nodes or self.nodes
        names = {node.name for node in nodes}

        def well(node):
            seen = self.members(node)
            return ({n for n, one in seen.items() if one["state"] == "alive" and one["limit"]} >= names
                    and len([one for one in seen.values() if one["role"]]) == 1)

        for node in nodes:
            wait_for(lambda node=node: well(node), seconds, f"{node.name} sees all of {names}",
                     lambda node=node: f"{json.dumps(self.members(node), indent=1)}\n{node.tail()}")

    def wait_state(self, state, of, at, seconds):
        for node in at:
            wait_for(lambda node=node: self.states(node).get(of.name) == state, seconds,
                     f"{node.name} sees {of.name} {state}",
                     lambda node=node: f"{self.states(node)}\n{node.tail()}")

    def holder(self, node):
        found = [one for one in self.members(node).values() if one["role"]]
        return (found[0]["name"], found[0]["role_term"]) if found else ("", 0)

    def node_named(self, name):
        return next(node for node in self.nodes if node.name == name)

    def keep_role_from(self, node):
        """Until all are well and another than this one serves the networks."""
        self.wait_well()
        if self.holder(node)[0] == node.name:
            node.stop()
            node.start()
            self.wait_well()
