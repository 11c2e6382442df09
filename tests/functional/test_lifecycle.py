# SPDX-License-Identifier: Apache-2.0
"""The daemon's own life: start, stop, start again, two at once; and what its subcommands say."""

import os
import signal
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import disk_images
from case import NodeTest
from cluster import Node, wait_for
from image_server import Slow


class StopAndStart(NodeTest):
    on_victim = True

    def setUp(self):
        self.addCleanup(lambda: self.node.running() or self.node.start())

    def test_sigterm_ends_it_within_seconds_and_leaves_instances_running(self):
        uuid = self.client.create("survivor", self.empty)["uuid"]
        self.client.wait(uuid, "created")
        qemu = self.node.qemu(uuid)
        began = time.monotonic()
        self.assertEqual(0, self.node.stop())
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(qemu, self.node.qemu(uuid))
        state = self.bed.sql(self.node.database, "SELECT state FROM nodes")
        self.assertEqual([["stopped"]], state)

        began = time.monotonic()
        self.node.start()
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual("created", self.admin.call("GET", "/nodes/h2")["state"])
        self.assertEqual("on", self.client.show(uuid)["power_state"])
        self.client.wait(self.client.create("next", self.empty)["uuid"], "created")
        self.assertEqual(qemu, self.node.qemu(uuid))

    def test_sigterm_in_the_middle_is_quick_and_the_next_start_does_the_rest(self):
        slow = self.offer("slow", Slow(disk_images.raw(b"sigterm"), 20))
        waiting = self.client.create("waiting", slow)["uuid"]
        made = [self.client.create(f"made-{i}", self.empty)["uuid"] for i in range(5)]
        wait_for(self.node.downloads, 10, "the download has begun")
        began = time.monotonic()
        self.assertEqual(0, self.node.stop())
        self.assertLess(time.monotonic() - began, 8)
        self.offer("slow", disk_images.raw(b"sigterm"))
        self.node.start()
        for uuid in (waiting, *made):
            self.client.wait(uuid, "created")
            self.assertTrue(self.node.domain(uuid))
        self.assertEqual([], self.node.downloads())

    def test_sigint_is_as_good(self):
        os.kill(self.node.pid, signal.SIGINT)
        self.assertEqual(0, self.node.ended(10))

    def test_a_second_daemon_on_the_same_port_says_so_and_ends(self):
        done = self.node.tool("run", options={"STORAGE_PATH": "/srv/elsewhere"})
        self.assertNotEqual(0, done.returncode)
        self.assertIn("13000", done.stderr)
        self.assertTrue(self.node.running())

    def test_a_second_daemon_on_the_same_storage_touches_nothing_of_the_first(self):
        done = self.node.tool("run", options={"API_PORT": "13999"})
        self.assertNotEqual(0, done.returncode)
        self.assertIn("another sf-node uses /srv/shakenfist", done.stderr)
        self.assertTrue(self.node.running())

    def test_libvirtd_may_be_restarted(self):
        uuid = self.client.create("steady", self.empty)["uuid"]
        self.client.wait(uuid, "created")
        qemu = self.node.qemu(uuid)
        self.bed.hosts("restart", "h2", "libvirtd")
        self.client.wait(self.client.create("after", self.empty)["uuid"], "created")
        self.assertEqual(qemu, self.node.qemu(uuid))
        self.client.call("POST", f"/instances/{uuid}/pause")
        self.assertEqual("paused", self.client.show(uuid)["power_state"])

    def test_a_libvirtd_that_stands_still_holds_up_nothing_but_its_instances(self):
        uuid = self.client.create("stuck", self.empty)["uuid"]
        self.client.wait(uuid, "created")
        self.bed.hosts("freeze", "h2", "libvirtd")
        self.addCleanup(lambda: frozen() and self.bed.hosts("thaw", "h2", "libvirtd"))
        frozen = lambda: "frozen" in self.bed.hosts("show", "h2").stdout
        for most in (14, 2):  # It is waited for once.
            began = time.monotonic()
            self.assertIn("libvirt", self.client.refused(503, "POST", f"/instances/{uuid}/poweroff"))
            self.assertLess(time.monotonic() - began, most)
        self.assertEqual("created", self.client.show(uuid)["state"])
        network = self.client.call("POST", "/networks", {
            "name": "meanwhile", "netblock": "10.0.1.0/24", "provide_nat": False})
        link = f"vxlan-{network['vxid']:06x}"
        wait_for(lambda: link in self.bed.run("h2", "ip", "-br", "link"), 15, "it has its mesh",
                 self.node.tail)
        self.client.call("DELETE", f"/networks/{network['uuid']}")
        self.bed.hosts("thaw", "h2", "libvirtd")
        self.wait_power(uuid, "off")  # As the last wish was.

    def test_poweron_makes_the_nics_that_the_host_has_lost(self):
        network = self.client.call("POST", "/networks", {
            "name": "lost", "netblock": "10.19.0.0/24", "provide_dhcp": False, "provide_nat": False})
        made = self.client.create("switched", self.empty, network=[{"network_uuid": network["uuid"]}])
        uuid, tap = made["uuid"], "sf-" + made["interfaces"][0]["uuid"].replace("-", "")[:12]
        self.client.wait(uuid, "created")
        self.client.call("POST", f"/instances/{uuid}/poweroff")
        self.bed.run("h2", "ip", "link", "del", tap)
        self.client.call("POST", f"/instances/{uuid}/poweron")
        self.assertIn(f"br-vxlan-{network['vxid']:06x}", self.bed.run("h2", "ip", "link", "show", tap))

    def test_a_wish_that_the_daemon_did_not_live_to_carry_out_is_carried_out(self):
        uuid = self.client.create("wished", self.empty)["uuid"]
        self.client.wait(uuid, "created")
        self.node.kill()
        self.bed.sql(self.node.database,
                     f"UPDATE instances SET power_wanted = 0 WHERE uuid = '{uuid}'; SELECT 1")
        self.node.start()
        self.wait_power(uuid, "off")
        self.assertIn("as had been asked for", self.client.history(uuid))


class Subcommands(NodeTest):
    # A second daemon on the first one's storage would be refused for that alone.
    ELSEWHERE = {"STORAGE_PATH": "/srv/elsewhere"}

    def refused(self, words, options, *texts):
        done = self.node.tool(*words, options=self.ELSEWHERE | options)
        self.assertNotEqual(0, done.returncode, done)
        self.assertTrue(done.stderr.startswith("sf-node: "), done)
        self.assertEqual(1, done.stderr.count("\n"), done)
        for text in texts:
            self.assertIn(text, done.stderr)
        self.assertNotIn("sfpass", done.stdout + done.stderr)

    def test_options_that_make_no_sense_are_errors_that_say_where(self):
        for options, *texts in (
                ({"SQL_URL": None}, "SQL_URL", "mysql://"),
                ({"SQL_URL": "postgres://x"}, "SQL_URL"),
                ({"SQL_URL": "mysql://sf:sfpass@"}, "SQL_URL"),
                ({"API_PORT": "99999"}, "API_PORT", "99999"),
                ({"API_PORT": "31000"}, "CONSOLE_PORTS"),
                ({"VIRT_TYPE": "xen"}, "VIRT_TYPE", "kvm"),
                ({"NODE_NAME": "a b"}, "NODE_NAME"),
                ({"NODE_IP": "nowhere"}, "NODE_IP"),
                ({"STORAGE_PATH": "here"}, "STORAGE_PATH"),
                ({"NODE_NAM": "x"}, "NODE_NAM", "NODE_NAME"),
                ({"CONSOLE_PORTS": "9-1"}, "CONSOLE_PORTS"),
                ({"CPU_OVERCOMMIT_RATIO": "much"}, "CPU_OVERCOMMIT_RATIO"),
                ({"TEMPLATE_PATH": "/nowhere"}, "/nowhere"),
                ({"API_ADDRESS": "192.0.2.99"}, "192.0.2.99")):
            with self.subTest(options=options):
                self.refused(["run"], options, *texts)
        self.refused(["--api-prot=1", "run"], {}, "--api-port")
        self.refused(["fly"], {}, "fly")
        self.refused([], {}, "--help")
        self.refused(["--config", "/nowhere.conf", "run"], {}, "/nowhere.conf")

    def test_a_wrong_password_is_said_at_once_and_not_shown(self):
        url = self.node.options["SQL_URL"].replace("sfpass", "wr0ng-pass")
        done = self.node.tool("run", options=self.ELSEWHERE | {"SQL_URL": url})
        self.assertNotEqual(0, done.returncode)
        self.assertIn("denied", done.stderr)
        self.assertNotIn("wr0ng-pass", done.stderr)

    def test_help_names_each_option_with_its_default(self):
        done = self.node.tool("--help")
        self.assertEqual(0, done.returncode)
        for word in ("--sql-url", "SHAKENFIST_NODE_IP", "/srv/shakenfist", "bootstrap-system-key",
                     "migrate"):
            self.assertIn(word, done.stdout)

    def test_config_prints_what_is_in_force_without_the_password(self):
        done = self.node.tool("config")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertRegex(done.stdout, r"NODE_NAME\W+h1\b")
        self.assertNotIn("sfpass", done.stdout)

    def test_check_prints_a_table_of_what_is_well_and_what_to_do(self):
        done = self.node.tool("check")
        self.assertEqual(0, done.returncode, done)
        for part in ("libvirt", "KVM", "Docker", "MySQL", "clock", "mesh NIC", "disk", "kernel",
                     "templates"):
            self.assertRegex(done.stdout, rf"(?m)^{part} +(ok|note) ")
        self.assertRegex(done.stdout, r"Docker +ok +answers")
        self.assertIn("This host can run sf-node.", done.stdout)

        url = self.node.options["SQL_URL"].replace(self.bed.settings["BED_INFRA"],
                                                   self.bed.address("h1"))
        done = self.node.tool("check", options={"SQL_URL": url})
        self.assertNotEqual(0, done.returncode)
        self.assertRegex(done.stdout, r"(?m)^MySQL +FAILED .*\n +-> .*SQL_URL")
        self.assertNotIn("sfpass", done.stdout)

    def test_migrate_may_be_repeated_and_says_what_it_did(self):
        database = "sf_migrate"
        node = Node(self.bed, "h1", name="migrant", database=database)
        self.bed.hosts("db", "sql", f"DROP DATABASE {database}")
        self.bed.hosts("db", "create", database)
        first, again = node.tool("migrate"), node.tool("migrate")
        self.assertEqual((0, 0), (first.returncode, again.returncode), (first, again))
        self.assertRegex(first.stdout, r"from version 0 to \d")
        self.assertIn("up to date", again.stdout)

    def test_a_schema_from_the_far_future_is_refused_in_words(self):
        database = "sf_future"
        node = Node(self.bed, "h1", name="dinosaur", database=database)
        node.tool("migrate")
        tables = self.bed.sql(database, "SHOW TABLES")
        table = next(row[0] for row in tables if "schema" in row[0])
        self.bed.sql(database, f"INSERT INTO {table} VALUES (999, 0)")
        done = node.tool("run", options=self.ELSEWHERE)
        self.assertNotEqual(0, done.returncode)
        self.assertIn("999", done.stderr)
        self.bed.hosts("db", "sql", f"DROP DATABASE {database}")


class TwoDaemons(NodeTest):
    def test_two_daemons_started_together_on_an_empty_database_both_come_up(self):
        database = "sf_pair"
        self.bed.hosts("db", "sql", f"DROP DATABASE IF EXISTS {database}")
        pair = [Node(self.bed, host, name=f"pair-{host}", database=database, port=13100,
                     storage="/srv/pair", CONSOLE_PORTS="40000-49999") for host in ("h1", "h2")]
        for node in pair:  # as this cluster is a new one, in a bed that was kept
            (node.storage / "secrets.json").unlink(missing_ok=True)
        try:
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(Node.start, pair))
            pair[0].bootstrap()
            clients = [node.client() for node in pair]
            both = {"pair-h1": "created", "pair-h2": "created"}
            for client in clients:  # of which the first may not have read again since the second came
                wait_for(lambda client=client: both == {
                    node["name"]: node["state"] for node in client.call("GET", "/nodes")
                }, 5, "both are in the list", lambda: pair[0].tail())
            # What one is told the other one builds, and both know of it.
            made = clients[0].create("there", self.empty, placed_on="pair-h2")
            self.assertEqual("pair-h2", made["requested_placement"])
            view = clients[1].wait(made["uuid"], "created")
            self.assertEqual("pair-h2", view["node"])
            self.assertTrue(pair[1].domain(made["uuid"]))
            clients[0].delete(made["uuid"])
            self.assertEqual([], pair[1].leftovers(made["uuid"]))
            clients[0].refused(404, "POST", "/instances", {
                "name": "x", "cpus": 1, "memory": 64, "disk": [{"size": 1}], "placed_on": "nowhere"
            })
            self.assertEqual(0, pair[1].stop())
            states = {node["name"]: node["state"] for node in clients[0].call("GET", "/nodes")}
            self.assertEqual({"pair-h1": "created", "pair-h2": "stopped"}, states)
        finally:
            for node in pair:
                node.kill()


if __name__ == "__main__":
    unittest.main()
