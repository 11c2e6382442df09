# SPDX-License-Identifier: Apache-2.0
"""Tasks for sf-client's ansible verbs: the first run changes what is there, and the second nothing."""

import unittest

from ansible_verbs import Failed, Verbs
from case import NodeTest
from cluster import wait_for


class Ansible(NodeTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.verbs = Verbs(cls.client)
        cls.by_admin = Verbs(cls.admin)

    def converges(self, verb, *words, **task):
        """Once and not again; an instance or a network is not replaced in the second run."""
        self.assertEqual([True, False], [verb(*words, **task) for _ in range(2)])

    def test_a_namespace_comes_and_goes(self):
        name = f"{self.client.namespace}-tasks"
        self.converges(self.by_admin.namespace_present, name)
        self.assertTrue(self.by_admin.namespace_absent(name))
        # For seconds it is shown as deleted, which ends the verb's wait; a task just then fails.
        with self.assertRaises(Failed):
            self.by_admin.namespace_absent(name)
        path = f"/auth/namespaces/{name}"
        wait_for(lambda: self.admin.request("GET", path).status == 404, 12, "it is forgotten")
        self.assertFalse(self.by_admin.namespace_absent(name))
        self.converges(self.by_admin.namespace_present, name)
        self.admin.call("DELETE", path)

    def test_a_network_comes_changes_and_goes(self):
        net = "tasked"
        self.converges(self.verbs.network_present, net, "10.0.0.0/24")
        before = self.client.call("GET", f"/networks/{net}")["uuid"]
        self.assertFalse(self.verbs.network_present(net, "10.0.0.0/24", dhcp=True, nat=True))
        self.assertFalse(self.by_admin.network_present(net, "10.0.0.0/24",
                                                       namespace=self.client.namespace))
        self.converges(self.verbs.network_present, net, "10.0.1.0/24")
        self.assertEqual("deleted", self.client.call("GET", f"/networks/{before}")["state"])
        self.converges(self.verbs.network_present, net, "10.0.1.0/24", dhcp=False, nat=False)
        self.converges(self.verbs.network_absent, net)

    def test_swapped_nat_and_dhcp_make_a_network_anew_each_time_and_it_stays_the_right_one(self):
        net = "swapped"
        for _ in range(2):
            self.assertTrue(self.verbs.network_present(net, "10.0.2.0/24", nat=True, dhcp=False))
            found = self.client.call("GET", f"/networks/{net}")
            self.assertEqual((True, False), (found["provide_dhcp"], found["provide_nat"]))
        self.assertTrue(self.verbs.network_absent(net))

    def test_an_instance_comes_changes_and_goes(self):
        net = self.client.call("POST", "/networks", {"name": "tasks", "netblock": "10.0.3.0/24",
                                                     "provide_nat": False})["uuid"]
        task = {"networks": [net], "disks": [f"1@{self.empty}"], "ssh_key": "ssh-rsa A b\n",
                "user_data": "aGVsbG8="}
        present = self.verbs.instance_present
        self.converges(present, "tasked", 1, 128, **task)
        before = self.client.show("tasked")["uuid"]
        self.converges(present, "tasked", 1, 192, **task)
        self.assertNotEqual(before, self.client.show("tasked")["uuid"])
        self.assertEqual("deleted", self.client.show(before)["state"])
        task |= {"disks": [f"1@{self.empty}", "1"], "diskspecs": ["size=1,bus=scsi,type=disk"]}
        self.converges(present, "tasked", 1, 192, **task)
        task |= {"networks": [], "networkspecs": [f"network_uuid={net},address=10.0.3.9,model=e1000"]}
        self.converges(present, "tasked", 1, 192, **task, configdrive="none", side_channels=["one"],
                       video={"model": "vga", "memory": 16384, "vdi": "vnc"}, uefi=False,
                       namespace=self.client.namespace)
        self.converges(self.verbs.instance_absent, "tasked")
        self.client.call("DELETE", f"/networks/{net}")

    def test_an_administrator_works_in_a_namespace_that_the_task_names(self):
        task = {"disks": [f"1@{self.empty}"], "namespace": self.client.namespace}
        self.converges(self.by_admin.instance_present, "of-others", 1, 128, **task)
        self.assertEqual(self.client.namespace, self.client.show("of-others")["namespace"])
        self.assertFalse(self.by_admin.instance_absent("of-others", namespace="system"))
        self.converges(self.by_admin.instance_absent, "of-others", namespace=self.client.namespace)


if __name__ == "__main__":
    unittest.main()
