# SPDX-License-Identifier: Apache-2.0
"""The commands of sf-client 0.7.5 for artifacts and blobs; the others: test_commands.py."""

import hashlib
import unittest

import disk_images
from sf_client_lines import (print_artifact, print_artifact_row, print_blob)
from shapes import check_artifact
from test_commands import CommandTest


class Artifacts(CommandTest):
    def test_cache_list_show_versions_delete(self):
        url = self.offer("contract", disk_images.raw(b"contract"))
        cached = self.command()("POST", "/artifacts",
                                {"url": url, "shared": False, "namespace": None})
        self.assertEqual((0, {}, None), (cached["index"], cached["blobs"], cached["blob_uuid"]))
        uuid = cached["uuid"]
        self.client.wait(uuid, "created", kind="artifacts")
        for view in self.command()("GET", "/artifacts", {"node": None}):
            print_artifact_row(view)
        shown = self.command()("GET", f"/artifacts/{uuid}")
        self.assertEqual("", check_artifact(shown))
        print_artifact(shown)
        self.assertEqual([1], [one["index"] for one in
                               self.command()("GET", f"/artifacts/{uuid}/versions")])
        self.assertIsNone(self.command()("POST", f"/artifacts/{uuid}/versions",
                                         {"max_versions": 2}))
        here, nowhere = (self.command()("GET", "/artifacts", {"node": name})
                         for name in (self.node.name, "nobody"))
        self.assertIn(uuid, [view["uuid"] for view in here])
        self.assertEqual([], nowhere)
        for _ in range(2):
            self.assertEqual(uuid, self.command()("DELETE", f"/artifacts/{uuid}")["uuid"])

    def upload(self, data):
        """The uuid of an upload, sent in pieces that grow, with a length after each."""
        command = self.command()
        if blob := command("GET", f"/blob_checksums/sha512/{hashlib.sha512(data).hexdigest()}"):
            raise AssertionError(f"these bytes are there already: {blob}")
        upload = command("POST", "/upload")
        sent, size = 0, 4096
        while sent < len(data):
            answer = self.client.bare("POST", f"/upload/{upload['uuid']}", data[sent:sent + size], {
                **command.headers, "Content-Type": "application/octet-stream"})
            sent += len(data[sent:sent + size])
            self.assertEqual((200, sent), (answer.status, answer.json))
            size *= 16
        return upload["uuid"]

    def test_upload_download_and_upload_of_what_is_there(self):
        data = disk_images.raw(b"uploaded")
        made = self.command()("POST", "/artifacts/upload/mine", {
            "upload_uuid": self.upload(data), "source_url": None, "shared": False,
            "namespace": None})
        self.assertEqual(f"sf://upload/{self.client.namespace}/mine", made["source_url"])

        download = self.command()
        view = download("GET", f"/artifacts/{made['uuid']}")
        newest = {int(number): one for number, one in view["blobs"].items()}[view["index"]]
        got = download.bytes("GET", f"/blobs/{view['blob_uuid']}/data?offset=0")
        self.assertEqual((len(data), data), (newest["size"], got))

        command = self.command()
        found = command("GET", f"/blob_checksums/sha512/{hashlib.sha512(data).hexdigest()}")
        self.assertEqual(view["blob_uuid"], found["uuid"])
        again = command("POST", "/artifacts/upload/second", {
            "blob_uuid": found["uuid"], "source_url": None, "shared": False, "namespace": None})
        self.assertEqual(view["blob_uuid"], again["blob_uuid"])

    def test_an_upload_that_broke_is_cut_off_and_sent_again(self):
        command = self.command()
        path = f"/upload/{command('POST', '/upload')['uuid']}"
        send = {**command.headers, "Content-Type": "application/octet-stream"}
        for _ in range(2):
            answer = self.client.bare("POST", path, b"x" * 4096, send)
            self.assertEqual(4096, answer.json)
            self.assertIsNone(command("POST", f"{path}/truncate/0"))

    def test_blob_list_and_backup_create(self):
        url = self.offer("backup", disk_images.raw(b"backup"))
        self.client.wait(self.client.call("POST", "/artifacts", {"url": url})["uuid"], "created",
                         kind="artifacts")
        backup = self.command(admin=True)
        backup("GET", "/artifacts", {"node": None})
        blobs = backup("GET", "/blobs", {"node": None})
        self.assertTrue(blobs)
        for blob in blobs:
            print_blob(blob)
        here = [blob for blob in blobs if blob["locations"]]
        self.assertTrue(here)
        for blob in here[:3]:
            print_blob(backup("GET", f"/blobs/{blob['uuid']}"))
            self.assertTrue(backup.bytes("GET", f"/blobs/{blob['uuid']}/data?offset=0"))


if __name__ == "__main__":
    unittest.main()
