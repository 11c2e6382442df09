# SPDX-License-Identifier: Apache-2.0
"""Snapshots, screenshots and screens of instances, asked of nodes that do not host them."""

import configparser
import signal
import struct
import unittest

import disk_images
import viewers
from case import guest
from cluster import cluster, wait_for
from three_nodes import ThreeNodes

BOOT = 120


class Snapshots(ThreeNodes):
    """The first node hosts all instances of namespace team; the others are asked."""

    prefix, port = "snap", 14600

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_team()
        cls.empty = cluster().images.offer("/snapshots/empty.qcow2", disk_images.qcow2())
        cls.uuid = cls.create("two", disk=[{"base": cls.empty}, {"size": 1}])

    @classmethod
    def tearDownClass(cls):
        for node in cls.nodes:
            if not node.running():
                node.start()
        cls.admin.call("DELETE", "/instances", {"confirm": True, "namespace": "team"})
        wait_for(lambda: not cls.nodes[0].leftovers(), 60, "all instances are gone",
                 lambda: f"{cls.nodes[0].leftovers()}\n{cls.nodes[0].tail()}")
        super().tearDownClass()

    @classmethod
    def create(cls, name, image=None, **fields):
        uuid = cls.here.create(name, image, placed_on=cls.nodes[0].name, **fields)["uuid"]
        cls.here.wait(uuid, "created")
        return uuid

    def listed(self, uuid):
        return self.others[1].call("GET", f"/instances/{uuid}/snapshot")

    def snapshot(self, uuid, **body):
        """Asked of one node and waited for at another: what each device's has become."""
        asked = self.others[0].call("POST", f"/instances/{uuid}/snapshot",
                                    {"all": False, "device": None, "thin": False, **body})
        return {device: self.ended(uuid, one["blob_uuid"]) for device, one in asked.items()}

    def ended(self, uuid, blob):
        def state():
            found = [one for one in self.listed(uuid) if one["blob_uuid"] == blob]
            return found and found[0]["state"] != "initial" and found[0]
        return wait_for(state, 60, f"the snapshot {blob} is there or has failed",
                        lambda: self.here.history(uuid) + self.nodes[0].tail())

    # ---- snapshots -------------------------------------------------------------------------------

    def test_of_a_guest_that_runs_and_one_made_from_it_goes_on_from_there(self):
        image = cluster().images.offer("/snapshots/tiny.qcow2", guest("tiny"))
        uuid = self.create("first", image, memory=128)
        self.here.wait_console(uuid, "TINY BOOTS=1[^$]*TINY BOOTED", BOOT)
        node = self.nodes[0]
        chain, qemu = node.virsh("domblklist", node.domain(uuid)), node.qemu(uuid)
        taken = self.snapshot(uuid)["vda"]
        self.assertEqual("created", taken["state"], taken)
        self.assertEqual((chain, qemu), (node.virsh("domblklist", node.domain(uuid)),
                                         node.qemu(uuid)))
        self.assertEqual("on", self.here.show(uuid)["power_state"])
        self.here.delete(uuid)
        again = self.create("second", f"sf://snapshot/{taken['uuid']}", memory=128)
        self.here.wait_console(again, "TINY BOOTS=2", BOOT)

    def test_which_disks(self):
        uuid = self.create("disks", disk=[{"base": self.empty}, {"size": 1},
                                          {"base": self.empty, "type": "cdrom"}])
        first = self.snapshot(uuid)
        self.assertEqual(["vda"], list(first))
        both = self.snapshot(uuid, all=True, thin=True)
        self.assertEqual(["vda", "vdc"], sorted(both))
        self.assertEqual({}, self.snapshot(uuid, device="vdz"))
        self.assertEqual(["vdc"], list(self.snapshot(uuid, device="vdc")))
        self.assertEqual(["vda", "vda", "vdc", "vdc"],
                         sorted(one["device"] for one in self.listed(uuid)))
        for one in self.listed(uuid):
            self.assertEqual(("created", f"sf://instance/{uuid}/{one['device']}"),
                             (one["state"], one["source_url"]))
        artifact = self.here.call("GET", f"/artifacts/{first['vda']['uuid']}")
        self.assertEqual(("snapshot", 2), (artifact["artifact_type"], artifact["index"]))
        blob = self.here.call("GET", f"/blobs/{first['vda']['blob_uuid']}")
        self.assertEqual(1 << 20, blob["virtual size"])
        self.here.call("POST", f"/artifacts/{first['vda']['uuid']}/versions", {"max_versions": 1})
        self.assertEqual(both["vda"]["blob_uuid"], [
            one["blob_uuid"] for one in self.listed(uuid) if one["device"] == "vda"][0])
        for event in self.here.events(uuid):
            if event["message"] == "snapshot taken of vda":
                self.assertTrue(event["duration"] > 0 and event["extra"]["bytes"] > 0)
                break
        else:
            self.fail(self.here.history(uuid))

    def test_of_one_that_is_off(self):
        self.here.call("POST", f"/instances/{self.uuid}/poweroff")
        self.addCleanup(self.here.call, "POST", f"/instances/{self.uuid}/poweron")
        taken = self.snapshot(self.uuid, device="vdc")["vdc"]
        self.assertEqual("created", taken["state"], taken)
        blob = self.here.call("GET", f"/blobs/{taken['blob_uuid']}")
        self.assertEqual(1 << 30, blob["virtual size"])

    def test_what_cannot_be_is_said(self):
        waiting = self.here.create("waiting", f"http://{self.bed.settings['BED_MACHINE']}:9/never",
                                   placed_on=self.nodes[0].name)["uuid"]
        for client in (self.here, self.others[0]):
            for method, what in (("POST", "snapshot"), ("GET", "screenshot"),
                                 ("GET", "vdiconsolehelper")):
                client.refused(406, method, f"/instances/{waiting}/{what}")
        self.here.delete(waiting)
        stranger = self.nodes[1].client("strangers", "secret")
        for method, what in (("POST", "snapshot"), ("GET", "snapshot"), ("GET", "screenshot"),
                             ("GET", "vdiconsolehelper")):
            stranger.refused(404, method, f"/instances/{self.uuid}/{what}")

    def test_without_room_it_fails_and_says_so(self):
        self.nodes[0].stop()
        self.nodes[0].start({"DISK_RESERVE": "1000000"})
        self.wait_well()
        self.addCleanup(self.wait_well)
        self.addCleanup(self.nodes[0].start)
        self.addCleanup(self.nodes[0].stop)
        failed = self.snapshot(self.uuid)["vda"]
        self.assertEqual("error", failed["state"])
        self.assertIn("free", failed["error_message"])
        self.assert_nothing_left()

    def test_one_that_a_crash_interrupts_fails_and_leaves_nothing(self):
        for step in ("claim", "copy"):
            with self.subTest(step):
                self.nodes[0].stop()
                self.nodes[0].start(SF_CRASH_AT=f"snapshot:{step}")
                blob = self.here.call("POST", f"/instances/{self.uuid}/snapshot")["vda"]["blob_uuid"]
                self.assertEqual(-signal.SIGKILL, self.nodes[0].ended(30))
                self.nodes[0].start()
                failed = self.ended(self.uuid, blob)
                self.assertEqual("error", failed["state"])
                self.assertIn("stopped", failed["error_message"])
                self.assert_nothing_left()
        self.wait_well()
        self.assertEqual("created", self.snapshot(self.uuid)["vda"]["state"])

    def test_of_one_that_is_deleted_meanwhile_it_ends(self):
        uuid = self.create("brief", self.empty)
        asked = self.others[0].call("POST", f"/instances/{uuid}/snapshot")
        self.here.delete(uuid)
        self.ended(uuid, asked["vda"]["blob_uuid"])
        self.assertEqual([], self.nodes[0].leftovers(uuid))

    def assert_nothing_left(self):
        self.assertEqual([], [path.name for path in self.nodes[0].folder(self.uuid).glob("copy-*")])
        self.assertIn("None", self.nodes[0].virsh("domjobinfo", self.nodes[0].domain(self.uuid)))
        self.assertEqual("on", self.here.show(self.uuid)["power_state"])

    # ---- screens ---------------------------------------------------------------------------------

    def test_a_screenshot_is_a_png_of_the_screen(self):
        for client in (self.here, self.others[0]):
            blob = client.call("GET", f"/instances/{self.uuid}/screenshot")
            picture = self.others[1].request("GET", f"/blobs/{blob}/data").data
            self.assertEqual(b"\x89PNG\r\n\x1a\n", picture[:8])
            self.assertIn(struct.unpack(">II", picture[16:24]), ((720, 400), (640, 480)))

    def console(self, client, uuid):
        """What virt-viewer reads in its file."""
        text = client.call("GET", f"/instances/{uuid}/vdiconsolehelper")
        parsed = configparser.ConfigParser()
        parsed.read_string(text)
        return dict(parsed["virt-viewer"])

    def test_a_screen_lets_in_whoever_has_the_file_and_nobody_else(self):
        for kind in ("vnc", "spice"):
            with self.subTest(kind):
                uuid = self.create(kind, self.empty, video={"model": "cirrus", "memory": 16384,
                                                            "vdi": kind})
                host, port = self.bed.address("h1"), self.here.show(uuid)["vdi_port"]
                self.assertFalse(viewers.lets_in(kind, host, port, ""))
                old = self.console(self.others[0], uuid)
                self.assertEqual((kind, host, str(port), "1"), tuple(
                    old[key] for key in ("type", "host", "port", "delete-this-file")))
                self.assertTrue(viewers.lets_in(kind, host, port, old["password"]))
                self.assertFalse(viewers.lets_in(kind, host, port, "x" + old["password"][1:]))
                new = self.console(self.here, uuid)
                self.assertTrue(viewers.lets_in(kind, host, port, new["password"]))
                self.assertFalse(viewers.lets_in(kind, host, port, old["password"]))
                description = self.nodes[0].virsh("dumpxml", self.nodes[0].domain(uuid))
                for text in (description, self.nodes[0].log.read_text(), self.here.history(uuid)):
                    self.assertNotIn(new["password"], text)
                self.here.call("POST", f"/instances/{uuid}/poweroff")
                self.here.refused(409, "GET", f"/instances/{uuid}/vdiconsolehelper")
                self.here.refused(409, "GET", f"/instances/{uuid}/screenshot")
                self.here.delete(uuid)


if __name__ == "__main__":
    unittest.main()
