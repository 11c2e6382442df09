# SPDX-License-Identifier: Apache-2.0
"""What befalls the node that serves the networks: another takes over in time, and never do two of
them answer in one mesh for more than 2 s."""

import time
import unittest

from case import guest
from cluster import LONG, cluster, wait_for
from mesh_watch import BOTH, MeshWatch
from three_nodes import ThreeNodes

BOOT = 120  # seconds that a tiny guest may take on a busy machine
ADDRESS, MAC = "10.8.0.10", "02:00:00:08:00:10"


class Faults(ThreeNodes):
    """h2 has a guest and is left alone; the holder is one of the others, and breaks. Not on h1, as
    the node there is shared by other tests, and hosts lose their power here."""

    prefix, port = "faults", 13900
    hosts = ("h2", "h3", "h4")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        image = cluster().images.offer("/faults/tiny.qcow2", guest("tiny"))
        cls.home = cls.nodes[0]
        client = cls.home.client()
        cls.network = client.call("POST", "/networks", {
            "name": "watched", "netblock": "10.8.0.0/24", "provide_dhcp": True,
            "provide_nat": False})
        cls.guest = client.call("POST", "/instances", {
            "name": "guest", "cpus": 1, "memory": 128, "placed_on": cls.home.name,
            "disk": [{"base": image, "size": 1}],
            "network": [{"network_uuid": cls.network["uuid"], "address": ADDRESS,
                         "macaddress": MAC}]})["uuid"]
        cls.booted = cls.wait_booted()
        cls.watch = MeshWatch(cls.home, cls.nodes, cls.network, MAC)
        cls.addClassCleanup(cls.watch.close)

    @classmethod
    def tearDownClass(cls):
        client = cls.home.client()
        client.delete(cls.guest)
        client.call("DELETE", f"/networks/{cls.network['uuid']}")
        super().tearDownClass()

    def setUp(self):
        super().setUp()
        self.addCleanup(self.bed.hosts, "heal")
        self.keep_role_from(self.home)
        self.victim = self.node_named(self.holder(self.home)[0])
        self.others = [node for node in self.nodes if node is not self.victim]
        began = time.monotonic()
        served = self.watch.wait_served(began, 15)[0]
        self.assertIs(self.victim, served)

    @classmethod
    def wait_booted(cls, after=0):
        """Where on the console the guest has said that it got its address and booted."""
        client = cls.home.client()
        client.wait_console(cls.guest, rf"TINY IP={ADDRESS}/24 .*via=dhcp", BOOT, after)
        return after + client.wait_console(cls.guest, "TINY BOOTED", BOOT, after).end()

    def assert_replaced(self, harm, mend, seconds=15):
        """Another answers within so many seconds of the harm, and goes on alone when it is mended;
        and never did two of them for long."""
        began = time.monotonic()
        harm()
        successor, when = self.watch.wait_served(began, seconds, but=self.victim)
        print(f"served again after {when - began:.1f} s,", end=" ", flush=True)
        self.assertEqual(successor.name, self.holder(successor)[0])
        mend()
        self.wait_well()
        self.assert_served_by_one(successor, began, 5)
        both = self.watch.both(began)
        print(f"both for {both:.1f} s", end=" ", flush=True)
        self.assertLessEqual(both, BOTH, self.watch.show(began))

    def assert_served_by_one(self, node, began, seconds):
        """From now on by this one alone; the other has ended by then."""
        wait_for(lambda: self.who_answers() == {node}, seconds, f"{node.name} alone serves",
                 lambda: self.watch.show(began))

    def who_answers(self):
        return {who for _, _, who in self.watch.since(time.monotonic() - 1)}

    # ---- it ends ---------------------------------------------------------------------------------

    def test_its_host_loses_power_and_a_rebooted_guest_has_the_same_address(self):
        def mend():
            self.home.client().call("POST", f"/instances/{self.guest}/reboothard")
            Faults.booted = self.wait_booted(self.booted)
            self.bed.hosts("boot", self.victim.host)
            self.victim.ended()
            self.victim.start()

        self.assert_replaced(lambda: self.bed.hosts("crash", self.victim.host), mend)

    # ---- it stands still -------------------------------------------------------------------------

    def test_its_daemon_is_frozen_while_its_container_runs_on(self):
        self.addCleanup(self.victim.kill)
        self.assert_replaced(self.victim.freeze, self.victim.thaw, 20)

    def test_its_host_is_frozen_and_thawed(self):
        host = self.victim.host
        self.addCleanup(self.bed.hosts, "thaw", host)
        self.assert_replaced(lambda: self.bed.hosts("freeze", host),
                             lambda: self.bed.hosts("thaw", host))

    # ---- it is cut off ---------------------------------------------------------------------------

    def test_cut_off_from_all_it_is_replaced_and_ends_when_it_is_back(self):
        self.assert_replaced(lambda: self.bed.hosts("cut", self.victim.host),
                             lambda: self.bed.hosts("heal"))

    @unittest.skipUnless(LONG, "as above, in each way")
    def test_cut_off_so_that_it_hears_nothing_it_is_replaced_too(self):
        self.assert_replaced(lambda: self.bed.hosts("cut", self.victim.host, "--in"),
                             lambda: self.bed.hosts("heal"))

    @unittest.skipUnless(LONG, "as above, in each way")
    def test_cut_off_so_that_nobody_hears_it_it_is_replaced_too(self):
        self.assert_replaced(lambda: self.bed.hosts("cut", self.victim.host, "--out"),
                             lambda: self.bed.hosts("heal"))

    def test_cut_off_from_gossip_alone_it_goes_on(self):
        began = time.monotonic()
        self.cut_gossip()
        self.wait_state("dead", self.victim, self.others, 15)
        self.assert_goes_on(began, time.monotonic() + 5)

    def test_cut_off_from_the_database_alone_it_goes_on(self):
        began = time.monotonic()
        self.cut_database()
        self.assert_goes_on(began, began + 10)

    # A holder that reaches nobody goes on for its own side of the cut. Here both sides are one mesh,
    # and it hears of its successor there, by nothing else.
    def test_cut_off_from_gossip_and_database_but_not_from_the_mesh_it_ends(self):
        def harm():
            self.cut_gossip()
            self.cut_database()

        def mend():
            wait_for(lambda: self.victim not in self.who_answers(), 5, "the old holder ended")
            self.bed.hosts("heal")

        self.assert_replaced(harm, mend)

    def cut_gossip(self):
        self.bed.hosts("cut", self.victim.host, "--port", self.victim.options["GOSSIP_PORT"])

    def cut_database(self):
        self.bed.hosts("cut", self.victim.host, "infra", "--port", "3306")

    def assert_goes_on(self, began, until):
        """Until then, and when all is healed, the holder serves, alone and without a pause."""
        wait_for(lambda: self.watch.since(until), 30, "somebody still serves")
        self.bed.hosts("heal")
        self.wait_well()
        self.assert_served_by_one(self.victim, began, 5)
        self.assertEqual([self.victim.name], [node.name for node, *_ in self.watch.spells(began)],
                         self.watch.show(began))
        self.assertLess(self.watch.silence(began), 2, self.watch.show(began))


if __name__ == "__main__":
    unittest.main()
