# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the daemon at each step of building and of removing, and then a start: everything ends
as it was asked for, once, and nothing is left over."""

import contextlib
import re
import signal
import time
import unittest

import disk_images
from case import NodeTest
from cluster import wait_for
from image_server import Slow

# Measured inside of the step libvirt, and so in the metrics, but no steps to crash at.
PARTS_OF_STEPS = {"libvirt_define", "libvirt_create"}


class Crash(NodeTest):
    on_victim = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.network = cls.client.call("POST", "/networks", {
            "name": "crash", "netblock": "10.0.0.0/24", "provide_nat": True})["uuid"]
        # Before the instances are, so that it ends with its last interface.
        cls.addClassCleanup(cls.client.call, "DELETE", f"/networks/{cls.network}")

    def setUp(self):
        self.addCleanup(self.restart)

    def restart(self):
        self.node.kill()
        self.node.start()

    def steps(self, operation):
        """The steps of an operation, as its metrics name them: no list that can go stale."""
        self.restart()
        uuid = self.create("teacher")
        self.client.wait(uuid, "created")
        self.client.delete(uuid)
        text = self.client.bare("GET", "/metrics").text
        steps = re.findall(rf'_count{{operation="{operation}",step="(\w+)"', text)
        self.assertGreaterEqual(len(steps), 3, text)
        return [step for step in steps if step not in PARTS_OF_STEPS]

    def create(self, name):
        disks = [{"base": self.empty, "type": "disk"}, {"base": None, "size": 1}]
        networks = [{"network_uuid": self.network, "float": True}]
        return self.client.create(name, disk=disks, network=networks)["uuid"]

    def start_to_crash_at(self, operation, step):
        self.node.kill()
        self.node.start(SF_CRASH_AT=f"{operation}:{step}")

    def assert_crashed(self):
        self.assertEqual(-signal.SIGKILL, self.node.ended(30))

    def assert_whole(self, uuid):
        """Built exactly once, with all that belongs to it."""
        view = self.client.wait(uuid, "created")
        self.wait_power(uuid, "on")
        self.assertIn(self.node.domain(uuid), self.node.domains("--state-running"))
        files = {path.name for path in self.node.folder(uuid).iterdir()}
        self.assertLessEqual({"disk0.qcow2", "disk1.qcow2", "config.iso", "domain.xml"}, files)
        self.assertEqual(2, len(self.bed.sql(
            self.node.database, f"SELECT port FROM ports WHERE instance_uuid = '{uuid}'")))
        self.assertTrue(view["console_port"] and view["vdi_port"])
        self.assertEqual(2, len(self.bed.sql(
            self.node.database, "SELECT a.address FROM addresses a JOIN interfaces f ON"
            f" f.uuid = a.owner_uuid WHERE f.live = 1 AND f.instance_uuid = '{uuid}'")))

    def assert_nothing_stuck(self):
        stuck = self.bed.sql(
            self.node.database,
            "SELECT uuid, state FROM instances WHERE state NOT IN ('deleted', 'created')")
        self.assertEqual([], stuck)
        self.assertEqual([], self.node.downloads())

    def test_kill_at_each_step_of_building_still_builds_it_once(self):
        for step in self.steps("build"):
            with self.subTest(step):
                self.start_to_crash_at("build", step)
                made = [self.create("built-0")]
                try:
                    made.append(self.create("built-1"))  # so that two are at different steps
                except OSError:
                    pass  # dead already
                self.assert_crashed()
                self.node.start()
                for uuid in made:
                    self.assert_whole(uuid)
                    self.client.delete(uuid)
                    self.assertEqual([], self.node.leftovers(uuid))
                self.assert_nothing_stuck()

    def test_kill_at_each_step_of_removing_still_removes_it(self):
        for step in self.steps("remove"):
            with self.subTest(step):
                made = [self.create(f"removed-{i}") for i in range(2)]
                for uuid in made:
                    self.client.wait(uuid, "created")
                self.start_to_crash_at("remove", step)
                self.client.call("DELETE", f"/instances/{made[0]}")
                self.assert_crashed()
                self.node.start()
                if self.client.show(made[1])["state"] == "created":
                    self.client.call("DELETE", f"/instances/{made[1]}")
                for uuid in made:
                    self.client.wait(uuid, "deleted")
                    self.assertEqual([], self.node.leftovers(uuid))
                self.assert_nothing_stuck()

    def test_kill_at_each_step_of_plugging_in_an_interface_still_plugs_it_in_once(self):
        uuid = self.create("plugged")
        self.client.wait(uuid, "created")
        path = f"/instances/{uuid}/interfaces"
        for number, step in enumerate(("mesh", "files", "libvirt", "record"), 1):
            with self.subTest(step):
                self.start_to_crash_at("plug", step)
                # At the first step it may die before it has answered.
                with contextlib.suppress(ConnectionError):
                    self.client.call("POST", path, {"network": {"network_uuid": self.network}})
                self.assert_crashed()
                self.node.start()
                interfaces = self.client.call("GET", path)
                self.assertEqual(1 + number, len(interfaces))
                made = interfaces[-1]
                self.client.wait(made["uuid"], "created", 30, "interfaces")
                for which in ([], ["--inactive"]):  # what runs, and what is started next
                    listed = self.node.virsh("domiflist", *which, self.node.domain(uuid))
                    self.assertEqual(1, listed.count(made["macaddr"]), listed)
        self.client.delete(uuid)
        self.assertEqual([], self.node.leftovers(uuid))

    def test_kill_during_a_deletion_of_what_is_being_built(self):
        for step in ("folder", "libvirt"):
            with self.subTest(step):
                self.start_to_crash_at("build", step)
                uuid = self.create("regretted")
                self.assert_crashed()
                self.node.start()
                self.client.delete(uuid)
                self.assertEqual([], self.node.leftovers(uuid))

    def test_a_running_guest_does_not_notice_that_the_daemon_dies(self):
        uuid = self.create("steady")
        self.client.wait(uuid, "created")
        qemu = self.node.qemu(uuid)
        self.restart()
        self.assertEqual("on", self.client.show(uuid)["power_state"])
        self.client.wait(self.create("other"), "created")  # a whole pass has gone by
        self.assertEqual(qemu, self.node.qemu(uuid))

    def test_kill_in_the_middle_of_a_fetch_fetches_it_again(self):
        url = self.offer("slow", Slow(disk_images.raw(b"killed"), 3))
        uuid = self.client.create("patient", url)["uuid"]
        wait_for(self.node.downloads, 10, "the download has begun", self.node.tail)
        time.sleep(0.5)  # so that some of it is there
        self.node.kill()
        self.assertNotEqual([], self.node.downloads())
        self.node.start()
        self.client.wait(uuid, "created")
        self.assertEqual([200, 200], self.images.statuses(self.path("slow")))
        self.assertEqual([], self.node.downloads())

    def test_what_a_crash_left_without_a_row_is_removed_but_not_what_is_a_strangers(self):
        uuid = self.create("orphan")
        self.client.wait(uuid, "created")
        stranger = self.node.storage / "instances/notes-of-the-operator"
        stranger.mkdir(exist_ok=True)
        self.addCleanup(stranger.rmdir)
        self.node.kill()
        self.bed.sql(self.node.database, "DELETE a FROM addresses a JOIN interfaces f ON"
                     f" f.uuid = a.owner_uuid WHERE f.instance_uuid = '{uuid}'")
        for table, column in (("ports", "instance_uuid"), ("instance_disks", "instance_uuid"),
                              ("interfaces", "instance_uuid"), ("instances", "uuid")):
            self.bed.sql(self.node.database, f"DELETE FROM {table} WHERE {column} = '{uuid}'")
        self.assertNotEqual([], self.node.leftovers(uuid))
        self.node.start()
        wait_for(lambda: not self.node.leftovers(uuid), 30, "the orphan is gone", self.node.tail)
        self.assertTrue(stranger.is_dir())


if __name__ == "__main__":
    unittest.main()
