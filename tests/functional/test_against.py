# SPDX-License-Identifier: Apache-2.0
"""These very tests, run against a cluster that is there already: here a node of ours, by its API alone."""

import os
import pathlib
import re
import subprocess
import unittest

from case import NodeTest
from cluster import SYSTEM_KEY

RUN = pathlib.Path(__file__).with_name("run")


class Against(NodeTest):
    def run_tests(self, *words, **settings):
        environment = {"PATH": os.environ["PATH"], "SF_BUILD": "/nowhere", **settings}
        return subprocess.run([str(RUN), "--against", *words], env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)

    def test_a_cluster_that_is_there_is_tested_by_its_api_and_left_as_it_was(self):
        before = self.namespaces()
        done = self.run_tests("-k", "test_networks.Networks", "-k", "HostReboot", "-k", "address_of_its_row",
                              "test_networks", SHAKENFIST_API_URL=self.node.url,
                              SHAKENFIST_NAMESPACE="system", SHAKENFIST_KEY=SYSTEM_KEY)
        self.assertEqual(0, done.returncode, done.stdout)
        self.assertRegex(done.stdout, r"test_create_show_list_delete .*ok\n")
        self.assertRegex(done.stdout, r"HostReboot.* skipped 'needs more of a node")
        self.assertEqual(before, self.namespaces())

    def test_without_a_cluster_it_says_what_it_needs(self):
        done = self.run_tests("test_networks", SHAKENFIST_API_URL=self.node.url,
                              SHAKENFIST_NAMESPACE="team", SHAKENFIST_KEY="k")
        self.assertEqual(1, done.returncode)
        self.assertIn("its system key", done.stdout)
        self.assertFalse(re.search("Traceback", done.stdout), done.stdout)

    def namespaces(self):
        return {namespace["name"] for namespace in self.admin.call("GET", "/auth/namespaces")}


if __name__ == "__main__":
    unittest.main()
