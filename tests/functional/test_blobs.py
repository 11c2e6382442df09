# SPDX-License-Identifier: Apache-2.0
"""Blobs: the files of images, read from any node, by those who may."""

import hashlib
import random

import disk_images
from case import NodeTest
from cluster import cluster, wait_for
from three_nodes import ThreeNodes


class Blobs(ThreeNodes):
    """The first node has fetched the image of namespace team; the others are asked."""

    prefix, port = "blobs", 14300

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_team()
        # Longer than what any part of the daemon holds at once.
        cls.bytes = disk_images.raw(random.Random(1).randbytes(3 << 20), 4 << 20)
        cls.url = cluster().images.offer("/blobs/image", cls.bytes)
        artifact = cls.here.call("POST", "/artifacts", {"url": cls.url})
        cls.uuid = cls.here.wait(artifact["uuid"], "created", kind="artifacts")["blob_uuid"]

    def data(self, client, query="", expect=200):
        answer = client.request("GET", f"/blobs/{self.uuid}/data{query}")
        self.assertEqual(expect, answer.status, answer)
        return answer.data

    def test_a_blob_says_what_it_is_and_where(self):
        blob = self.others[0].call("GET", f"/blobs/{self.uuid}")
        self.assertEqual([self.nodes[0].name], blob["locations"])
        self.assertEqual(1, blob["reference_count"])
        self.assertEqual([], blob["instances"])
        self.assertEqual(hashlib.sha512(self.bytes).hexdigest(), blob["sha512"])
        for key in ("size", "fetched_at", "last_used", "transcodes", "virtual size"):
            self.assertIn(key, blob)

    def test_every_node_gives_the_bytes(self):
        whole = self.data(self.here)
        self.assertEqual(self.here.call("GET", f"/blobs/{self.uuid}")["size"], len(whole))
        self.assertEqual(b"QFI\xfb", whole[:4])
        for client in (self.here, *self.others):
            self.assertEqual(whole, self.data(client, "?offset=0"))
            self.assertEqual(whole[1000:], self.data(client, "?offset=1000"))
            self.assertEqual(whole[5:12], self.data(client, "?offset=5&limit=7"))
            self.assertEqual(b"", self.data(client, f"?offset={len(whole)}"))
            for query in (f"?offset={len(whole) + 1}", "?offset=-1", "?offset=x", "?limit="):
                self.data(client, query, expect=400)

    def test_a_checksum_finds_it(self):
        digest = hashlib.sha512(self.bytes).hexdigest()
        found = self.others[1].call("GET", f"/blob_checksums/sha512/{digest}")
        self.assertEqual(self.uuid, found["uuid"])
        self.assertIsNone(self.here.call("GET", f"/blob_checksums/sha512/{'0' * 128}"))
        self.here.refused(400, "GET", "/blob_checksums/sha512/12")

    def test_strangers_do_not_see_it(self):
        stranger = self.nodes[1].client("strangers", "secret")
        for path in ("", "/data", "/metadata"):
            stranger.refused(404, "GET", f"/blobs/{self.uuid}{path}")
        stranger.refused(404, "PUT", f"/blobs/{self.uuid}/metadata/a", {"value": "b"})
        digest = hashlib.sha512(self.bytes).hexdigest()
        self.assertIsNone(stranger.call("GET", f"/blob_checksums/sha512/{digest}"))
        stranger.refused(401, "GET", "/blobs")

    def test_an_administrator_lists_those_of_a_node(self):
        def listed(body):
            return [blob["uuid"] for blob in self.admin.call("GET", "/blobs", body)]
        self.assertIn(self.uuid, listed(None))
        self.assertIn(self.uuid, listed({"node": self.nodes[0].name}))
        self.assertNotIn(self.uuid, listed({"node": self.nodes[2].name}))

    def test_metadata(self):
        path = f"/blobs/{self.uuid}/metadata"
        self.others[0].call("PUT", f"{path}/owner", {"value": "ops"})
        self.others[1].call("POST", path, {"key": "os", "value": {"a": 1}})
        self.assertEqual({"owner": "ops", "os": {"a": 1}}, self.here.call("GET", path))
        self.here.call("DELETE", f"{path}/owner")
        self.here.call("DELETE", f"{path}/os")
        self.assertEqual({}, self.here.call("GET", path))


class Versions(NodeTest):
    def versions(self, name, count):
        """A URL, and its artifact, which has seen this many images behind it."""
        for i in range(count):
            image = disk_images.raw(f"{name}-{i}".encode())
            url = self.offer(name, image)
            digest = hashlib.sha256(image).hexdigest()
            # Asked again until the node asks the source again.
            wait_for(lambda: self.newest(self.cache(url)).get("sha256") == digest, 60,
                     f"the newest version of {url} is {digest}")
        return self.cache(url)

    def cache(self, url):
        return self.client.call("POST", "/artifacts", {"url": url})["uuid"]

    def show(self, artifact):
        return self.client.call("GET", f"/artifacts/{artifact}")

    def newest(self, artifact):
        view = self.show(artifact)
        return view["blobs"].get(str(view["index"]), {})

    def indexes(self, artifact):
        return [one["index"] for one in self.client.call("GET", f"/artifacts/{artifact}/versions")]

    def test_versions_are_listed_limited_and_deleted(self):
        artifact = self.versions("versions", 3)
        path = f"/artifacts/{artifact}/versions"
        self.assertEqual([1, 2, 3], self.indexes(artifact))
        self.client.call("DELETE", f"{path}/2")
        self.assertIsNone(self.client.call("POST", path, {"max_versions": 2}))
        self.assertEqual([1, 3], self.indexes(artifact))
        self.client.call("POST", path, {"max_versions": 1})
        self.assertEqual([3], self.indexes(artifact))
        for body in ({}, {"max_versions": 0}, {"max_versions": "x"}):
            self.client.refused(400, "POST", path, body)
        self.client.refused(400, "DELETE", f"{path}/three")
        self.client.refused(404, "DELETE", f"{path}/2")
        self.assertEqual("deleted", self.client.call("DELETE", f"{path}/3")["state"])

    def test_of_the_newest_version_deleted_the_one_before_is_shown(self):
        artifact = self.versions("newest", 2)
        first = self.client.call("GET", f"/artifacts/{artifact}/versions")[0]["uuid"]
        view = self.client.call("DELETE", f"/artifacts/{artifact}/versions/2")
        self.assertEqual((1, first), (view["index"], view["blob_uuid"]))

    def test_sharing_is_the_namespace_systems(self):
        url = self.offer("shared", disk_images.raw(b"shared"))
        artifact = self.admin.call("POST", "/artifacts", {"url": url})["uuid"]
        self.admin.wait(artifact, "created", kind="artifacts")
        self.client.refused(404, "GET", f"/artifacts/{artifact}")
        self.admin.refused(403, "POST", f"/artifacts/{artifact}/unshare")
        self.assertTrue(self.admin.call("POST", f"/artifacts/{artifact}/share")["shared"])
        blob = self.show(artifact)["blob_uuid"]
        self.client.call("GET", f"/blobs/{blob}")
        for path in (f"/artifacts/{artifact}", f"/blobs/{blob}"):
            self.client.refused(404, "PUT", f"{path}/metadata/k", {"value": "v"})
        self.client.refused(404, "POST", f"/artifacts/{artifact}/unshare")
        self.assertFalse(self.admin.call("POST", f"/artifacts/{artifact}/unshare")["shared"])
        self.client.refused(404, "GET", f"/artifacts/{artifact}")
        self.client.refused(404, "GET", f"/blobs/{blob}")
        own = self.versions("own", 1)
        self.client.refused(403, "POST", f"/artifacts/{own}/share")

    def test_metadata_of_an_artifact(self):
        artifact = self.versions("metadata", 1)
        path = f"/artifacts/{artifact}/metadata"
        self.client.call("PUT", f"{path}/owner", {"value": "ops"})
        self.client.call("POST", path, {"key": "os", "value": ["a"]})
        self.assertEqual({"owner": "ops", "os": ["a"]}, self.client.call("GET", path))
        self.client.call("DELETE", f"{path}/owner")
        self.client.call("DELETE", f"{path}/owner")
        self.assertEqual({"os": ["a"]}, self.show(artifact)["metadata"])
        self.client.refused(400, "PUT", f"{path}/owner", {})
