# SPDX-License-Identifier: Apache-2.0
"""Three nodes on three hosts with one database: who is there, who is gone, and how everybody knows."""

import json
import re
import time
import unittest

from cluster import Node, wait_for
from three_nodes import ThreeNodes


class Trio(ThreeNodes):
    """What breaks a node is mended at the end of its test: each begins with three that are well."""

    prefix, port = "trio", 13100

    def setUp(self):
        super().setUp()
        self.wait_well()

    def rows(self, node):
        return {row["name"]: row for row in node.client().call("GET", "/nodes")}

    # ---- who is there ----------------------------------------------------------------------------

    def test_with_sql_url_alone_nodes_find_each_other_and_each_answers_for_all(self):
        for node in self.nodes:
            rows = self.rows(node)
            self.assertEqual({n.name for n in self.nodes}, set(rows))
            for name, row in rows.items():
                self.assertEqual("created", row["state"])
                self.assertEqual("alive", row["gossip"]["state"])
                self.assertEqual(name == node.name, row["gossip"]["self"])
                self.assertEqual(self.port, row["gossip"]["api_port"])
            self.assertEqual(1, sum(row["is_network_node"] for row in rows.values()))

    def test_members_is_a_table_for_people_and_needs_no_key(self):
        done = self.nodes[1].tool("members")
        self.assertEqual(0, done.returncode, done.stderr)
        lines = done.stdout.splitlines()
        self.assertTrue(lines[0].startswith("NAME"), done.stdout)
        self.assertEqual(1 + len(self.nodes), len(lines), done.stdout)
        self.assertRegex(done.stdout, r"(?m)^trio-2 \* .* alive ")
        secret = self.nodes[1].storage / "local_api.json"
        self.assertEqual(0o600, secret.stat().st_mode & 0o777)

    def test_figures_of_the_protocol_are_metrics(self):
        text = self.nodes[0].client().bare("GET", "/metrics").text
        figures = dict(re.findall(r"^shakenfist_gossip_(\S+) (\S+)$", text, re.M))
        self.assertEqual(3, float(figures['members{state="alive"}']))
        self.assertGreater(float(figures["datagrams_sent_total"]), 0)
        self.assertEqual(0, float(figures["probes_failed_total"]))
        self.assertIn('datagrams_dropped_total{reason="wrong_key"}', figures)

    # ---- who is gone -----------------------------------------------------------------------------

    def test_a_killed_daemon_is_unreachable_at_once_by_its_kernels_word(self):
        victim, others = self.nodes[2], self.nodes[:2]
        before = self.members(others[0])[victim.name]["incarnation"]
        began = time.monotonic()
        victim.kill()
        self.wait_state("unreachable", victim, others, 2)
        self.assertLess(time.monotonic() - began, 2)
        seen = self.members(others[0])[victim.name]
        self.assertIn("gone", {one["found"] for one in seen["evidence"]}, seen)
        self.assertEqual("missing", self.rows(others[0])[victim.name]["state"])
        self.assertIn("refused the connection", others[0].tool("members").stdout)
        self.wait_state("dead", victim, others, 8)
        victim.start()
        self.wait_well()
        self.assertGreater(self.members(others[0])[victim.name]["incarnation"], before)
        self.assertEqual("created", self.rows(others[0])[victim.name]["state"])

    def test_a_silent_host_is_unreachable_then_dead_and_comes_back_by_itself(self):
        victim, others = self.nodes[1], [self.nodes[0], self.nodes[2]]
        self.addCleanup(self.bed.hosts, "heal")
        before = {node: len(node.log.read_text()) for node in others}
        self.bed.hosts("cut", victim.host)
        # By their logs: a busy machine may not show the two seconds until it is dead.
        for node in others:
            wait_for(lambda node=node: f"a node is unreachable node={victim.name} "
                     in node.log.read_text()[before[node]:], 5, "it is unreachable", node.tail)
        evidence = self.members(others[0])[victim.name]["evidence"]
        self.assertGreaterEqual(len(evidence), 2)
        self.assertEqual({"silent"}, {one["found"] for one in evidence})
        self.wait_state("dead", victim, others, 10)
        self.bed.hosts("heal")
        self.wait_well()

    def test_a_daemon_that_is_stopped_says_goodbye(self):
        victim, others = self.nodes[2], self.nodes[:2]
        self.assertEqual(0, victim.stop())
        self.wait_state("left", victim, others, 2)
        self.assertEqual("stopped", self.rows(others[1])[victim.name]["state"])

    def test_after_a_total_stop_they_find_each_other_again(self):
        for node in self.nodes:
            node.kill()
        for node in self.nodes:
            node.start(wait=False)
        for node in self.nodes:
            wait_for(node.answers, 20, f"{node.name} answers", node.tail)
        self.wait_well()

    # ---- names and keys --------------------------------------------------------------------------

    def test_a_second_node_of_the_same_name_is_refused_and_told_who_the_first_is(self):
        twin = Node(self.bed, "h2", name=self.nodes[0].name, database="sf_trio", port=self.port + 10,
                    storage="/srv/twin")
        done = twin.tool("run")
        self.assertEqual(1, done.returncode, done.stderr)
        self.assertIn(f"another node is called {self.nodes[0].name}", done.stderr)
        self.assertIn(self.bed.address("h1"), done.stderr)
        self.wait_well()

    def test_the_key_is_rotated_while_all_go_on(self):
        def ring():
            return self.bed.sql("sf_trio",
                                "SELECT value FROM cluster WHERE name = 'gossip_keys'")[0][0]

        before = ring()
        done = self.nodes[0].tool("rotate-cluster-key")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("The cluster has a new key.", done.stdout)
        after = ring()
        self.assertEqual(64, len(after))
        self.assertNotIn(after, before)
        for node in self.nodes:
            self.assertEqual({"alive"}, set(self.states(node).values()))
            metrics = node.client().bare("GET", "/metrics").text
            self.assertIn('shakenfist_gossip_datagrams_dropped_total{reason="wrong_key"} 0\n', metrics)

    # ---- the role --------------------------------------------------------------------------------

    def test_a_killed_holder_is_replaced_in_the_next_term_and_does_not_take_the_role_back(self):
        name, term = self.holder(self.nodes[0])
        victim = self.node_named(name)
        others = [node for node in self.nodes if node is not victim]
        victim.kill()
        for node in others:
            wait_for(lambda node=node: self.holder(node)[1] > term, 15, "the role is taken over",
                     node.tail)
        taken = self.holder(others[0])
        self.assertEqual(taken, self.holder(others[1]))
        self.assertEqual(term + 1, taken[1])
        victim.start()
        self.wait_well()
        self.assertEqual(taken, self.holder(victim))

    def test_a_holder_that_is_stopped_hands_the_role_over_first(self):
        name, term = self.holder(self.nodes[0])
        victim = self.node_named(name)
        others = [node for node in self.nodes if node is not victim]
        self.assertEqual(0, victim.stop())
        row = self.bed.sql("sf_trio", "SELECT holder, term FROM roles")[0]
        self.assertIn(row[0], [node.name for node in others])
        self.assertEqual(term + 1, int(row[1]))
        for node in others:
            wait_for(lambda node=node: self.holder(node) == (row[0], term + 1), 3,
                     "all know who has the role", node.tail)


if __name__ == "__main__":
    unittest.main()
