# SPDX-License-Identifier: Apache-2.0
"""Uploads, labels, and instances on what was given to the cloud: every byte as it was."""

import hashlib
import random
import socket

import disk_images
from case import guest
from three_nodes import ThreeNodes

PIECE = 1 << 20
BOOT = 150  # seconds that a tiny guest may take on a busy machine
LIMIT = 20 << 20


class Uploads(ThreeNodes):
    """The first node has the uploads; the others take the bytes and are asked for them."""

    prefix, port = "uploads", 14400
    options = {"UPLOAD_MAX_SIZE": str(LIMIT >> 20)}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_team()
        cls.stranger = cls.nodes[1].client("strangers", "secret")
        cls("setUp").wait_well()

    def begin(self, client=None):
        return (client or self.here).call("POST", "/upload")["uuid"]

    def add(self, client, upload, data, query=""):
        """What POST /upload/{uuid} answers, as sf-client sends it."""
        return client.request("POST", f"/upload/{upload}{query}", data,
                              {"Content-Type": "application/octet-stream"})

    def upload(self, data, name, client=None, **fields):
        """The artifact of these bytes, given piece by piece to `client` as to sf-client's server."""
        client = client or self.here
        upload, sent = self.begin(), 0
        while sent < len(data):
            piece = data[sent:sent + PIECE]
            sent += len(piece)
            self.assertEqual(str(sent), self.add(client, upload, piece).text)
        return client.call("POST", f"/artifacts/upload/{name}", {
            "upload_uuid": upload, "blob_uuid": None, "source_url": None, "shared": False,
            "namespace": None, **fields})

    def blob_of(self, client, artifact):
        return client.call("GET", f"/blobs/{artifact['blob_uuid']}")

    def bytes_of(self, client, blob, query=""):
        answer = client.request("GET", f"/blobs/{blob}/data{query}")
        self.assertEqual(200, answer.status, answer)
        return answer.data

    def files(self, node=None):
        """Names in the folder of stored blobs; uploads under way are in one of its own."""
        return {path.name for path in ((node or self.nodes[0]).storage / "blobs").iterdir()}

    def test_bytes_come_back_as_they_were_from_every_node(self):
        data = random.Random(3).randbytes((3 << 20) + 17)
        artifact = self.upload(data, "bytes", self.others[0])
        self.assertEqual(("image", "created", "sf://upload/team/bytes", 1, False),
                         tuple(artifact[key] for key in
                               ("artifact_type", "state", "source_url", "index", "shared")))
        blob = self.blob_of(self.others[1], artifact)
        self.assertEqual((len(data), [self.nodes[0].name], None), (
            blob["size"], blob["locations"][:1], blob["file format"]))
        digest = hashlib.sha512(data).hexdigest()
        self.assertEqual(digest, blob["sha512"])
        for client in (self.here, *self.others):
            self.assertEqual(data, self.bytes_of(client, blob["uuid"]))
        self.assertEqual(data[9:16], self.bytes_of(self.others[0], blob["uuid"], "?offset=9&limit=7"))
        found = self.others[1].call("GET", f"/blob_checksums/sha512/{digest}")
        self.assertEqual(blob["uuid"], found["uuid"])

        # Who finds them by their digest need not send them again.
        again = self.others[0].call("POST", "/artifacts/upload/again", {"blob_uuid": found["uuid"]})
        self.assertEqual(blob["uuid"], again["blob_uuid"])
        # And who does, does not make them another blob.
        self.assertEqual(blob["uuid"], self.upload(data, "third")["blob_uuid"])
        self.assertIn(hashlib.sha256(data).hexdigest(), self.files())

    def test_a_piece_of_any_size_goes_through_another_node(self):
        data = random.Random(4).randbytes((2 << 20) + 5)
        upload = self.begin()
        for piece in (data[:1], data[1:4097], data[4097:], b""):
            answer = self.add(self.others[1], upload, piece)
            self.assertEqual(200, answer.status, answer)
        self.assertEqual(len(data), answer.json)
        other = self.others[0].call("POST", "/artifacts/upload/other", {
            "upload_uuid": upload, "artifact_type": "other", "source_url": "http://here/it"})
        self.assertEqual(("other", "http://here/it"),
                         (other["artifact_type"], other["source_url"]))
        self.assertEqual(data, self.bytes_of(self.here, other["blob_uuid"]))
        # It has become an artifact, and is no upload any more.
        self.here.refused(404, "POST", "/artifacts/upload/twice", {"upload_uuid": upload})

    def test_what_went_wrong_is_cut_back_and_sent_again(self):
        data = random.Random(5).randbytes(3 * PIECE)
        upload = self.begin()
        self.add(self.here, upload, data[:PIECE])
        self.add(self.others[0], upload, data[:PIECE])
        for client in (self.here, self.others[0]):
            self.assertIsNone(client.call("POST", f"/upload/{upload}/truncate/{PIECE}"))
            client.refused(400, "POST", f"/upload/{upload}/truncate/{9 * PIECE}")
            client.refused(400, "POST", f"/upload/{upload}/truncate/x")
            # Who says where a piece belongs is not believed it belongs elsewhere.
            self.assertEqual(409, self.add(client, upload, b"late", "?offset=7").status)
            self.assertEqual(400, self.add(client, upload, b"late", "?offset=x").status)
        for at in (PIECE, 2 * PIECE):
            piece = data[at:at + PIECE]
            self.assertEqual(at + PIECE, self.add(self.others[1], upload, piece, f"?offset={at}").json)
        made = self.here.call("POST", "/artifacts/upload/mended", {"upload_uuid": upload})
        self.assertEqual(hashlib.sha512(data).hexdigest(), self.blob_of(self.here, made)["sha512"])

    def test_limits(self):
        upload = self.begin()
        for client in (self.here, self.others[0]):
            answer = self.add(client, upload, bytes(LIMIT + 1))
            self.assertEqual(413, answer.status, answer)
            self.here.call("POST", f"/upload/{upload}/truncate/0")
        full = [self.stranger.call("POST", "/upload")["uuid"] for _ in range(16)]
        self.assertIn("16 uploads", self.stranger.refused(507, "POST", "/upload"))
        self.stranger.call("POST", "/artifacts/upload/one", {"upload_uuid": full[0]})
        self.stranger.call("POST", "/upload")
        # On a node whose disk is in reserve.
        node = self.nodes[2]
        node.stop()
        node.start(options={"DISK_RESERVE": str(1 << 20)})
        try:
            self.others[1].refused(507, "POST", "/upload")
            held = self.bed.sql(self.database, f"SELECT COUNT(*) FROM uploads WHERE node='{node.name}'")
            self.assertEqual([["0"]], held)
        finally:
            node.stop()
            node.start()
            self.wait_well()

    def test_what_is_asked_for_wrongly_is_refused(self):
        upload = self.begin()
        path = "/artifacts/upload/name"
        blob = self.upload(b"something", "something")["blob_uuid"]
        self.here.refused(400, "POST", path, {"upload_uuid": upload, "blob_uuid": blob})
        self.here.refused(400, "POST", path, {})
        self.here.refused(400, "POST", "/artifacts/upload/a%20b", {"upload_uuid": upload})
        self.here.refused(400, "POST", path, {"upload_uuid": upload, "artifact_type": "snapshot"})
        self.here.refused(400, "POST", path, {"upload_uuid": upload, "source_url": "nowhere"})
        self.here.refused(403, "POST", path, {"upload_uuid": upload, "shared": True})
        self.here.refused(404, "POST", path, {"upload_uuid": self.no_uuid()})
        self.here.refused(404, "POST", path, {"blob_uuid": self.no_uuid()})
        self.here.refused(404, "POST", path, {"blob_uuid": "no-uuid"})
        self.here.refused(404, "POST", path, {"upload_uuid": upload, "namespace": "strangers"})
        self.here.refused(404, "POST", f"/upload/{self.no_uuid()}/truncate/0")
        shared = self.admin.call("POST", path, {"blob_uuid": blob, "shared": True})
        self.assertTrue(shared["shared"])
        self.assertEqual(b"something", self.bytes_of(self.stranger, blob))
        self.admin.call("DELETE", f"/artifacts/{shared['uuid']}")
        self.stranger.refused(404, "GET", f"/blobs/{blob}")

    def no_uuid(self):
        return "00000000-0000-4000-8000-000000000000"

    def test_strangers_see_none_of_it(self):
        upload = self.begin()
        self.add(self.here, upload, b"secret")
        self.assertEqual(404, self.add(self.stranger, upload, b"mine").status)
        self.stranger.refused(404, "POST", f"/upload/{upload}/truncate/0")
        self.stranger.refused(404, "POST", "/artifacts/upload/mine", {"upload_uuid": upload})
        made = self.here.call("POST", "/artifacts/upload/secret", {"upload_uuid": upload})
        self.stranger.refused(404, "POST", "/artifacts/upload/mine", {"blob_uuid": made["blob_uuid"]})
        self.stranger.refused(404, "POST", "/label/mine", {"blob_uuid": made["blob_uuid"]})
        self.here.call("POST", "/label/secret", {"blob_uuid": made["blob_uuid"]})
        self.stranger.refused(404, "GET", "/label/team/secret")
        self.stranger.refused(404, "DELETE", "/label/team/secret")
        self.stranger.refused(404, "POST", "/label/team/secret", {"blob_uuid": made["blob_uuid"]})
        for base in ("sf://upload/team/secret", f"sf://blob/{made['blob_uuid']}", "label:secret",
                     "sf://label/team/secret", f"sf://snapshot/{made['uuid']}"):
            with self.subTest(base):
                self.assertIn("not found", self.stranger.refused(404, "POST", "/instances", {
                    "name": "thief", "cpus": 1, "memory": 64, "disk": [{"base": base}]}))

    def test_labels_have_versions(self):
        first, second = (self.upload(disk_images.raw(mark), mark.decode())["blob_uuid"]
                         for mark in (b"one", b"two"))
        made = self.others[0].call("POST", "/label/team/gold", {"blob_uuid": first})
        self.assertEqual(("label", "sf://label/team/gold", first, 1), tuple(
            made[key] for key in ("artifact_type", "source_url", "blob_uuid", "index")))
        made = self.here.call("POST", "/label/gold", {"blob_uuid": second})
        self.assertEqual((second, 2), (made["blob_uuid"], made["index"]))
        for path in ("/label/gold", "/label/team/gold", "/label/team%2Fgold"):
            self.assertEqual(made["uuid"], self.others[1].call("GET", path)["uuid"])
        for path in ("/label/a%20b", "/label/team%2Fa%2Fb"):
            self.here.refused(400, "POST", path, {"blob_uuid": first})
        self.here.refused(400, "POST", "/label/none", {})
        self.here.refused(404, "GET", "/label/none")
        self.assertEqual("deleted", self.here.call("DELETE", "/label/gold")["state"])
        self.here.refused(404, "GET", "/label/gold")

    def test_instances_lie_on_what_was_given(self):
        tiny = guest("tiny")
        artifact = self.upload(tiny, "tiny", self.others[0])
        blob = artifact["blob_uuid"]
        self.assertEqual("qcow2", self.blob_of(self.here, artifact)["file format"])
        self.here.call("POST", "/label/boots", {"blob_uuid": blob})
        bases = ("label:boots", "sf://label/team/boots", "sf://upload/team/tiny", f"sf://blob/{blob}")
        made = []
        for i, base in enumerate(bases):
            made.append(self.others[1].create(f"on-{i}", base, placed_on=self.nodes[0].name,
                                              memory=128))
            self.assertEqual({"base": base, "size": None, "bus": None, "type": "disk"},
                             made[-1]["disk_spec"][0])
        for i, instance in enumerate(made):
            view = self.here.wait(instance["uuid"], "created")
            self.assertEqual(blob, view["disks"][0]["blob_uuid"])
            if i > 0:
                self.here.delete(instance["uuid"])
        self.here.wait_console(made[0]["uuid"], "TINY BOOTED", BOOT)
        # What an instance lies on stays, though nothing else has it any more.
        self.assertIn(made[0]["uuid"], self.blob_of(self.admin, artifact)["instances"])
        for url in ("sf://upload/team/tiny", "sf://label/team/boots"):
            for found in self.here.call("GET", "/artifacts"):
                if found["source_url"] == url:
                    self.here.call("DELETE", f"/artifacts/{found['uuid']}")
        uuid = made[0]["uuid"]
        self.here.call("POST", f"/instances/{uuid}/poweroff")
        self.here.call("POST", f"/instances/{uuid}/poweron")
        self.here.delete(uuid)
        self.here.refused(404, "POST", "/instances", {
            "name": "late", "cpus": 1, "memory": 64, "disk": [{"base": bases[2]}]})

    def test_what_is_no_disk_or_refers_to_others_makes_no_instance(self):
        hostile = {
            "backing": (disk_images.backing_file("/etc/passwd"), "backing file"),
            "external": (disk_images.external_data_file(), "external data file"),
            "text": (b"no disk at all" * 1000, "not a disk image"),
            "packed": (disk_images.compressed(disk_images.raw(b"packed"))["gz"], None)}
        for name, (data, why) in hostile.items():
            with self.subTest(name):
                self.upload(data, name)
                uuid = self.here.create(name, f"sf://upload/team/{name}",
                                        placed_on=self.nodes[0].name)["uuid"]
                view = self.here.wait(uuid, "error" if why else "created")
                if why:
                    self.assertIn(why, view["error_message"])
                    self.assertNotIn("root:", view["error_message"])
                self.here.delete(uuid)

    def test_a_crash_leaves_no_half_blob_and_an_upload_that_goes_on(self):
        data = random.Random(6).randbytes(2 * PIECE)
        node, before = self.nodes[0], self.files()
        upload = self.begin()
        self.add(self.here, upload, data[:PIECE])
        with socket.create_connection((self.here.url.hostname, self.here.url.port)) as connection:
            connection.sendall(f"POST /upload/{upload} HTTP/1.1\r\nAuthorization: Bearer "
                               f"{self.here.token}\r\nContent-Length: {PIECE}\r\n\r\n".encode()
                               + data[PIECE:PIECE + 600_000])
            node.kill()
        node.start()
        self.wait_well()
        self.assertEqual(before, self.files())
        self.assertIsNone(self.others[0].call("POST", f"/upload/{upload}/truncate/{PIECE}"))
        self.assertEqual(len(data), self.add(self.others[0], upload, data[PIECE:]).json)
        made = self.here.call("POST", "/artifacts/upload/crashed", {"upload_uuid": upload})
        self.assertEqual(data, self.bytes_of(self.others[1], made["blob_uuid"]))
        # What was to become of it is done once: the name appears with all of its bytes.
        node.stop()
        (node.storage / "blobs/incoming/1").write_bytes(b"half")
        node.start()
        self.wait_well()
        self.assertEqual([], list((node.storage / "blobs/incoming").iterdir()))
        self.assertEqual(data, self.bytes_of(self.others[1], made["blob_uuid"]))
