# SPDX-License-Identifier: Apache-2.0
"""The examples of the README, each as it stands there, but for the image that it fetches. That of sf, which is
a day's: test_sf.py."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from case import NodeTest, guest
from cluster import SF, wait_for
from readme import examples

IMAGE = "http://example.com/debian.qcow2"
STAND_IN = pathlib.Path(__file__).with_name("sf_client_stand_in.py")


class Readme(NodeTest):
    def run_shell(self, script, client):
        """What a person would see, in an empty folder, with the settings of `client`."""
        url = self.images.offer(self.path("debian.qcow2"), guest("tiny"))
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "sf-client").symlink_to(STAND_IN)
            done = subprocess.run(
                ["bash", "-eo", "pipefail", "-c", script.replace(IMAGE, url)], cwd=folder,
                env={"PATH": f"{os.environ['PATH']}:{folder}:{SF.parent}",
                     "HOME": folder, "SHAKENFIST_API_URL": self.node.url,
                     "SHAKENFIST_NAMESPACE": client.namespace, "SHAKENFIST_KEY": client.key},
                stdin=subprocess.DEVNULL, text=True, capture_output=True, timeout=240)
        self.assertEqual(0, done.returncode, f"{done.stdout}{done.stderr}\n{self.node.tail()}")
        return done.stdout

    def test_a_first_instance_by_hand(self):
        settings, *script = "".join(examples("A first instance by hand")).splitlines(True)
        self.assertEqual(". build/quickstart/env\n", settings)
        shown = self.run_shell("".join(script), self.admin)
        self.assertIn('"state":"created"', shown)
        found = self.admin.call("GET", "/instances", {"all": True})
        uuid = [one["uuid"] for one in found if one["namespace"] == "system"][-1]
        self.admin.wait(uuid, "deleted", 30)

    def test_sf_client(self):
        shown = self.run_shell("".join(examples("sf-client")), self.client)
        for expected in (",web1,", "10.0.0.20", "instance created", "vda"):
            self.assertIn(expected, shown)
        self.assertEqual([], self.client.call("GET", "/instances"))

    def test_ansible(self):
        client = self.new_namespace()
        shown = self.run_shell("".join(examples("Ansible")), client)
        self.assertEqual(["true", "true", "false", "true"],
                         re.findall(r'"changed": (\w+)', shown))
        self.assertEqual([], client.call("GET", "/instances"))
        client.call("DELETE", "/networks/front")

    # ---- Terraform -------------------------------------------------------------------------------

    def resources(self):
        """Of each kind, the values and the blocks of values that its one resource has."""
        text = "".join(examples("Terraform and Go"))
        found = {}
        for kind, body in re.findall(r'(?ms)^resource "shakenfist_(\w+)" "\w+" \{\n(.*?)^\}', text):
            blocks = {}
            for name, inner in re.findall(r"(?ms)^  (\w+) (?:= )?\{\n(.*?)^  \}", body):
                blocks[name] = self.values(inner)
            plain = re.sub(r"(?ms)^  \w+ (?:= )?\{\n.*?^  \}\n", "", body)
            found[kind] = (self.values(plain), blocks)
        return found

    @staticmethod
    def values(text):
        values = dict(re.findall(r"(?m)^ *(\w+) += (.*)$", text))
        return {key: int(value) if value.isdigit() else value == "true" if value in (
            "true", "false") else value.strip('"') for key, value in values.items()}

    def test_terraform(self):
        """As the provider applies it, and then destroys it."""
        kinds = self.resources()
        self.assertEqual({"network", "instance", "float"}, set(kinds))
        client = self.new_namespace()
        net = client.call("POST", "/networks", kinds["network"][0])["uuid"]
        client.wait(net, "created", kind="networks")
        values, blocks = kinds["instance"]
        self.assertEqual({"network_uuid": "shakenfist_network.front.id"}, blocks["network"])
        url = self.images.offer(self.path("debian.qcow2"), guest("tiny"))
        self.assertEqual(IMAGE, blocks["disk"]["base"])
        made = client.call("POST", "/instances", {
            **values, "ssh_key": "", "user_data": "", "video": blocks["video"],
            "disk": [{**blocks["disk"], "base": url}],
            "network": [{"network_uuid": net, "address": "", "macaddress": "", "model": ""}]})
        for key, value in blocks["metadata"].items():
            client.call("POST", f"/instances/{made['uuid']}/metadata", {"key": key, "value": value})
        view = client.wait(made["uuid"], "created", 60)
        self.assertEqual(blocks["metadata"], view["metadata"])
        nic = view["interfaces"][0]["uuid"]
        self.assertEqual({"interface": "shakenfist_instance.web1.network[0].interface_uuid"},
                         kinds["float"][0])
        client.call("POST", f"/interfaces/{nic}/float")
        self.assertTrue(client.call("GET", f"/interfaces/{nic}")["floating"])
        client.delete(made["uuid"])
        client.call("DELETE", f"/networks/{net}")
        wait_for(lambda: client.call("GET", f"/networks/{net}")["state"] == "deleted", 10,
                 "the network is deleted")


if __name__ == "__main__":
    unittest.main()
