# SPDX-License-Identifier: Apache-2.0
"""Networks and interfaces, as sf-client 0.7.5 asks for them and reads them: each command's very calls."""

import ipaddress
import re
import unittest
import uuid as uuids
from concurrent.futures import ThreadPoolExecutor

from case import NodeTest, guest
from cluster import wait_for
from shapes import INTERFACE, NETWORK

FLOATING = ipaddress.ip_network("192.168.20.0/24")


class NetworkTest(NodeTest):
    """What is left of a test's instances is deleted with its namespace, and then its networks."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(cls.empty_networks)  # before the instances: they end their networks

    @classmethod
    def empty_networks(cls):
        for client in cls.clients:
            cls.admin.call("DELETE", "/networks", {
                "confirm": True, "namespace": client.namespace, "clean_wait": True})

    def check(self, shape, view):
        self.assertEqual(set(shape), set(view))
        for key, kind in shape.items():
            self.assertIsInstance(view[key], kind, key)

    def network(self, name, netblock="10.0.0.0/24", client=None, **fields):
        """network create: the post, and a look each second until it is neither initial nor creating."""
        client = client or self.client
        view = client.call("POST", "/networks", {
            "name": name, "netblock": netblock, "provide_dhcp": True, "provide_nat": False,
            "namespace": None, **fields})
        self.check(NETWORK, view)
        self.assertIn(view["state"], ("initial", "created"))
        return client.wait(view["uuid"], "created", 10, "networks")

    def instance(self, name, *networks, client=None, **fields):
        """instance create, as far as its answer."""
        client = client or self.client
        view = client.create(name, self.empty, network=list(networks), **fields)
        for interface in view["interfaces"]:
            self.check(INTERFACE, interface)
        return view

    def gone(self, instance):
        self.client.delete(instance["uuid"])


class Networks(NetworkTest):
    def test_create_show_list_delete(self):
        made = self.network("front", "10.1.0.0/24", provide_nat=True)
        self.assertEqual(("front", self.client.namespace, "10.1.0.0/24", True, True, False), tuple(
            made[key] for key in ("name", "namespace", "netblock", "provide_dhcp", "provide_nat",
                                  "provide_dns")))
        self.assertTrue(0 < made["vxid"] < 1 << 24)
        self.assertIn(ipaddress.ip_address(made["floating_gateway"]), FLOATING)
        for ref in ("front", made["uuid"]):
            self.assertEqual(made, self.client.call("GET", f"/networks/{ref}"))
        self.assertEqual({}, self.client.call("GET", "/networks/front/metadata"))
        self.assertEqual([], self.client.call("GET", "/networks/front/interfaces"))
        self.assertIn(made, self.client.call("GET", "/networks", {"all": False}))

        deleted = self.client.call("DELETE", "/networks/front")
        self.assertEqual((made["uuid"], "deleted"), (deleted["uuid"], deleted["state"]))
        self.client.refused(404, "GET", "/networks/front")
        self.client.refused(404, "DELETE", f"/networks/{made['uuid']}")
        self.assertEqual("deleted", self.client.call("GET", f"/networks/{made['uuid']}")["state"])
        listed = [one["uuid"] for one in self.client.call("GET", "/networks", {"all": False})]
        self.assertNotIn(made["uuid"], listed)
        listed = [one["uuid"] for one in self.client.call("GET", "/networks", {"all": True})]
        self.assertIn(made["uuid"], listed)

    def test_what_is_not_provided_is_not(self):
        made = self.network("bare", provide_dhcp=False, provide_nat=False, provide_dns=True)
        self.assertEqual((False, False, True, None), tuple(
            made[key]
            for key in ("provide_dhcp", "provide_nat", "provide_dns", "floating_gateway")))

    def test_bad_netblocks_are_400(self):
        for netblock in ("10.0.0.1/24", "10.0.0.0/30", "front", "10.0.0.0/33", None, 7):
            error = self.client.refused(400, "POST", "/networks",
                                        {"name": "bad", "netblock": netblock})
            self.assertIn("netblock", error)

    def test_namespaces_are_kept_apart(self):
        made = self.network("apart")
        other = self.new_namespace()
        for ref in ("apart", made["uuid"]):
            for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/interfaces"),
                                 ("GET", "/events"), ("GET", "/metadata")):
                self.assertIn("not found", other.refused(404, method, f"/networks/{ref}{path}"))
        self.assertEqual([], other.call("GET", "/networks"))
        body = {"name": "x", "netblock": "10.0.0.0/24", "namespace": self.client.namespace}
        other.refused(401, "POST", "/networks", body)
        self.admin.refused(404, "POST", "/networks", {**body, "namespace": "nobodys"})
        self.assertEqual(self.client.namespace,
                         self.admin.call("POST", "/networks", body)["namespace"])
        self.assertEqual(made["uuid"], self.admin.call(
            "GET", "/networks/apart", {"namespace": self.client.namespace})["uuid"])
        self.admin.refused(404, "GET", "/networks/apart", {"namespace": other.namespace})

    def test_a_name_that_two_have_is_400(self):
        self.network("twins")
        self.network("twins")
        self.assertIn("2 networks", self.client.refused(400, "GET", "/networks/twins"))
        self.client.refused(400, "DELETE", "/networks/twins")

    def test_metadata_and_events(self):
        made = self.network("described")
        path = f"/networks/{made['uuid']}/metadata"
        self.assertIsNone(self.client.call("PUT", f"{path}/owner", {"value": "me"}))
        self.assertIsNone(self.client.call("POST", path, {"key": "list", "value": [1, {"a": 2}]}))
        self.assertEqual({"owner": "me", "list": [1, {"a": 2}]}, self.client.call("GET", path))
        self.assertIsNone(self.client.call("DELETE", f"{path}/owner"))
        self.assertIsNone(self.client.call("DELETE", f"{path}/owner"))
        self.assertEqual({"list": [1, {"a": 2}]}, self.client.call("GET", "/networks/described")["metadata"])
        self.client.refused(400, "PUT", f"{path}/owner", {"value": ""})
        messages = [event["message"] for event in self.client.events("described", "networks")]
        self.assertEqual(["network created"], messages)

    def test_the_built_in_one_is_the_administrators_and_stays(self):
        built_in = self.admin.call("GET", "/networks/floating")
        self.check(NETWORK, built_in)
        self.assertEqual(("system", str(FLOATING)), (built_in["namespace"], built_in["netblock"]))
        self.admin.refused(403, "DELETE", "/networks/floating")
        self.client.refused(404, "DELETE", "/networks/floating")
        self.assertNotIn(built_in["uuid"], self.admin.call(
            "DELETE", "/networks", {"confirm": True, "namespace": "system", "clean_wait": True}))
        self.admin.refused(404, "POST", "/instances", {
            "name": "x", "cpus": 1, "memory": 64, "disk": [{"size": 1}],
            "network": [{"network_uuid": "floating"}]})

    def test_of_a_hundred_made_at_once_no_two_share_a_vni(self):
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda i: self.network(f"many-{i}"), range(100)))
        self.assertEqual(100, len({one["vxid"] for one in made}))
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda one: self.client.call("DELETE", f"/networks/{one['uuid']}"), made))


class Interfaces(NetworkTest):
    def test_an_instance_in_two_networks_has_two_interfaces_in_the_order_asked_for(self):
        front, back = self.network("two-front"), self.network("two-back", "10.2.0.0/29",
                                                               provide_nat=True)
        made = self.instance("two", {"network_uuid": "two-back", "macaddress": None,
                                     "model": "e1000", "address": "10.2.0.5", "float": True},
                             {"network_uuid": front["uuid"], "macaddress": "04:ED:33:c0:2e:6c"},
                             {"network_uuid": "two-front", "address": None})
        first, second, third = made["interfaces"]
        self.assertEqual((back["uuid"], made["uuid"], 0, "10.2.0.5", "e1000", "created"), tuple(
            first[key]
            for key in ("network_uuid", "instance_uuid", "order", "ipv4", "model", "state")))
        self.assertTrue(re.fullmatch("02:00:00(:[0-9a-f]{2}){3}", first["macaddr"]), first)
        self.assertIn(ipaddress.ip_address(first["floating"]), FLOATING)
        self.assertEqual(("04:ed:33:c0:2e:6c", "10.0.0.2", "virtio", None),
                         tuple(second[key] for key in ("macaddr", "ipv4", "model", "floating")))
        self.assertEqual((2, None), (third["order"], third["ipv4"]))

        self.assertEqual(made["interfaces"], self.client.show("two")["interfaces"])
        self.assertEqual(made["interfaces"], self.client.call("GET", "/instances/two/interfaces"))
        listed = next(one for one in self.client.call("GET", "/instances")
                      if one["uuid"] == made["uuid"])
        self.assertEqual(made["interfaces"], listed["interfaces"])
        self.assertEqual([second, third],
                         self.client.call("GET", f"/networks/{front['uuid']}/interfaces"))
        self.assertEqual(first, self.client.call("GET", f"/interfaces/{first['uuid']}"))

    def test_after_its_instance_an_interface_reads_deleted_and_its_addresses_are_free(self):
        self.network("short", provide_nat=True)
        spec = {"network_uuid": "short", "address": "10.0.0.9", "float": True}
        made = self.instance("short", spec)
        interface = made["interfaces"][0]
        self.gone(made)
        read = self.client.call("GET", f"/interfaces/{interface['uuid']}")
        self.assertEqual(("deleted", None), (read["state"], read["floating"]))
        self.assertEqual([], self.client.call("GET", "/networks/short/interfaces"))
        again = self.instance("short", spec)
        self.assertEqual("10.0.0.9", again["interfaces"][0]["ipv4"])

    def test_what_cannot_be_is_refused_and_leaves_nothing(self):
        self.network("refuser", "10.0.0.0/24")
        other = self.new_namespace()
        foreign = self.network("foreign", client=other)
        self.network("doubled")
        self.network("doubled")
        self.instance("first", {"network_uuid": "refuser", "address": "10.0.0.7",
                                "macaddress": "02:00:00:00:00:07"})
        for status, spec in ((404, {"network_uuid": "nothing"}),
                             (404, {"network_uuid": str(uuids.uuid4())}),
                             (404, {"network_uuid": foreign["uuid"]}),
                             (404, {"network_uuid": "foreign"}),
                             (400, {"network_uuid": "doubled"}), (400, {}), (400, "refuser"),
                             (400, {"network_uuid": "refuser", "address": "10.0.1.7"}),
                             (400, {"network_uuid": "refuser", "address": "10.0.0.1"}),
                             (400, {"network_uuid": "refuser", "address": "10.0.0.255"}),
                             (400, {"network_uuid": "refuser", "address": "front"}),
                             (400, {"network_uuid": "refuser", "macaddress": "front"}),
                             (400, {"network_uuid": "refuser", "model": "front"}),
                             (409, {"network_uuid": "refuser", "address": "10.0.0.7"}),
                             (409, {"network_uuid": "refuser", "macaddress": "02:00:00:00:00:07"})):
            with self.subTest(spec=spec):
                self.client.refused(status, "POST", "/instances", {
                    "name": "refused", "cpus": 1, "memory": 64, "network": [spec],
                    "disk": [{"size": 1}]})
        self.client.refused(404, "GET", "/instances/refused")
        self.assertEqual(1, len(self.client.call("GET", "/networks/refuser/interfaces")))

    def test_fifty_creates_for_a_small_network_give_as_many_as_it_has_addresses(self):
        self.network("small", "10.0.0.0/29")
        body = {"name": "racer", "cpus": 1, "memory": 64, "disk": [{"size": 1, "base": self.empty}],
                "network": [{"network_uuid": "small"}]}
        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(
                lambda _: self.client.request("POST", "/instances", body), range(50)))
        made = [answer.json for answer in answers if answer.status == 200]
        self.assertEqual({200, 507}, {answer.status for answer in answers})
        self.assertEqual({f"10.0.0.{i}" for i in range(2, 7)},
                         {one["interfaces"][0]["ipv4"] for one in made})
        self.assertEqual(5, len(made))
        self.assertEqual(5, len(self.client.call("GET", "/networks/small/interfaces")))

    def test_float_shows_at_once_and_defloat_takes_it_back(self):
        self.network("floats", provide_nat=True)
        interface = self.instance("floats", {"network_uuid": "floats"})["interfaces"][0]
        path = f"/interfaces/{interface['uuid']}"
        self.assertIsNone(self.client.call("POST", f"{path}/float"))
        address = self.client.call("GET", path)["floating"]
        self.assertIn(ipaddress.ip_address(address), FLOATING)
        self.assertIsNone(self.client.call("POST", f"{path}/float"))
        self.assertEqual(address, self.client.call("GET", path)["floating"])
        self.assertIsNone(self.client.call("POST", f"{path}/defloat"))
        self.assertIsNone(self.client.call("GET", path)["floating"])
        self.assertIsNone(self.client.call("POST", f"{path}/defloat"))
        stranger = self.new_namespace()
        for method, suffix in (("GET", ""), ("POST", "/float"), ("POST", "/defloat")):
            stranger.refused(404, method, path + suffix)
        self.client.refused(404, "GET", f"/interfaces/{uuids.uuid4()}")


    def test_metadata_of_an_interface(self):
        self.network("noted")
        interface = self.instance("noted", {"network_uuid": "noted"})["interfaces"][0]
        path = f"/interfaces/{interface['uuid']}"
        self.assertEqual({}, self.client.call("GET", f"{path}/metadata"))
        self.assertIsNone(self.client.call("PUT", f"{path}/metadata/role", {"value": "uplink"}))
        self.assertIsNone(self.client.call("POST", f"{path}/metadata", {"key": "n", "value": [1]}))
        self.assertEqual({"role": "uplink", "n": [1]}, self.client.call("GET", path)["metadata"])
        self.assertIsNone(self.client.call("DELETE", f"{path}/metadata/role"))
        self.assertEqual({"n": [1]}, self.client.call("GET", f"{path}/metadata"))
        self.client.refused(400, "PUT", f"{path}/metadata/role", {"value": ""})
        stranger = self.new_namespace()
        for method, suffix, body in (("GET", "", None), ("POST", "", {"key": "a", "value": 1}),
                                     ("PUT", "/a", {"value": 1}), ("DELETE", "/a", None)):
            stranger.refused(404, method, f"{path}/metadata{suffix}", body)

    def test_another_interface_is_refused_as_one_at_the_create(self):
        network = self.network("plug")
        waiting = self.client.create("waits", f"http://{self.bed.settings['BED_MACHINE']}:9/never")["uuid"]
        made = self.instance("plug", {"network_uuid": "plug", "address": "10.0.0.7"})
        self.client.wait(made["uuid"], "created")
        path = f"/instances/{made['uuid']}/interfaces"
        for status, spec in ((400, None), (400, "plug"), (400, {}), (404, {"network_uuid": "none"}),
                             (400, {"network_uuid": "plug", "address": "10.0.1.7"}),
                             (400, {"network_uuid": "plug", "float": True}),
                             (409, {"network_uuid": "plug", "address": "10.0.0.7"})):
            self.client.refused(status, "POST", path, {"network": spec})
        spec = {"network": {"network_uuid": "plug"}}
        self.assertEqual(406, self.client.request(
            "POST", f"/instances/{waiting}/interfaces", spec).status)
        stranger = self.new_namespace()
        self.network("plug", client=stranger)
        stranger.refused(404, "POST", path, spec)
        self.client.refused(404, "POST", f"/instances/{uuids.uuid4()}/interfaces", spec)
        self.assertEqual(made["interfaces"], self.client.show(made["uuid"])["interfaces"])

        added = self.client.call("POST", path, spec)
        self.check(INTERFACE, added)
        self.assertEqual(("initial", 1), (added["state"], added["order"]))
        self.client.wait(added["uuid"], "created", 20, "interfaces")
        self.assertEqual(2, len(self.client.call("GET", f"/networks/{network['uuid']}/interfaces")))


class Guests(NetworkTest):
    """What a guest is told on its config drive; DHCP is another matter."""

    def test_a_guest_has_the_addresses_of_its_row_and_the_mtu_of_its_mesh(self):
        image = self.offer("tiny.qcow2", guest("tiny"))
        self.network("plain", "10.3.0.0/24", provide_dhcp=False)
        self.network("routed", "10.4.0.0/28", provide_dhcp=False, provide_nat=True)
        made = self.client.create("guest", image, memory=128, network=[
            {"network_uuid": "plain", "address": "10.3.0.9", "macaddress": "02:00:00:11:22:33"},
            {"network_uuid": "routed"}])
        self.client.wait(made["uuid"], "created")
        domain = self.node.virsh("dumpxml", self.node.domain(made["uuid"]))
        for interface in made["interfaces"]:
            vni = self.client.call("GET", f"/networks/{interface['network_uuid']}")["vxid"]
            tap = f"sf-{interface['uuid'].replace('-', '')[:12]}"
            self.assertRegex(domain, rf"<mac address='{interface['macaddr']}'/>\s*"
                             rf"<target dev='{tap}' managed='no'/>")
            self.assertIn(f" master br-vxlan-{vni:06x} ",
                          self.bed.run(self.node.host, "ip", "link", "show", tap))
            address = interface["ipv4"] + ("/28" if interface["order"] else "/24")
            said = self.client.wait_console(
                made["uuid"], rf"TINY IP={re.escape(address)} .*mac={interface['macaddr']}.*", 90)[0]
            self.assertIn("via=static", said)
            self.assertIn("mtu=1450", said)


class HostReboot(NetworkTest):
    on_victim = True

    def test_after_a_reboot_of_its_host_an_instance_finds_its_networks_again(self):
        self.network("rebooted")
        on, off = (self.instance(name, {"network_uuid": "rebooted"}) for name in ("on", "off"))
        for made in (on, off):
            self.client.wait(made["uuid"], "created")
        self.client.call("POST", f"/instances/{off['uuid']}/poweroff")
        self.bed.hosts("crash", "h2")
        self.node.ended()
        self.bed.hosts("boot", "h2")
        self.node.start()
        self.client.call("POST", f"/instances/{off['uuid']}/poweron")
        for made in (on, off):
            wait_for(lambda made=made: self.node.qemu(made["uuid"]), 30, "it runs", self.node.tail)
            self.assertEqual(made["interfaces"], self.client.show(made["uuid"])["interfaces"])
            self.assertEqual("created", self.client.show(made["uuid"])["state"])


class Deletion(NetworkTest):
    def test_a_network_in_use_waits_for_its_last_interface(self):
        network = self.network("waiting")
        made = self.instance("waiting", {"network_uuid": "waiting"})
        for _ in range(2):
            self.assertEqual("delete-wait", self.client.call("DELETE", "/networks/waiting")["state"])
        self.client.refused(406, "POST", "/instances", {
            "name": "late", "cpus": 1, "memory": 64, "disk": [{"size": 1}],
            "network": [{"network_uuid": "waiting"}]})
        self.gone(made)
        wait_for(lambda: self.client.call("GET", f"/networks/{network['uuid']}")["state"] ==
                 "deleted", 10, "the network is deleted with its last interface")

    def test_delete_all_says_which_are_in_use_or_waits(self):
        client = self.new_namespace()
        idle = self.network("idle", client=client)["uuid"]
        used = self.network("used", client=client)["uuid"]
        made = self.instance("user", {"network_uuid": "used"}, client=client)["uuid"]
        body = {"confirm": True, "namespace": client.namespace}
        client.refused(400, "DELETE", "/networks", {"namespace": client.namespace})
        self.admin.refused(400, "DELETE", "/networks", {"confirm": True})
        self.client.refused(401, "DELETE", "/networks", body)
        answer = client.request("DELETE", "/networks", {**body, "clean_wait": False})
        self.assertEqual((403, {"deleted": [idle], "unable": [used]}),
                         (answer.status, answer.json["error"]))
        self.assertEqual("created", client.call("GET", f"/networks/{used}")["state"])
        # namespace clean: instances and a look at each, networks, artifacts.
        self.assertEqual([made], client.call("DELETE", "/instances", body))
        client.wait(made, "deleted")
        self.assertIn("1 networks", self.admin.refused(
            400, "DELETE", f"/auth/namespaces/{client.namespace}"))
        self.assertEqual([used], client.call("DELETE", "/networks", {**body, "clean_wait": True}))
        client.call("DELETE", "/artifacts", body)
        self.assertEqual([], client.call("GET", "/networks"))


if __name__ == "__main__":
    unittest.main()
