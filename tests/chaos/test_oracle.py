# SPDX-License-Identifier: Apache-2.0
"""That the oracle notices what does not agree."""

import unittest

from oracle import disagreements, wait_agreed
from three_nodes import ThreeNodes

LOST = "0badc0de-0000-4000-8000-000000000000"


class OracleTest(ThreeNodes):
    prefix, port = "oracle", 14100

    def test_it_notices_what_does_not_agree(self):
        wait_agreed(self.nodes, 60)
        node = self.nodes[0]
        folder = node.storage / "instances" / LOST
        self.addCleanup(self.bed.sql, self.database,
                        f"DELETE FROM addresses WHERE owner_uuid = '{LOST}'; SELECT 1")
        self.addCleanup(self.bed.run, node.host, "ip", "link", "del", "vxlan-000bad")
        for other in self.nodes:  # Else they would mend it.
            self.addCleanup(other.thaw)
            other.freeze()
        folder.mkdir()
        self.bed.run(node.host, "ip", "link", "add", "vxlan-000bad", "type", "bridge")
        self.bed.run(node.host, "ip", "link", "set", "vxlan-000bad", "alias",
                     f"shakenfist {self.cluster_id} {LOST}")
        self.bed.sql(self.database, f"INSERT INTO addresses VALUES ('{LOST}', 1, '{LOST}'); SELECT 1")
        found = disagreements(self.nodes)
        folder.rmdir()
        self.assertEqual({f"address of nobody: {LOST} 0.0.0.1 {LOST}",
                          f"{node.name}: folder of no instance here: {LOST}",
                          f"{node.name}: link of no network here: vxlan-000bad {LOST}"}, set(found))


if __name__ == "__main__":
    unittest.main()
