# SPDX-License-Identifier: Apache-2.0
"""What the firmware of UEFI guests remembers: copied by snapshots, and where new guests begin."""

import pathlib

from cluster import wait_for
from three_nodes import ThreeNodes

BLOCK = 4096
# As the firmware of this host has them, so that it also starts from them.
VARIABLES = pathlib.Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
MARK = b"where the firmware does not write"


class Nvram(ThreeNodes):
    """Instances are on the first node, what is made from them on the second."""

    prefix, port = "nvram", 14900
    hosts = ("h1", "h2")
    options = {"BLOB_COPIES": "1"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_team()
        cls("setUp").wait_well()

    @classmethod
    def tearDownClass(cls):
        cls.admin.call("DELETE", "/instances", {"confirm": True, "namespace": "team"})
        wait_for(lambda: not any(node.leftovers() for node in cls.nodes), 60, "all are gone")
        super().tearDownClass()

    def create(self, name, node, **fields):
        return self.here.create(name, placed_on=node.name, memory=128, uefi=True, **fields)["uuid"]

    def nvram(self, node, uuid):
        return (node.folder(uuid) / "nvram.fd").read_bytes()

    def upload(self, data, name):
        upload = self.here.call("POST", "/upload")["uuid"]
        self.here.request("POST", f"/upload/{upload}", data,
                          {"Content-Type": "application/octet-stream"})
        return self.here.call("POST", f"/artifacts/upload/{name}",
                              {"upload_uuid": upload, "artifact_type": "other"})["blob_uuid"]

    def test_a_snapshot_of_all_has_the_nvram_and_another_instance_begins_with_it(self):
        marked = bytearray(VARIABLES.read_bytes())
        marked[-len(MARK):] = MARK
        blob = self.upload(bytes(marked), "variables")
        self.here.call("POST", "/label/variables", {"blob_uuid": blob})
        first, second = self.nodes
        uuid = self.create("first", second, nvram_template="label:variables")
        self.assertEqual("label:variables", self.here.show(uuid)["nvram_template"])
        self.here.wait(uuid, "created")
        self.assertEqual(MARK, self.nvram(second, uuid)[-len(MARK):])

        for power in ("on", "off"):
            with self.subTest(power):
                if power == "off":
                    self.here.call("POST", f"/instances/{uuid}/poweroff")
                taken = self.here.call("POST", f"/instances/{uuid}/snapshot", {"all": True})
                self.assertEqual(["nvram", "vda"], sorted(taken))
                self.assertEqual(f"sf://instance/{uuid}/nvram", taken["nvram"]["source_url"])
                copy = taken["nvram"]["blob_uuid"]
                wait_for(lambda: [one for one in self.here.call("GET", f"/instances/{uuid}/snapshot")
                                  if one["blob_uuid"] == copy and one["state"] == "created"], 60,
                         "it is taken", second.tail)
                data = self.here.request("GET", f"/blobs/{copy}/data").data
                self.assertEqual(MARK, data[:len(data) // BLOCK * BLOCK][-len(MARK):])
                if power == "off":
                    self.assertEqual(self.nvram(second, uuid), data[:len(data) // BLOCK * BLOCK])
                again = self.create(f"again-{power}", first, nvram_template=f"sf://blob/{copy}")
                self.here.wait(again, "created")
                self.assertEqual(MARK, self.nvram(first, again)[-len(MARK):])
                self.assertEqual(len(marked), len(self.nvram(first, again)))

    def test_only_it_when_it_is_asked_for_and_none_of_a_guest_without_uefi(self):
        uuid = self.create("only", self.nodes[0])
        self.here.wait(uuid, "created")
        taken = self.here.call("POST", f"/instances/{uuid}/snapshot", {"device": "nvram"})
        self.assertEqual(["nvram"], list(taken))
        self.assertEqual(["vda"], list(self.here.call("POST", f"/instances/{self.plain()}/snapshot",
                                                      {"all": True})))

    def plain(self):
        uuid = self.here.create("plain", placed_on=self.nodes[0].name)["uuid"]
        self.here.wait(uuid, "created")
        return uuid

    def test_what_is_none_is_refused(self):
        def refused(status, template, client=self.here, **fields):
            return client.refused(status, "POST", "/instances", {
                "name": "none", "cpus": 1, "memory": 64, "disk": [{"size": 1}], "uefi": True,
                "nvram_template": template, **fields})

        blob = self.upload(b"short", "short")
        refused(400, f"sf://blob/{blob}", uefi=False)
        refused(400, "http://example.com/nvram")
        refused(404, "label:none")
        refused(404, "sf://blob/00000000-0000-4000-8000-000000000000")
        refused(404, f"sf://blob/{blob}", self.nodes[1].client("strangers", "secret"))
        large = self.upload(bytes((8 << 20) + 1), "large")
        for name, one, why in (("short", blob, "shorter than a block"), ("large", large, "bytes")):
            uuid = self.create(name, self.nodes[0], nvram_template=f"sf://blob/{one}")
            self.assertIn(why, self.here.wait(uuid, "error")["error_message"])
