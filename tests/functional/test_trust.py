# SPDX-License-Identifier: Apache-2.0
"""What one namespace may do in another that trusts it, and what not."""

import unittest

from case import NodeTest


class Trust(NodeTest):
    def setUp(self):
        self.friend = self.new_namespace()
        self.path = f"/auth/namespaces/{self.client.namespace}"
        self.trust()

    def trust(self, **body):
        return self.client.call("POST", f"{self.path}/trust",
                                {"external_namespace": self.friend.namespace, **body})

    def test_it_is_shown_and_ends_and_system_is_always_trusted(self):
        both = {"full": ["system", self.friend.namespace]}
        for answer in (self.trust(), self.trust(external_namespace="system"),
                       self.client.call("GET", self.path)):
            self.assertEqual(both, answer["trust"])
        self.assertEqual({"full": ["system"]}, self.friend.call(
            "GET", f"/auth/namespaces/{self.friend.namespace}")["trust"])
        self.client.refused(403, "DELETE", f"{self.path}/trust/system")
        self.client.refused(404, "DELETE", f"{self.path}/trust/nobody")
        for status, body in ((400, {}), (400, {"external_namespace": 7}),
                             (404, {"external_namespace": "nobody"})):
            self.client.refused(status, "POST", f"{self.path}/trust", body)
        # Whoever manages system is an administrator.
        self.admin.refused(403, "POST", "/auth/namespaces/system/trust",
                           {"external_namespace": self.friend.namespace})
        ended = self.client.call("DELETE", f"{self.path}/trust/{self.friend.namespace}")
        self.assertEqual({"full": ["system"]}, ended["trust"])
        self.friend.refused(404, "GET", self.path)
        self.assertNotIn(self.client.namespace,
                         [one["name"] for one in self.friend.call("GET", "/auth/namespaces")])

    def test_who_is_trusted_manages_the_namespace_and_its_artifacts_and_makes_instances_there(self):
        self.assertEqual({self.client.namespace, self.friend.namespace},
                         {one["name"] for one in self.friend.call("GET", "/auth/namespaces")})
        self.friend.call("POST", f"{self.path}/keys", {"key_name": "theirs", "key": "given"})
        self.node.client(self.client.namespace, "given").call("GET", "/instances")
        self.friend.call("DELETE", f"{self.path}/keys/theirs")

        mine = self.client.call("POST", "/artifacts", {"url": self.empty})["uuid"]
        theirs = self.friend.call("POST", "/artifacts", {
            "url": f"{self.empty}?theirs", "namespace": self.client.namespace})["uuid"]
        blob = self.client.wait(mine, "created", kind="artifacts")["blob_uuid"]
        self.assertLessEqual({mine, theirs},
                             {one["uuid"] for one in self.friend.call("GET", "/artifacts")})
        self.assertEqual(blob, self.friend.call("GET", f"/blobs/{blob}")["uuid"])
        self.friend.call("PUT", f"/artifacts/{mine}/metadata/a", {"value": 1})
        self.friend.call("DELETE", f"/artifacts/{mine}")

        made = self.friend.create("gift", self.empty, namespace=self.client.namespace)["uuid"]
        self.assertEqual(self.client.namespace, self.client.wait(made, "created")["namespace"])
        # But not what lives there: lists and lookups are exact.
        self.friend.refused(404, "GET", f"/instances/{made}")
        self.friend.refused(404, "DELETE", f"/instances/{made}")
        self.assertEqual([], self.friend.call("GET", "/instances"))
        body = {"name": "x", "netblock": "10.0.0.0/24", "namespace": self.client.namespace}
        self.friend.refused(401, "POST", "/networks", body)
        self.friend.refused(401, "DELETE", "/artifacts",
                            {"confirm": True, "namespace": self.client.namespace})
        # It is not given back.
        self.client.refused(404, "GET", f"/auth/namespaces/{self.friend.namespace}")

    def test_it_is_not_passed_on_nor_left_to_a_namespace_of_the_same_name(self):
        third = self.new_namespace()
        self.friend.call("POST", f"/auth/namespaces/{self.friend.namespace}/trust",
                         {"external_namespace": third.namespace})
        third.refused(404, "GET", self.path)
        self.admin.call("DELETE", f"/auth/namespaces/{self.friend.namespace}")
        self.assertEqual({"full": ["system"]}, self.client.call("GET", self.path)["trust"])
        self.admin.call("POST", "/auth/namespaces", {
            "namespace": self.friend.namespace, "key_name": "k", "key": "secret"})
        self.node.client(self.friend.namespace, "secret").refused(404, "GET", self.path)


if __name__ == "__main__":
    unittest.main()
