# SPDX-License-Identifier: Apache-2.0
"""The contract with sf-client 0.7.5, row by row (contract_rows.py): asked at the node that hosts the
instance, and at one that does not. What commands make of it: test_commands.py."""

import json
import unittest
import urllib.parse

import contract_rows
import disk_images
from cluster import cluster, wait_for
from image_server import Stall
from openapi import Description
from shapes import ERROR, wrong
from three_nodes import ThreeNodes

# Promised elsewhere, or not by the contract.
OTHERS = ("/ui", "/openapi.json", "/metrics", "/members", "/agentoperations", "/admin/cacert")


class Contract(ThreeNodes):
    prefix, port = "contract", 15200
    options = {"IMAGE_STALL_TIMEOUT": "600", "FLOATING_NETWORK": "192.168.77.0/28"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = cls.nodes[0].client()
        cls.image = cluster().images.offer("/contract/image", disk_images.qcow2())
        cls.never = cluster().images.offer("/contract/never", Stall(b"never"))
        cls.systems = cls.admin.call("POST", "/artifacts", {"url": cls.image})["uuid"]

    def test_at_the_node_that_hosts(self):
        self.ask_all(self.nodes[0], "here")

    def test_at_a_node_that_does_not_host(self):
        self.ask_all(self.nodes[1], "there")

    def test_no_route_is_forgotten(self):
        for route in Description(self.admin.call("GET", "/openapi.json")).routes:
            if route.path.startswith(OTHERS) or "/agent" in route.path:
                continue
            if route[:2] == ("DELETE", "/nodes/{name}"):
                continue  # test_node_lost.py
            with self.subTest(f"{route.method} {route.path}"):
                self.assertTrue(contract_rows.is_asked_for(route.method, route.path))

    # ---- rows ------------------------------------------------------------------------------------

    def ask_all(self, node, team):
        self.admin.call("POST", "/auth/namespaces",
                        {"namespace": team, "key_name": "k", "key": "secret"})
        clients = {"team": node.client(team, "secret"), "admin": node.client(),
                   "nobody": node.client()}
        known = self.make_objects(clients["team"], team)
        for chapter, rows in contract_rows.ALL.items():
            if rows is contract_rows.EMPTY_POOL:
                self.empty_pool(clients["team"])
            for row in rows:
                with self.subTest(f"{chapter}: {row.who} {row.method} {row.path} {row.body!r}"):
                    known |= self.ask(clients[row.who], row._replace(
                        path=filled(row.path, known), body=filled(row.body, known)))

    def ask(self, client, row):
        """What the row wants to be kept of the answer, if that is as it should be."""
        send = client.bare if row.who == "nobody" else client.request
        answer = send(row.method, row.path, row.body)
        self.assertEqual(row.status, answer.status, answer)
        if row.shape is bytes:
            return {}
        if row.status != 200:
            self.assertEqual("", wrong({**ERROR, "error": (str, dict)}, answer.json))
            # A client of the Go family knows by these words that it is gone.
            if row.status == 404:
                self.assertIn("not found", answer.error)
            return {}
        self.assertEqual("", wrong(row.shape, answer.json), answer)
        return {name: answer.json[key] if key else answer.json for name, key in row.keep.items()}

    # ---- what rows speak of ----------------------------------------------------------------------

    def make_objects(self, client, team):
        for name, netblock, nat in (("front", "10.0.0.0/24", True), ("leaving", "10.0.1.0/24", True),
                                    ("full", "10.0.2.0/29", False), ("greedy", "10.0.3.0/24", True),
                                    ("twins", "10.0.4.0/24", False), ("twins", "10.0.4.0/24", False)):
            client.call("POST", "/networks", {"name": name, "netblock": netblock,
                                              "provide_dhcp": False, "provide_nat": nat})
        home = self.nodes[0].name
        web = client.create("web", self.image, placed_on=home, network=[
            {"network_uuid": "front", "address": "10.0.0.20"}])
        # It is in `leaving`, and has all the five addresses of `full`.
        client.create("waiting", self.never, placed_on=home, network=[
            {"network_uuid": "leaving"}, *({"network_uuid": "full"} for _ in range(5))])
        artifact = client.call("POST", "/artifacts", {"url": self.image})["uuid"]
        blob = client.wait(artifact, "created", kind="artifacts")["blob_uuid"]
        client.wait(web["uuid"], "created")
        return {
            "team": team, "node": home, "image": self.image, "never": self.never,
            "image_in_path": urllib.parse.quote(self.image, safe=""), "systems": self.systems,
            "front": web["interfaces"][0]["network_uuid"], "artifact": artifact, "blob": blob,
            "interface": web["interfaces"][0]["uuid"]
        }

    def empty_pool(self, client):
        """Until no floating address is left; they are given back with the network."""
        wait_for(lambda: client.request("POST", "/networks/greedy/route").status == 507, 10,
                 "the pool is empty")


def filled(value, known):
    """With each {name} replaced, in all texts of a body as well."""
    if isinstance(value, str):
        return value.format_map(known)
    if isinstance(value, dict):
        return {key: filled(one, known) for key, one in value.items()}
    if isinstance(value, list):
        return [filled(one, known) for one in value]
    return value


if __name__ == "__main__":
    unittest.main()
