# SPDX-License-Identifier: Apache-2.0
"""A URL becomes a running instance, which has what it asked for and does what it is told."""

import os
import signal
import socket
import time
import unittest

import disk_images
from case import NodeTest, guest, user_data
from cluster import wait_for
from image_server import Slow

BOOT = 90  # seconds that the tiny guest may take on a busy machine; 8 when it is idle


class FirstInstance(NodeTest):
    """One instance with everything in it, looked at from all sides."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tiny = guest("tiny")
        cls.url = cls.images.offer("/first/tiny.qcow2", cls.tiny)
        disks = [{"base": cls.url, "size": None, "bus": None, "type": "disk"},
                 {"base": None, "size": 2, "bus": None, "type": "disk"},
                 {"base": cls.empty, "size": None, "bus": None, "type": "cdrom"}]
        cls.made = cls.client.create(
            "web-1",
            memory=128,
            disk=disks,
            ssh_key="ssh-ed25519 AAAAC3Nz somebody@somewhere\n",
            user_data=user_data(
                "#!/bin/sh\nfor d in /sys/block/vd*; do echo ${d##*/} $(cat $d/size); done\n"),
            metadata={"colour": "green", "tags": ["a", "b"]})
        cls.uuid = cls.made["uuid"]
        cls.client.wait(cls.uuid, "created")
        cls.client.wait_console(cls.uuid, "TINY BOOTED", BOOT)
        cls.text = cls.client.console(cls.uuid)

    def test_the_answer_to_the_create_is_an_instance_that_waits(self):
        self.assertEqual("initial", self.made["state"])
        self.assertEqual("web-1", self.made["name"])

    def test_the_guest_got_its_host_name_from_the_config_drive(self):
        self.assertRegex(self.text, r"TINY CONFIGDRIVE=ok dev=/dev/vdb files=\S*meta_data.json")
        self.assertRegex(self.text, r"TINY BOOTED hostname=web-1 ")

    def test_the_guest_got_its_uuid_and_ssh_key(self):
        self.assertIn(f"uuid={self.uuid} key=somebody@somewhere", self.text)

    def test_the_user_data_ran(self):
        self.assertIn("TINY USERDATA vda ", self.text)

    def test_the_second_disk_is_vdc_and_as_large_as_asked(self):
        self.assertIn(f"TINY USERDATA vdc {2 << 21}", self.text)
        devices = [disk["device"] for disk in self.client.show(self.uuid)["disks"]]
        self.assertEqual(["vda", "vdc"], devices[:2])
        self.assertFalse(devices[2].startswith("vd"), "a cdrom cannot be on virtio")

    def test_disks_know_their_blobs(self):
        disks = self.client.show(self.uuid)["disks"]
        artifact = self.artifact()
        self.assertEqual(artifact["blob_uuid"], disks[0]["blob_uuid"])
        self.assertIsNone(disks[1]["blob_uuid"])
        self.assertTrue(disks[2]["blob_uuid"])

    def test_metadata_is_kept_changed_and_removed(self):
        path = f"/instances/{self.uuid}/metadata"
        self.assertEqual({"colour": "green", "tags": ["a", "b"]}, self.client.call("GET", path))
        self.assertIsNone(self.client.call("PUT", f"{path}/colour", {"value": "red"}))
        self.assertIsNone(self.client.call("POST", path, {"key": "size", "value": {"n": 1}}))
        self.assertEqual({"colour": "red", "tags": ["a", "b"], "size": {"n": 1}},
                         self.client.call("GET", path))
        self.client.call("DELETE", f"{path}/size")
        self.client.call("DELETE", f"{path}/size")  # not there any more, and no error
        self.client.call("PUT", f"{path}/colour", {"value": "green"})
        self.assertEqual({"colour": "green", "tags": ["a", "b"]},
                         self.client.show(self.uuid)["metadata"])

    def test_events_tell_what_each_stage_took(self):
        events = self.client.events(self.uuid)
        self.assertEqual(sorted((e["timestamp"] for e in events), reverse=True),
                         [e["timestamp"] for e in events])
        made = next(e for e in events if e["message"] == "instance created")
        stages = made["extra"]["stages_ms"]
        for stage in ("images", "disks", "config_drive", "domain_xml", "libvirt"):
            self.assertGreaterEqual(stages[stage], 0)
        self.assertLessEqual(sum(stages[s] for s in ("disks", "config_drive", "libvirt")),
                             made["duration"] * 1000 + 1)

    def test_metrics_tell_it_too(self):
        text = self.client.bare("GET", "/metrics").text
        self.assertRegex(text, r'operation="build",step="libvirt"')

    def test_the_artifact_tells_what_was_fetched(self):
        artifact = self.artifact()
        self.assertEqual(("created", 1), (artifact["state"], artifact["index"]))
        self.assertEqual({"bytes": len(self.tiny), "total_bytes": len(self.tiny)},
                         artifact["progress"])
        blob = artifact["blobs"]["1"]
        self.assertEqual(artifact["blob_uuid"], blob["uuid"])
        self.assertEqual(32 << 20, blob["virtual size"])
        self.assertIn(self.uuid, blob["instances"])
        self.assertEqual(64, len(blob["sha256"]))

    def artifact(self):
        return next(a for a in self.client.call("GET", "/artifacts") if a["source_url"] == self.url)

    def test_consoledata_is_as_long_as_asked(self):
        self.assertEqual(100, len(self.client.console(self.uuid, 100)))
        self.assertEqual(
            self.client.console(self.uuid)[-100:], self.client.console(self.uuid, "100"))
        self.assertEqual(
            100, len(self.client.call("GET", f"/instances/{self.uuid}/consoledata?length=100")))
        self.assertLessEqual(len(self.client.call("GET", f"/instances/{self.uuid}/consoledata")),
                             10240)
        for wrong in ("many", 1.5, -2, [1]):
            self.client.refused(400, "GET", f"/instances/{self.uuid}/consoledata",
                                {"length": wrong})

    def test_the_console_port_is_the_guests_serial_console(self):
        port = self.client.show(self.uuid)["console_port"]
        self.assertEqual(
            "hello-from-outside-42",
            type_at((self.bed.address("h1"), port), "echo hello-from-outside-$((6*7))", r"side-42"))

    def test_z_consoledata_can_be_emptied_and_goes_on(self):
        # Last: the other tests read what is emptied here.
        self.client.call("DELETE", f"/instances/{self.uuid}/consoledata")
        self.assertLess(len(self.client.console(self.uuid)), 100)
        port = self.client.show(self.uuid)["console_port"]
        type_at((self.bed.address("h1"), port), "echo after-$((1+1))", r"after-2")
        self.client.wait_console(self.uuid, "after-2", 10)

    def test_zz_a_console_that_is_flooded_takes_no_more_of_the_disk_than_it_may(self):
        folder = self.node.storage / "instances" / self.uuid
        logs = lambda: [path.stat().st_size for path in folder.glob("console.log*")]
        port = self.client.show(self.uuid)["console_port"]
        type_at((self.bed.address("h1"), port), "yes FLOOD & echo go-$((1+1))", "go-2")
        wait_for(lambda: len(logs()) > 1, BOOT, "the log has been turned over", lambda: f"{logs()}")
        type_at((self.bed.address("h1"), port), "kill $!; echo stopped-$((1+1))", "stopped-2", 60)
        self.assertLess(max(logs()), 2.5 * (1 << 20))
        self.assertLess(len(self.client.console(self.uuid)), 16 << 20)

    def test_it_answers_to_its_name_and_is_listed(self):
        self.assertEqual(self.uuid, self.client.show("web-1")["uuid"])
        self.assertIn(self.uuid, [i["uuid"] for i in self.client.call("GET", "/instances")])
        self.assertEqual([], self.client.call("GET", "/instances/web-1/interfaces"))


def type_at(address, line, expected, seconds=15):
    """Types a line at a serial console, and returns the line that ends as expected."""
    with socket.create_connection(address, 5) as console:
        console.sendall(f"\n{line}\n".encode())
        console.settimeout(seconds)
        text = ""
        while expected not in text:
            piece = console.recv(4096)
            if not piece:
                raise AssertionError(f"the console closed after {text!r}")
            text += piece.decode(errors="replace")
    return next(l.strip() for l in text.split("\n") if l.strip().endswith(expected))


class GuestPower(NodeTest):
    """What the guest does to itself, and what it notices of what is done to it."""

    def test_poweroff_by_the_guest_lasts_and_poweron_and_reboot_boot_it_again(self):
        url = self.offer("tiny", guest("tiny"))
        uuid = self.client.create("sleeper", url, memory=128)["uuid"]
        view = self.client.wait(uuid, "created")
        self.client.wait_console(uuid, "TINY BOOTS=1", BOOT)
        self.client.wait_console(uuid, "TINY BOOTED", BOOT)
        with socket.create_connection((self.bed.address("h1"), view["console_port"]), 5) as console:
            console.sendall(b"\numount /boot; poweroff -f\n")
            self.wait_power(uuid, "off")
        # A pass of the reconciler, asked for by another create, does not wake it.
        self.client.wait(self.client.create("other", self.empty)["uuid"], "created")
        self.assertEqual("off", self.client.show(uuid)["power_state"])
        self.assertIsNone(self.node.qemu(uuid))
        self.client.refused(409, "POST", f"/instances/{uuid}/pause")
        self.client.refused(409, "POST", f"/instances/{uuid}/rebootsoft")

        self.assertIsNone(self.client.call("POST", f"/instances/{uuid}/poweron"))
        self.assertEqual("on", self.client.show(uuid)["power_state"])
        self.client.wait_console(uuid, "TINY BOOTS=2", BOOT)  # the disk was kept
        booted = self.client.wait_console(uuid, "TINY BOOTS=2[^$]*TINY BOOTED", BOOT)
        self.client.call("POST", f"/instances/{uuid}/rebootsoft")
        self.client.wait_console(uuid, "TINY POWERBUTTON", 30, after=booted.end())
        self.client.wait_console(uuid, "TINY BOOTS=3", BOOT)
        self.client.call("POST", f"/instances/{uuid}/reboothard")
        self.assertEqual("on", self.client.show(uuid)["power_state"])


class Power(NodeTest):
    def setUp(self):
        self.uuid = self.client.create("box", self.empty)["uuid"]
        self.client.wait(self.uuid, "created")
        self.addCleanup(self.client.delete, self.uuid)

    def power(self, call, state):
        self.assertIsNone(self.client.call("POST", f"/instances/{self.uuid}/{call}"))
        self.assertEqual(state, self.client.show(self.uuid)["power_state"])

    def test_power_calls_do_what_they_say_and_may_be_repeated(self):
        self.power("pause", "paused")
        self.power("pause", "paused")
        self.power("unpause", "on")
        self.power("reboothard", "on")
        self.power("poweroff", "off")
        self.power("poweroff", "off")
        self.assertNotIn(self.node.domain(self.uuid), self.node.domains("--state-running"))
        for call in ("pause", "unpause", "rebootsoft", "reboothard"):
            self.client.refused(409, "POST", f"/instances/{self.uuid}/{call}")
        self.power("poweron", "on")
        self.power("poweron", "on")
        messages = [event["message"] for event in self.client.events(self.uuid)]
        self.assertEqual(2, messages.count("poweroff"))

    def test_qemu_killed_by_its_host_is_started_again(self):
        before = self.node.qemu(self.uuid)
        os.kill(before, signal.SIGKILL)
        again = wait_for(lambda: (now := self.node.qemu(self.uuid)) != before and now, 30,
                         "QEMU runs again", self.node.tail)
        self.assertTrue(again)
        self.wait_power(self.uuid, "on")
        self.assertEqual("created", self.client.show(self.uuid)["state"])

    def test_paused_stays_paused(self):
        self.power("pause", "paused")
        self.client.wait(self.client.create("other", self.empty)["uuid"], "created")
        self.assertEqual("paused", self.client.show(self.uuid)["power_state"])


class HostReboot(NodeTest):
    on_victim = True

    def test_after_a_reboot_of_its_host_what_was_on_is_started_and_what_was_off_is_not(self):
        on, off = (self.client.create(name, self.empty)["uuid"] for name in ("on", "off"))
        for uuid in (on, off):
            self.client.wait(uuid, "created")
        self.client.call("POST", f"/instances/{off}/poweroff")
        self.bed.hosts("crash", "h2")
        self.node.ended()
        self.bed.hosts("boot", "h2")
        self.node.start()
        wait_for(lambda: self.node.qemu(on), 30, "the instance that was on runs", self.node.tail)
        self.wait_power(on, "on")
        self.wait_power(off, "off")
        self.assertIsNone(self.node.qemu(off))
        self.assertEqual(2, len([d for d in self.node.domains() if d.endswith((on, off))]))
        wait_for(lambda: "started again" in self.client.events(on)[0]["message"], 5,
                 "an event says so")


class Deletion(NodeTest):
    def test_deleted_is_404_by_name_and_deleted_by_uuid_and_leaves_nothing(self):
        uuid = self.client.create("gone", self.empty)["uuid"]
        self.client.wait(uuid, "created")
        self.assertTrue(self.node.leftovers(uuid))
        answer = self.client.call("DELETE", "/instances/gone")
        self.assertEqual((uuid, True),
                         (answer["uuid"], answer["state"] in ("delete-wait", "deleted")))
        self.client.wait(uuid, "deleted")
        self.assertIn("not found", self.client.refused(404, "GET", "/instances/gone"))
        self.assertIn("not found", self.client.refused(404, "DELETE", f"/instances/{uuid}"))
        self.assertEqual("deleted", self.client.show(uuid)["state"])
        self.assertEqual([], self.node.leftovers(uuid))
        listed = [i["uuid"] for i in self.client.call("GET", "/instances", {"all": False})]
        self.assertNotIn(uuid, listed)
        self.assertIn(uuid,
                      [i["uuid"] for i in self.client.call("GET", "/instances", {"all": True})])

    def test_an_instance_may_be_deleted_while_it_is_built(self):
        uuids = [self.client.create(f"brief-{i}", self.empty)["uuid"] for i in range(4)]
        for uuid in uuids:
            self.client.call("DELETE", f"/instances/{uuid}")
        for uuid in uuids:
            self.client.wait(uuid, "deleted")
        self.assertEqual([], [left for uuid in uuids for left in self.node.leftovers(uuid)])

    def test_an_instance_may_be_deleted_while_its_image_is_fetched(self):
        url = self.offer("slow", Slow(disk_images.raw(b"early"), 2))
        uuid = self.client.create("early", url)["uuid"]
        self.client.delete(uuid, seconds=10)
        self.assertEqual([], self.node.leftovers(uuid))


class Refusals(NodeTest):
    def test_a_disk_smaller_than_its_image_ends_in_error_with_a_text(self):
        url = self.offer("large", disk_images.qcow2("2G"))
        uuid = self.client.create(
            "cramped", disk=[{"base": url, "size": 1, "bus": None, "type": "disk"}])["uuid"]
        view = self.client.wait(uuid, "error")
        self.assertIn("vda", view["error_message"])
        self.assertIn(str(2 << 30), view["error_message"])
        self.client.delete(uuid)

    def test_power_calls_on_what_is_not_created_are_406(self):
        url = self.offer("slow", Slow(disk_images.raw(b"wait"), 1))
        uuid = self.client.create("waiting", url)["uuid"]
        self.client.refused(406, "POST", f"/instances/{uuid}/poweroff")
        self.client.delete(uuid)

    def test_more_than_the_node_has_is_507_and_leaves_nothing(self):
        self.client.refused(507, "POST", "/instances", {
            "name": "huge", "cpus": 1, "memory": 16 << 20, "disk": [{"size": 1}]})
        self.assertEqual([],
                         [i for i in self.client.call("GET", "/instances") if i["name"] == "huge"])

    def test_senseless_wishes_are_400_and_say_which_field(self):
        good = {"name": "x", "cpus": 1, "memory": 64, "disk": [{"size": 1}]}
        for field, value in (("name", "a b"), ("name", "x" * 64), ("name", ""), ("cpus", 0),
                             ("cpus", "many"), ("memory", -1), ("disk", []), ("disk", None),
                             ("disk", [{"size": 1, "bus": "ide"}]), ("disk", [{"size": -1}]),
                             ("disk", [{"size": 1, "type": "tape"}]), ("disk", ["vda"]),
                             ("disk", [{}]), ("video", {"model": "cirrus"}), ("video", "cirrus"),
                             ("configdrive", "floppy"), ("secure_boot", True), ("metadata", []),
                             ("metadata", {"tags": "a"}), ("metadata", {"x": ""}),
                             ("metadata", {"affinity": {"a": "b"}}), ("user_data", "not base64!"),
                             ("side_channels", "sf-agent"), ("ssh_key", 7)):
            with self.subTest(field=field, value=value):
                text = self.client.refused(400, "POST", "/instances", {**good, field: value})
                self.assertIn(field, text)


if __name__ == "__main__":
    unittest.main()
