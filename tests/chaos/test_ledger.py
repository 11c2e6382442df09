# SPDX-License-Identifier: Apache-2.0
"""That the ledger notices what it is there for, and nothing else; and that a seed deals the same."""

import unittest

from ledger import DONE, REFUSED, UNKNOWN, Ledger, NicRow, Row, Rows
from schedule import KINDS, deal

NIC = NicRow("nic-1", "uuid-1", "net-1", "02:00:00:00:00:01", "10.14.0.2")
VIEW = {"uuid": "uuid-1", "interfaces": [{"uuid": NIC.uuid, "network_uuid": NIC.network,
                                         "macaddr": NIC.mac, "ipv4": NIC.address}]}


def row(state="created", uuid="uuid-1", name="i", **fields):
    return Row("instances", uuid, name, state, "n1", **fields)


class LedgerTest(unittest.TestCase):
    def setUp(self):
        self.ledger = Ledger()
        self.thing = self.ledger.asked("instances", "i")

    def create(self):
        self.ledger.created(self.thing, DONE, VIEW)
        self.thing.power = True

    def judge(self, *things, nics=(NIC,), taken=()):
        self.ledger.judge(Rows(list(things), list(nics), list(taken)))
        return self.ledger.broken

    def assert_broken(self, words, *things, **rows):
        broken = self.judge(*things, **rows)
        self.assertEqual(1, len(broken), broken)
        self.assertIn(words, broken[0])

    # ---- what is as it was promised --------------------------------------------------------------

    def test_a_kept_promise(self):
        self.create()
        self.assertEqual([], self.judge(row()))

    def test_a_refused_create_that_left_nothing(self):
        self.ledger.created(self.thing, REFUSED)
        self.assertEqual([], self.judge(nics=()))

    def test_an_unknown_create_may_be_either_and_is_known_afterwards(self):
        self.assertEqual([], self.judge(row()))
        self.assert_broken("acknowledged, and it is not there")

    def test_an_unknown_delete_may_be_either(self):
        self.create()
        self.ledger.deleted(self.thing, UNKNOWN)
        self.assertEqual([], self.judge(row("deleted"), nics=()))

    def test_an_unknown_switch_may_be_either_also_after_one_that_was_done(self):
        self.create()
        self.ledger.powered(self.thing, False, UNKNOWN)
        self.ledger.powered(self.thing, True, DONE)
        self.assertEqual([], self.judge(row(power_wanted=False)))
        self.assertIs(self.thing.power, False)

    def test_an_error_with_a_cause_of_what_was_never_built(self):
        self.create()
        self.assertEqual([], self.judge(row("error", error="no such image")))

    def test_a_network_that_waits_for_its_last_interface(self):
        self.ledger.created(self.thing, DONE, {"uuid": "net-1"})
        self.ledger.deleted(self.thing, DONE)
        self.ledger.asked("instances", "user")
        self.assertEqual([], self.judge(Row("networks", "net-1", "i", "delete-wait"),
                                        row(name="user")))

    def test_a_network_whose_deletion_was_not_answered_and_waits_likewise(self):
        self.ledger.created(self.thing, DONE, {"uuid": "net-1"})
        self.ledger.deleted(self.thing, UNKNOWN)
        self.ledger.asked("instances", "user")
        self.assertEqual([], self.judge(Row("networks", "net-1", "i", "delete-wait"),
                                        row(name="user")))
        self.assertEqual([], self.judge(row(name="user")))

    # ---- what is not -----------------------------------------------------------------------------

    def test_a_create_that_is_lost(self):
        self.create()
        self.assert_broken("acknowledged, and it is not there", nics=())

    def test_a_delete_that_is_undone(self):
        self.create()
        self.ledger.deleted(self.thing, DONE)
        self.assert_broken("should not be there", row())

    def test_a_delete_that_never_ends(self):
        self.create()
        self.ledger.deleted(self.thing, DONE)
        self.assert_broken("should not be there", row("delete-wait"), nics=())

    def test_a_refused_create_that_was_done_all_the_same(self):
        self.ledger.created(self.thing, REFUSED)
        self.assert_broken("should not be there", row())

    def test_a_create_that_was_done_twice(self):
        self.create()
        self.assert_broken("there twice", row(), row(uuid="uuid-2"))

    def test_what_nobody_asked_for(self):
        self.create()
        self.assert_broken("made by nobody", row(), row(uuid="uuid-2", name="other"))

    def test_a_switch_that_is_forgotten(self):
        self.create()
        self.ledger.powered(self.thing, False, DONE)
        self.assert_broken("should be off", row(power_wanted=True))

    def test_a_floating_address_that_is_not_there(self):
        self.create()
        self.ledger.floated(self.thing, NIC.uuid, True, DONE)
        self.assert_broken("floating", row())

    def test_an_error_that_nobody_explains(self):
        self.create()
        self.assert_broken("nobody knows why", row("error"))

    def test_an_error_of_what_was_built(self):
        self.create()
        self.thing.built = True
        self.assert_broken("in error now", row("error", error="could not be started again: no"))

    def test_an_address_that_is_not_the_promised_one(self):
        self.create()
        other = NicRow(NIC.uuid, NIC.instance, NIC.network, NIC.mac, "10.14.0.3")
        self.assert_broken("was promised", row(), nics=[other])

    def test_an_address_that_was_promised_twice(self):
        self.create()
        second = self.ledger.asked("instances", "j")
        self.ledger.created(second, DONE, {"uuid": "uuid-2", "interfaces": [
            {**VIEW["interfaces"][0], "uuid": "nic-2", "macaddr": "02:00:00:00:00:02"}]})
        nics = [NIC, NicRow("nic-2", "uuid-2", NIC.network, "02:00:00:00:00:02", NIC.address)]
        self.assert_broken("address", row(), row(uuid="uuid-2", name="j"), nics=nics)

    def test_a_port_that_two_have(self):
        self.create()
        self.assert_broken("port", row(), taken=[("port", ("n1", "30000"), "uuid-1 console"),
                                                 ("port", ("n1", "30000"), "uuid-2 console")])


class ScheduleTest(unittest.TestCase):
    HOSTS = ("h1", "h2", "h3", "h4")

    def test_a_seed_deals_the_same_again_and_another_does_not(self):
        self.assertEqual(deal(7, 1, self.HOSTS, 60), deal(7, 1, self.HOSTS, 60))
        self.assertNotEqual(deal(7, 1, self.HOSTS, 60), deal(8, 1, self.HOSTS, 60))
        self.assertNotEqual(deal(7, 1, self.HOSTS, 60), deal(7, 2, self.HOSTS, 60))

    def test_every_kind_is_dealt_before_one_is_dealt_again(self):
        for seed in range(50):
            faults = [fault for hand in deal(seed, 1, self.HOSTS, 75) for fault in hand]
            self.assertEqual({kind.name for kind in KINDS}, {fault.name for fault in faults})

    def test_the_host_that_watches_is_spared(self):
        for seed in range(50):
            for fault in (fault for hand in deal(seed, 1, self.HOSTS, 75) for fault in hand):
                if fault.kind.spared:
                    self.assertNotIn("h1", fault.needs()[0] + fault.needs()[-1])


if __name__ == "__main__":
    unittest.main()
