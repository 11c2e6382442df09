# SPDX-License-Identifier: Apache-2.0
"""Which addresses are taken in a network, and floating ones that are routed to it."""

import unittest

from test_networks import FLOATING, NetworkTest


class Addresses(NetworkTest):
    def listed(self, network, client=None):
        listed = (client or self.client).call("GET", f"/networks/{network}/addresses")
        for one in listed:
            self.assertEqual({"address", "type", "user", "comment"}, set(one))
            self.assertIsInstance(one["user"], list)
        return {(one["address"], one["type"]) for one in listed}

    def test_who_has_which_address_and_which_outside_lead_in(self):
        network = self.network("listed", provide_nat=True)
        made = self.instance("listed", {"network_uuid": "listed", "float": True},
                             {"network_uuid": "listed", "address": None})
        routed = self.client.call("POST", "/networks/listed/route")
        outside = {(network["floating_gateway"], "floating"), (routed, "routed"),
                   (made["interfaces"][0]["floating"], "floating")}
        self.assertEqual({("10.0.0.0", "network"), ("10.0.0.1", "gateway"),
                          ("10.0.0.255", "broadcast"), ("10.0.0.2", "instance")} | outside,
                         self.listed("listed"))
        self.assertLessEqual(outside | {(str(FLOATING[1]), "gateway")},
                             self.listed("floating", self.admin))
        stranger = self.new_namespace()
        for method, path in (("GET", "addresses"), ("POST", "route"), ("DELETE", f"route/{routed}")):
            stranger.refused(404, method, f"/networks/{network['uuid']}/{path}")
        self.network("other", provide_nat=True)
        self.client.refused(403, "DELETE", f"/networks/other/route/{routed}")
        self.assertIsNone(self.client.call("DELETE", f"/networks/listed/route/{routed}"))
        self.client.refused(404, "DELETE", f"/networks/listed/route/{routed}")
        self.assertNotIn((routed, "routed"), self.listed("listed"))

    def test_nothing_is_routed_to_a_network_without_nat_or_that_is_being_deleted(self):
        self.network("dead-end")
        self.assertIn("NAT", self.client.refused(400, "POST", "/networks/dead-end/route"))
        ending = self.network("ending", provide_nat=True)["uuid"]
        self.instance("ending", {"network_uuid": "ending"})
        self.client.call("DELETE", f"/networks/{ending}")
        self.client.refused(406, "POST", f"/networks/{ending}/route")


if __name__ == "__main__":
    unittest.main()
