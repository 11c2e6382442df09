# SPDX-License-Identifier: Apache-2.0
"""Images come from strangers: fetched once, judged before anything reads them, kept while good."""

import hashlib
import pathlib
import unittest
from concurrent.futures import ThreadPoolExecutor

import disk_images
from case import NodeTest
from cluster import wait_for
from image_server import Half, Lie, Slow, Stall, Status, Whole


class OneFetch(NodeTest):
    def test_twenty_creates_at_once_on_an_uncached_url_fetch_it_once(self):
        # Slow enough for all twenty to ask while it comes.
        url = self.offer("image", Slow(disk_images.raw(b"twenty"), 2))
        with ThreadPoolExecutor(20) as pool:
            made = list(pool.map(lambda i: self.client.create(f"many-{i}", url)["uuid"], range(20)))
        for uuid in made:
            self.client.wait(uuid, "created", 90)
        answers = self.images.statuses(self.path("image"))
        self.assertEqual(1, answers.count(200), answers)
        self.assertEqual(20, len({self.client.show(uuid)["console_port"] for uuid in made}))
        self.assertEqual([], self.node.downloads())

    def test_the_same_bytes_behind_two_urls_are_one_blob(self):
        data = disk_images.raw(b"twins")
        blobs = set()
        for name in ("one", "two"):
            artifact = self.client.call("POST", "/artifacts", {"url": self.offer(name, data)})
            blobs.add(self.client.wait(artifact["uuid"], "created", kind="artifacts")["blob_uuid"])
        self.assertEqual(1, len(blobs))


class Hostile(NodeTest):
    """Each source gives an artifact in error with a text that names the cause, the instance
    likewise, and a disk on which nothing is left."""

    def test_a_hostile_source_fails_with_its_cause_and_leaves_nothing(self):
        raw = disk_images.raw(b"hostile")
        sources = {  # what is offered -> what the text says of it
            "half": (Half(raw), r"\d+ of 1048576 bytes came"),
            "stall": (Stall(raw), r"stalled"),
            "404": (Status(404), r"404"),
            "500": (Status(500), r"500"),
            "longer": (Lie(raw, len(raw) * 2), r"1048576 of 2097152 bytes came"),
            "bomb.gz": (disk_images.gzip_bomb(4), r"unpacks to more than the limit"),
            "backing": (disk_images.backing_file("/etc/passwd"), r"backing file"),
            "external": (disk_images.external_data_file(), r"external data file"),
            "10T": (disk_images.qcow2("10T"), r"virtual size of 10995116277760 bytes exceeds"),
            "cut": (disk_images.qcow2()[:1000], r"header|qcow2|cut off|outside"),
            "garbage": (b"garbage! " * 1000, r"not a disk image|garbage|boot|partition|format"),
            "empty": (b"", r"empty|0 bytes|no bytes|zero"),
            "vmdk": (b"KDMV" + bytes(2 << 20), r"(?i)vmdk"),
            "html": (b"<!DOCTYPE html><html>Sign in</html>" * 100, r"(?i)html|not a disk"),
            "twice.gz": (disk_images.compressed(disk_images.compressed(raw)["gz"])["gz"],
                         r"compressed more than once"),
            "broken.gz": (disk_images.compressed(raw)["gz"][:-100] + bytes(100),
                          r"compression is broken"),
        }
        urls = {name: self.offer(name, script) for name, (script, _) in sources.items()}
        loop = self.offer("loop", Status(302, Location=self.path("loop")))
        urls["loop"], sources["loop"] = loop, (None, r"(?i)redirect")
        # To a file of the host, and to nobody.
        urls["file"] = self.offer("file", Status(302, Location="file:///etc/passwd"))
        sources["file"] = (None, r"neither http nor https")
        urls["refused"] = f"http://{self.bed.settings['BED_MACHINE']}:1/x"
        sources["refused"] = (None, r"(?i)connect")

        made = {name: self.client.create(f"bad-{i}", url)["uuid"]
                for i, (name, url) in enumerate(urls.items())}
        for name, uuid in made.items():
            with self.subTest(name):
                self.client.wait(uuid, "error", 120)
                cause = sources[name][1]
                view = self.client.show(uuid)
                self.assertRegex(view["error_message"], cause)
                artifact = self.artifact(urls[name])
                self.assertEqual("error", artifact["state"])
                self.assertRegex(artifact["error_message"], cause)
                self.assertEqual(({}, 0, None),
                                 (artifact["blobs"], artifact["index"], artifact["blob_uuid"]))
                self.assertRegex(
                    self.client.events(artifact["uuid"], "artifacts")[0]["message"], cause)
                self.assertNotIn("root:", view["error_message"])
                self.client.delete(uuid)
        self.assertEqual([], self.node.downloads())
        self.assertEqual([], [left for uuid in made.values() for left in self.node.leftovers(uuid)])

    def test_what_failed_is_tried_again_for_the_next_who_asks(self):
        url = self.offer("flaky", Status(404))
        first = self.client.create("unlucky", url)["uuid"]
        self.client.wait(first, "error")
        self.offer("flaky", disk_images.raw(b"flaky"))
        self.client.wait(self.client.create("lucky", url)["uuid"], "created")
        self.assertEqual("created", self.artifact(url)["state"])
        self.assertIsNone(self.artifact(url)["error_message"])
        self.assertEqual("error", self.client.show(first)["state"])

    def test_urls_that_are_not_fetched_are_refused_at_once(self):
        for url in ("file:///etc/passwd", "ftp://host/x", "http://", "http://u:p@host/x",
                    "/etc/passwd", "http://host/x#sha256=12", "http://host:99999/x",
                    "http://host/a b", "http://host/\x00", "http://host/é", "x" * 3000,
                    "gopher://x", "http://a\\b/"):
            with self.subTest(url):
                self.client.refused(400, "POST", "/artifacts", {"url": url})
                self.client.refused(400, "POST", "/instances", {
                    "name": "x", "cpus": 1, "memory": 64, "disk": [{"base": url}]})

    def artifact(self, url):
        return next(a for a in self.client.call("GET", "/artifacts") if a["source_url"] == url)


class Targets(NodeTest):
    """A URL may not make a node ask for a stranger what the stranger cannot ask itself."""

    on_victim = True

    def failure(self, url):
        """What becomes of an artifact of this URL, and of an instance that waits for it."""
        uuid = self.client.create("x", url)["uuid"]
        message = self.client.wait(uuid, "error", 60)["error_message"]
        artifact = next(a for a in self.client.call("GET", "/artifacts") if a["source_url"] == url)
        self.assertEqual(("error", True), (artifact["state"], artifact["error_message"] in message))
        self.client.delete(uuid)
        return message

    def test_what_only_the_node_reaches_is_not_asked(self):
        redirects = {to: self.offer(f"to/{i}", Status(302, Location=to)) for i, to in enumerate(
            ("http://127.0.0.1:13000/", "http://169.254.169.254/latest", f"{self.node.url}/metrics"))}
        self.bed.run("h2", "sh", "-c", "echo '127.0.0.1 inside.example' >>/etc/hosts")
        self.addCleanup(self.bed.run, "h2", "sh", "-c", "kept=$(grep -v inside.example /etc/hosts)"
                        " && echo \"$kept\" >/etc/hosts")
        targets = {
            "http://127.0.0.1:13000/": "127.0.0.1, which is loopback",
            "http://2130706433:13000/": "127.0.0.1, which is loopback",
            "http://[::1]:13000/": "::1, which is loopback",
            "http://inside.example:13000/": "127.0.0.1, which is loopback",
            "http://169.254.169.254/latest/meta-data": "169.254.169.254, which is link-local",
            f"{self.node.url}/": f"{self.bed.address('h2')}, which is an address of a node"}
        for to, url in redirects.items():
            targets[url] = f"{to}: it leads to "
        for url, cause in targets.items():
            with self.subTest(url):
                message = self.failure(url)
                self.assertIn(cause, message)
                self.assertIn("IMAGE_ALLOW", message)

    def test_the_operator_allows_and_denies(self):
        machine = self.bed.settings["BED_MACHINE"]
        self.node.stop()
        self.addCleanup(self.node.start)
        self.addCleanup(self.node.stop)
        self.node.start({"IMAGE_ALLOW": f"{self.bed.address('h2')}, {machine}",
                         "IMAGE_DENY": f"{machine}/32"})
        # It is asked now, and what it answers is no disk.
        self.assertIn("not a disk image", self.failure(f"{self.node.url}/openapi.json"))
        message = self.failure(self.offer("image", disk_images.raw(b"denied")))
        self.assertIn(f"{machine}, which IMAGE_DENY lists as '{machine}/32'", message)
        self.assertEqual([], self.images.statuses(self.path("image")))


class Formats(NodeTest):
    def test_compressed_raw_and_qcow2_images_all_work(self):
        packed = disk_images.compressed(disk_images.raw(b"packed"))
        packed["qcow2.gz"] = disk_images.compressed(disk_images.qcow2("2M"))["gz"]
        packed["raw"] = disk_images.raw(b"plain")
        packed["qcow2"] = disk_images.qcow2("3M")
        made = {
            ending: self.client.create(f"as-{ending.replace('.', '-')}",
                                       self.offer(f"disk.{ending}", data))
            for ending, data in packed.items()
        }
        for ending, instance in made.items():
            with self.subTest(ending):
                self.client.wait(instance["uuid"], "created")

    def test_a_checksum_in_the_url_is_held_against_what_comes(self):
        data = disk_images.raw(b"checked")
        url = self.offer("checked", data)
        right, wrong = hashlib.sha256(data).hexdigest(), "0" * 64
        good = self.client.create("right", f"{url}#sha256={right}")["uuid"]
        bad = self.client.create("wrong", f"{url}#sha256={wrong}")["uuid"]
        self.client.wait(good, "created")
        message = self.client.wait(bad, "error")["error_message"]
        for word in ("checksum", right, wrong):
            self.assertIn(word, message)
        # What is named by its digest need not be asked for again.
        asked = len(self.images.statuses(self.path("checked")))
        self.client.wait(self.client.create("again", f"{url}#sha256={right}")["uuid"], "created")
        self.assertEqual(asked, len(self.images.statuses(self.path("checked"))))


class Revalidation(NodeTest):
    """The node believes a copy for 2 s; after that it asks the source, but needs no answer."""

    def cache(self, url):
        artifact = self.client.call("POST", "/artifacts",
                                    {"url": url, "shared": False, "namespace": None})
        self.assertIn(artifact["state"], ("initial", "created"))
        return artifact["uuid"]

    def fetched(self, uuid, answers):
        """Waits until the source has given so many answers and the artifact is at rest again."""
        wait_for(lambda: len(self.images.statuses(self.path("image"))) >= answers, 20,
                 f"{answers} answers were given", self.node.tail)
        return self.client.wait(uuid, "created", kind="artifacts")

    def again(self, url, answers):
        """Asks for the image, once its copy is no longer believed unasked."""
        def asked():
            self.cache(url)
            return len(self.images.statuses(self.path("image"))) >= answers
        seconds = 10 * int(self.node.options["IMAGE_CHECK_INTERVAL"])
        wait_for(asked, seconds, f"{answers} answers were given", self.node.tail)

    def test_unchanged_is_304_changed_is_a_new_version_and_gone_is_still_usable(self):
        url = self.offer("image", Whole(disk_images.raw(b"first")))
        uuid = self.cache(url)
        first = self.fetched(uuid, 1)
        self.assertEqual(1, first["index"])

        self.again(url, 2)
        self.assertEqual([200, 304], self.images.statuses(self.path("image"))[:2])
        self.assertEqual(1, self.client.wait(uuid, "created", kind="artifacts")["index"])

        self.offer("image", Whole(disk_images.raw(b"second")))
        wait_for(lambda: self.cache(url) and self.show(uuid)["index"] == 2, 20,
                 "version 2 is there")
        second = self.show(uuid)
        self.assertEqual(["1", "2"], sorted(second["blobs"]))
        self.assertEqual(second["blobs"]["2"]["uuid"], second["blob_uuid"])
        self.assertNotEqual(first["blob_uuid"], second["blob_uuid"])

        self.images.withdraw(self.path("image"))
        wait_for(lambda: self.cache(url) and 404 in self.images.statuses(self.path("image")), 20,
                 "the source was asked in vain")
        instance = self.client.create("late", url)["uuid"]
        self.client.wait(instance, "created")
        view = self.show(uuid)
        self.assertEqual(("created", 2), (view["state"], view["index"]))
        self.assertEqual(view["blob_uuid"], self.client.show(instance)["disks"][0]["blob_uuid"])

    def show(self, uuid):
        return self.client.call("GET", f"/artifacts/{uuid}")


class Progress(NodeTest):
    def test_progress_shows_while_a_slow_server_sends(self):
        size = 4 << 20
        url = self.offer("slow", Slow(disk_images.raw(b"slow", size), 5))
        uuid = self.client.call("POST", "/artifacts", {"url": url})["uuid"]
        seen = wait_for(lambda: self.midway(uuid, size), 15, "some but not all bytes are shown",
                        self.node.tail)
        self.assertEqual(size, seen["total_bytes"])
        later = wait_for(
            lambda: (now := self.midway(uuid, size)) and now["bytes"] > seen["bytes"] and now, 10,
            "more bytes are shown")
        self.assertLess(later["bytes"], size)
        done = self.client.wait(uuid, "created", kind="artifacts")
        self.assertEqual({"bytes": size, "total_bytes": size}, done["progress"])
        events = self.client.events(uuid, "artifacts", event_type="status")
        self.assertTrue(any(0 < e["extra"].get("bytes", 0) < size for e in events), events)

    def midway(self, uuid, size):
        progress = self.client.call("GET", f"/artifacts/{uuid}")["progress"]
        return progress if 0 < progress["bytes"] < size else None


class Artifacts(NodeTest):
    def test_an_artifact_is_found_by_its_url_deleted_and_fetched_anew(self):
        url = self.offer("image", disk_images.raw(b"artifact"))
        uuid = self.client.call("POST", "/artifacts", {"url": url})["uuid"]
        self.client.wait(uuid, "created", kind="artifacts")
        self.assertEqual(uuid, self.client.call("POST", "/artifacts", {"url": url})["uuid"])
        self.assertEqual("deleted", self.client.call("DELETE", f"/artifacts/{uuid}")["state"])
        self.assertEqual("deleted", self.client.call("DELETE", f"/artifacts/{uuid}")["state"])
        self.assertNotIn(uuid, [a["uuid"] for a in self.client.call("GET", "/artifacts")])
        again = self.client.call("POST", "/artifacts", {"url": url})["uuid"]
        self.assertNotEqual(uuid, again)
        self.client.wait(again, "created", kind="artifacts")

    def test_deleting_an_artifact_does_not_hurt_an_instance_made_of_it(self):
        url = self.offer("image", disk_images.raw(b"kept"))
        instance = self.client.create("keeper", url)["uuid"]
        self.client.wait(instance, "created")
        artifact = next(a for a in self.client.call("GET", "/artifacts") if a["source_url"] == url)
        self.client.call("DELETE", f"/artifacts/{artifact['uuid']}")
        self.client.call("POST", f"/instances/{instance}/poweroff")
        self.client.call("POST", f"/instances/{instance}/poweron")
        disk = self.node.folder(instance) / "disk0.qcow2"
        self.assertTrue(pathlib.Path(disk).exists())

    def test_deleting_all_takes_only_those_of_the_namespace(self):
        other = self.new_namespace()
        mine, theirs = (
            c.call("POST", "/artifacts", {"url": self.empty})["uuid"] for c in (self.client, other))
        deleted = self.client.call("DELETE", "/artifacts", {"confirm": True})
        self.assertIn(mine, deleted)
        self.assertNotIn(theirs, deleted)
        self.assertIn(theirs, [a["uuid"] for a in other.call("GET", "/artifacts")])


if __name__ == "__main__":
    unittest.main()
