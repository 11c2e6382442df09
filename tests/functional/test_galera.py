# SPDX-License-Identifier: Apache-2.0
"""The database is a Galera cluster, whose servers are killed, frozen and started again, one after the
other, while nodes write: all nodes are on one server at a time, and no acknowledged write is lost."""

import re
import threading
import time
import unittest

from cluster import Node, cluster, wait_for
from galera import SERVERS, GaleraBed, Load
from three_nodes import ThreeNodes

FAILOVER = 15  # seconds without an acknowledged write that a failure may cost, on a busy machine
RETURN = 20    # within which all nodes are back on the first server, likewise


class Galera(ThreeNodes):
    prefix, port = "gal", 15400

    @classmethod
    def make_bed(cls):
        bed = GaleraBed(cluster().bed)
        cls.addClassCleanup(bed.end)
        bed.server("create", f"sf_{cls.prefix}")
        return bed

    @classmethod
    def make(cls, host, name):
        url = cls.bed.sql_url(cls.database)
        node = Node(cls.bed, host, name=name, database=cls.database, port=cls.port,
                    storage=f"/srv/{name}", SQL_URL=url)
        # The servers are new, and so is the cluster, in a bed that was kept.
        (node.storage / "secrets.json").unlink(missing_ok=True)
        return node

    def setUp(self):
        super().setUp()
        self.wait_well()
        self.wait_all_on(1)

    # ---- which server is in use ------------------------------------------------------------------

    def servers_in_use(self):
        return [self.server_of(node) for node in self.nodes]

    @staticmethod
    def server_of(node):
        """By its own metrics: 1, 2 or 3."""
        text = node.client().bare("GET", "/metrics").text
        found = re.findall(r'(?m)^shakenfist_database_host_in_use\{host="\S+?(\d):3306"\} 1$', text)
        return int(found[0]) if len(found) == 1 else f"{text[-2000:]}"

    def wait_all_on(self, server, seconds=RETURN):
        wait_for(lambda: set(self.servers_in_use()) == {server}, seconds,
                 f"all nodes are on server {server}", self.explain)

    def explain(self):
        states = {n: self.bed.server("state", n) for n in SERVERS}
        return f"{self.servers_in_use()} {states}\n" + "\n".join(n.tail(12) for n in self.nodes)

    # ---- the tests -------------------------------------------------------------------------------

    def test_servers_die_and_return_one_after_the_other_and_nothing_acknowledged_is_lost(self):
        costs = {}
        with Load(self.nodes) as load:
            for server in SERVERS:
                load.wait_acknowledged(time.monotonic(), FAILOVER, self.explain)
                costs[f"{server} killed"] = self.broken(load, "kill", server)
                self.bed.server("start", server)  # returns when it is synced
                self.wait_all_on(1)
                costs[f"{server} back"] = load.outage(self.since)
            costs["1 frozen"] = self.broken(load, "freeze", 1)
            self.bed.server("thaw", 1)
            wait_for(lambda: self.bed.server("state", 1) == "Synced", 60, "1 is synced", self.explain)
            self.wait_all_on(1)
        print(f"{len(load.times)} writes; longest without one:",
              ", ".join(f"{what} {cost:.1f} s" for what, cost in costs.items()), end=" ", flush=True)
        self.assertEqual([], load.wrong)
        self.assertLess(max(costs.values()), FAILOVER)
        self.assert_kept(load)

    def broken(self, load, verb, server):
        """Does it, and returns for how long no write was acknowledged."""
        self.since = time.monotonic()
        self.bed.server(verb, server)
        done = time.monotonic()
        load.wait_acknowledged(done + 0.3, 30, self.explain)
        if server == 1:
            wait_for(lambda: set(self.servers_in_use()) <= {2, 3}, RETURN,
                     "all nodes have left server 1", self.explain)
            self.assertEqual(1, len(set(self.servers_in_use())), self.explain())
        return load.outage(self.since)

    def assert_kept(self, load):
        self.assertGreater(len(load.made), 10)
        for node in self.nodes:
            client = node.client()

            def lists(client=client):
                return {f"/{kind}/{one['uuid']}" for kind in ("networks", "instances")
                        for one in client.call("GET", f"/{kind}") if one["state"] != "deleted"}
            self.assertEqual(set(), load.made - lists(), f"lost, says {node.name}")
            wait_for(lambda: not load.deleted & lists(), 60, "what was deleted is gone", node.tail)
        for server in SERVERS:  # Not only where they are asked.
            rows = {uuid for (uuid,) in self.bed.sql(
                self.database, "SELECT uuid FROM networks WHERE state <> 'deleted' UNION ALL"
                " SELECT uuid FROM instances WHERE state <> 'deleted'", server)}
            self.assertEqual(set(), {path.split("/")[2] for path in load.made} - rows, server)
        self.delete_all()

    def test_writers_on_two_servers_who_change_one_row_lose_nothing(self):
        """What Galera finds out only when it commits is tried again, unseen."""
        other = self.nodes[1]
        other.stop()
        other.start({"SQL_URL": self.bed.sql_url(self.database, (2, 1, 3))})
        self.addCleanup(other.start)
        self.addCleanup(other.stop)
        self.assertEqual([1, 2, 1], self.servers_in_use())
        network = self.nodes[0].client().call("POST", "/networks", {
            "name": "contended", "netblock": "10.16.0.0/24", "provide_dhcp": False,
            "provide_nat": False})["uuid"]
        before = self.conflicts()
        wrong = []

        def write(node):
            client = node.client()
            for number in range(60):
                answer = client.request("PUT", f"/networks/{network}/metadata/{node.name}-{number}",
                                        {"value": "x"})
                if answer.status != 200:
                    wrong.append(repr(answer))

        writers = [threading.Thread(target=write, args=(node,)) for node in self.nodes[:2]]
        for thread in writers:
            thread.start()
        for thread in writers:
            thread.join()
        self.assertEqual([], wrong)
        found = self.nodes[0].client().call("GET", f"/networks/{network}/metadata")
        self.assertEqual(120, len(found))
        conflicts = self.conflicts() - before
        print(f"{conflicts} conflicts", end=" ", flush=True)
        self.assertGreater(conflicts, 0)
        self.delete_all()

    def conflicts(self):
        return sum(self.bed.counted(variable, server) for server in (1, 2)
                   for variable in ("wsrep_local_cert_failures", "wsrep_local_bf_aborts"))


if __name__ == "__main__":
    unittest.main()
