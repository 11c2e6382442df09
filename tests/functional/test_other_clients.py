# SPDX-License-Identifier: Apache-2.0
"""What clients other than sf-client need: that in Go, version 0.4.19, and the Terraform provider that is
made of it; and a plain HTTP library."""

import unittest

import disk_images
from case import NodeTest
from cluster import wait_for

# Go decodes into these types and refuses others; null becomes their zero.
INT, TEXT, FLAG = int, str, bool
INSTANCE = {
    "uuid": TEXT, "name": TEXT, "cpus": INT, "memory": INT, "disk_spec": list, "ssh_key": TEXT,
    "node": TEXT, "console_port": INT, "vdi_port": INT, "user_data": TEXT, "state": TEXT,
    "power_state": TEXT, "video": dict
}
DISK = {"base": TEXT, "size": INT, "bus": TEXT, "type": TEXT}
VIDEO = {"model": TEXT, "memory": INT}
NETWORK = {
    "uuid": TEXT, "name": TEXT, "netblock": TEXT, "provide_dhcp": FLAG, "provide_nat": FLAG,
    "namespace": TEXT, "state": TEXT
}
INTERFACE = {
    "uuid": TEXT, "network_uuid": TEXT, "instance_uuid": TEXT, "macaddr": TEXT, "ipv4": TEXT,
    "order": INT, "floating": TEXT, "state": TEXT, "model": TEXT
}


class GoClient(NodeTest):
    """No Accept header, Content-Type JSON whether or not there is a body."""

    def ask(self, method, path, body=None):
        self.client.log_in()
        return self.client.bare(method, path, body, {
            "Content-Type": "application/json", "Authorization": f"Bearer {self.client.token}"})

    def call(self, method, path, body=None):
        answer = self.ask(method, path, body)
        self.assertEqual(200, answer.status, answer)
        return answer.json

    def decode(self, types, view):
        for key, kind in types.items():
            self.assertIsInstance(view.get(key, kind()), (kind, type(None)), key)
            self.assertFalse(kind is int and isinstance(view.get(key), bool), key)
        return view

    def decode_instance(self, view):
        self.decode(VIDEO, self.decode(INSTANCE, view)["video"])
        for disk in view["disk_spec"]:
            self.decode(DISK, disk)
        return view

    def decode_metadata(self, path):
        found = self.call("GET", f"{path}/metadata")
        for key, value in found.items():
            self.assertIsInstance(value, str, key)
        return found

    def wait(self, path, state):
        return wait_for(lambda: (view := self.call("GET", path))["state"] == state and view, 60,
                        f"{path} is {state}", self.node.tail)

    def test_a_plan_is_applied_and_destroyed(self):
        net = self.decode(NETWORK, self.call("POST", "/networks", {
            "name": "planned", "netblock": "10.0.0.0/24", "provide_dhcp": True,
            "provide_nat": True}))["uuid"]
        self.wait(f"/networks/{net}", "created")
        # Nothing is said by empty strings, and an address of "" is any.
        made = self.decode_instance(self.call("POST", "/instances", {
            "name": "planned", "cpus": 1, "memory": 128, "ssh_key": "", "user_data": "",
            "network": [{"network_uuid": net, "address": "", "macaddress": "", "model": ""}],
            "disk": [{"size": 1, "base": self.empty, "bus": "", "type": ""}],
            "video": {"model": "cirrus", "memory": 16384}}))
        path = f"/instances/{made['uuid']}"
        view = self.decode_instance(self.wait(path, "created"))
        self.assertEqual("vda", view["disks"][0]["device"])
        self.assertGreater(view["console_port"], 0)
        nics = [self.decode(INTERFACE, one) for one in self.call("GET", f"{path}/interfaces")]
        self.assertEqual("10.0.0.2", nics[0]["ipv4"])

        self.call("POST", f"{path}/metadata", {"key": "plan", "value": "a"})
        self.assertEqual({"plan": "a"}, self.decode_metadata(path))
        nic = f"/interfaces/{nics[0]['uuid']}"
        self.assertIsNone(self.call("POST", f"{nic}/float"))
        self.assertTrue(self.decode(INTERFACE, self.call("GET", nic))["floating"])

        self.assertEqual(made["uuid"], self.call("DELETE", path)["uuid"])
        self.wait(path, "deleted")
        self.call("DELETE", f"/networks/{net}")
        self.wait(f"/networks/{net}", "deleted")

    def test_network_and_disk_may_be_null_where_a_list_may_be_empty(self):
        made = self.call("POST", "/instances", {
            "name": "bare", "cpus": 1, "memory": 64, "network": None, "ssh_key": "",
            "disk": [{"size": 1, "base": "", "bus": "", "type": ""}], "user_data": "",
            "video": {"model": "cirrus", "memory": 16384, "vdi": ""}})
        self.assertEqual([], made["interfaces"])
        self.assertEqual("spice", made["video"]["vdi"])
        answer = self.ask("POST", "/instances", {"name": "bare", "cpus": 1, "memory": 64,
                                                 "disk": None})
        self.assertEqual(400, answer.status)

    def test_gone_is_known_by_two_words(self):
        for path in ("/instances/no-such", "/networks/no-such", "/artifacts/no-such",
                     "/auth/namespaces/no-such", "/interfaces/8c1f2c3e-0000-4000-8000-000000000000"):
            answer = self.ask("GET", path)
            self.assertEqual(404, answer.status)
            self.assertIn("not found", answer.error)

    def test_keys_are_put_by_name(self):
        path = f"/auth/namespaces/{self.client.namespace}/keys"
        self.call("POST", path, {"key_name": "go", "key": "first"})
        self.assertEqual("go", self.call("PUT", f"{path}/go", {"key": "second"}))
        self.node.client(self.client.namespace, "second").log_in()
        self.assertEqual(404, self.ask("PUT", f"{path}/none", {"key": "x"}).status)
        self.call("DELETE", f"{path}/go")

    def test_an_image_that_cannot_be_had_ends_the_wait(self):
        made = self.call("POST", "/instances", {
            "name": "lost", "cpus": 1, "memory": 64, "network": None,
            "disk": [{"size": 1, "base": self.offer("bad", disk_images.qcow2()[:100])}]})
        self.wait(f"/instances/{made['uuid']}", "error")


if __name__ == "__main__":
    unittest.main()
