# SPDX-License-Identifier: Apache-2.0
"""Which of three nodes an instance goes to, how a user learns why, and that no race overfills one."""

import concurrent.futures
import collections

import disk_images
from cluster import cluster, wait_for
from image_server import Stall
from three_nodes import ThreeNodes

# Of the two cores that each host has: room for 20 virtual CPUs in all.
RATIOS = {"1": "3.5", "2": "3.5", "3": "3"}
ROOM = 20


class Placement(ThreeNodes):
    """Each test begins with three empty nodes. What is created waits for an image that does not come, so
    that nothing has to boot."""

    prefix, port = "place", 13400
    options = {"IMAGE_STALL_TIMEOUT": "600"}

    @classmethod
    def make(cls, host, name):
        node = super().make(host, name)
        node.options["CPU_OVERCOMMIT_RATIO"] = RATIOS[host[1:]]
        return node

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.never = cluster().images.offer("/placement/never", Stall(b"never"))

    def setUp(self):
        super().setUp()
        self.client = self.nodes[0].client()
        self.addCleanup(self.empty)
        wait_for(lambda: len(self.client.call("GET", "/nodes")) == 3 and self.plan()["filters"][-1]
                 ["left_over"] == 3, 15, "all three may be chosen", self.nodes[0].tail)

    def empty(self):
        everything = {"confirm": True, "namespace": "system"}
        for uuid in self.client.call("DELETE", "/instances", everything):
            self.client.wait(uuid, "deleted", 60)
        self.client.call("DELETE", "/networks", everything)

    def plan(self, **fields):
        return self.client.create("plan", self.never, dry_run=True, **fields)

    def count(self, table):
        return int(self.bed.sql(self.database, f"SELECT COUNT(*) FROM {table}")[0][0])

    def used(self):
        return {row["name"]: (row["used"]["cpus"], row["limit"]["cpus"])
                for row in self.client.call("GET", "/nodes")}

    def placed(self, instance):
        """What its events say of its placement."""
        return next(event for event in self.client.events(instance["uuid"])
                    if event["message"].startswith("instance placed"))

    # ---- the race --------------------------------------------------------------------------------

    def test_fifty_creates_race_from_three_nodes_for_room_for_twenty(self):
        network = self.client.call("POST", "/networks", {
            "name": "race", "netblock": "10.9.0.0/24", "provide_dhcp": False, "provide_nat": False})

        def create(number):
            return self.nodes[number % 3].client().request("POST", "/instances", {
                "name": f"race-{number}", "cpus": 1, "memory": 64,
                "disk": [{"base": self.never, "size": 1}],
                "network": [{"network_uuid": network["uuid"]}]})

        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(create, range(50)))
        statuses = collections.Counter(answer.status for answer in answers)
        self.assertEqual({200: ROOM, 507: 50 - ROOM}, dict(statuses),
                         {answer.error for answer in answers if answer.status not in (200, 507)})
        for answer in answers:
            if answer.status == 507:
                self.assertIn("no node has room", answer.error)
        for name, (used, limit) in self.used().items():
            self.assertEqual(limit, used, name)
        addresses = {answer.json["interfaces"][0]["ipv4"] for answer in answers if answer.status == 200}
        self.assertEqual(ROOM, len(addresses))
        rows = self.bed.sql(self.database, "SELECT DISTINCT network_uuid, address FROM addresses a"
                            f" WHERE network_uuid = '{network['uuid']}'")
        self.assertEqual(ROOM, len(rows))

    # ---- why -------------------------------------------------------------------------------------

    def test_the_events_say_why_and_what_each_filter_left_over(self):
        instance = self.client.create("why", self.never)
        event = self.placed(instance)
        names = sorted(node.name for node in self.nodes)
        self.assertRegex(event["message"], rf"^instance placed on {instance['node']}: \d+ % of its cpus")
        extra = event["extra"]
        self.assertEqual(instance["node"], extra["node"])
        self.assertEqual(["state", "drained", "cpus", "memory", "disk"],
                         [f["filter"] for f in extra["filters"]])
        for one in extra["filters"]:
            self.assertEqual(names, one["nodes"])
        self.assertEqual(instance["node"], extra["ranked"][0]["node"])
        self.assertEqual(([], []), (extra["left_out"], extra["passed_over"]))

    def test_a_node_that_is_gone_is_left_out_and_507_says_what_each_lacks(self):
        self.nodes[2].kill()
        gone = self.nodes[2].name
        wait_for(lambda: [one["node"] for one in self.plan()["left_out"]] == [gone], 5,
                 f"{gone} is left out", self.nodes[0].tail)
        self.assertIn(self.plan()["left_out"][0]["why"], ("is unreachable", "is dead"))
        error = self.client.refused(507, "POST", "/instances", {
            "name": "big", "cpus": 8, "memory": 64, "disk": [{"size": 1}]})
        self.assertRegex(error, rf"{gone} is (unreachable|dead)")
        self.assertIn(f"{self.nodes[0].name} has 7 cpus free", error)
        self.assertIn("not found", self.client.refused(404, "POST", "/instances", {
            "name": "there", "cpus": 1, "memory": 64, "disk": [{"size": 1}], "placed_on": gone}))

    def test_a_drained_node_takes_nothing_more_and_says_what_it_has(self):
        drained = self.nodes[1]
        image = cluster().images.offer("/placement/stays", disk_images.qcow2())
        made = self.client.create("stays", image, placed_on=drained.name)
        admin = self.nodes[0].client()
        left = admin.call("POST", f"/nodes/{drained.name}/drain")
        self.addCleanup(admin.call, "POST", f"/nodes/{drained.name}/undrain")
        self.assertEqual([made["uuid"]], [one["uuid"] for one in left])
        for node in self.nodes:
            wait_for(lambda node=node: node.client().call("GET", f"/nodes/{drained.name}")["drained"],
                     2, f"{node.name} knows", node.tail)
        left_out = self.plan()["left_out"]
        self.assertEqual([(drained.name, "drained")],
                         [(one["node"], one["filter"]) for one in left_out])
        self.assertIn(f"node {drained.name} is drained", self.client.refused(409, "POST", "/instances", {
            "name": "there", "cpus": 1, "memory": 64, "disk": [{"size": 1}],
            "placed_on": drained.name}))
        self.client.wait(made["uuid"], "created", 60)
        self.client.delete(made["uuid"])
        self.assertEqual([], admin.call("POST", f"/nodes/{drained.name}/drain"))
        self.assertFalse(admin.call("POST", f"/nodes/{drained.name}/undrain")["drained"])
        self.assertEqual(["node undrained", "node drained"], [
            one["message"] for one in admin.call("GET", f"/nodes/{drained.name}/events")[:2]])

    def test_a_dry_run_answers_the_ranking_and_creates_nothing(self):
        network = self.client.call("POST", "/networks", {
            "name": "dry", "netblock": "10.9.0.0/24", "provide_dhcp": False, "provide_nat": False})
        tables = ("instances", "instance_disks", "interfaces", "addresses", "ports", "artifacts", "events")
        before = [self.count(table) for table in tables]
        plan = self.plan(network=[{"network_uuid": network["uuid"]}])
        self.assertEqual({"node", "filters", "left_out", "ranked"}, set(plan))
        self.assertEqual(3, len(plan["ranked"]))
        self.assertEqual(plan["node"], plan["ranked"][0]["node"])
        self.assertEqual({"node", "why", "affinity", "images_cached", "room_percent"},
                         set(plan["ranked"][0]))
        self.assertEqual(before, [self.count(table) for table in tables])

    # ---- the ranking -----------------------------------------------------------------------------

    def test_the_node_that_has_the_image_comes_first_on_all_nodes(self):
        image = cluster().images.offer("/placement/cached", disk_images.qcow2())
        holder = self.nodes[1]
        made = self.client.create("first", image, placed_on=holder.name)
        self.client.wait(made["uuid"], "created", 60)
        self.client.delete(made["uuid"])  # its image stays
        for node in self.nodes:
            plan = wait_for(lambda node=node: self.knows(node, image, holder), 5,
                            f"{node.name} knows who has the image", node.tail)
            self.assertEqual(holder.name, plan["node"])
            self.assertIn("1 of 1 images cached", plan["ranked"][0]["why"])

    def knows(self, node, image, holder):
        plan = node.client().create("plan", image, dry_run=True)
        return plan if [holder.name] == [one["node"] for one in plan["ranked"]
                                         if one["images_cached"]] else None

    def test_instances_go_where_their_affinity_is_and_not_where_it_is_not(self):
        other = self.nodes[2].name
        self.client.create("db", self.never, placed_on=other, metadata={"tags": ["db"]})
        near = self.client.create("near", self.never, metadata={"affinity": {"db": 10}})
        self.assertEqual(other, near["node"])
        self.assertIn("affinity 10", self.placed(near)["message"])
        web = {"tags": ["web"], "affinity": {"web": -10}}
        nodes = {self.client.create(f"web-{i}", self.never, metadata=web)["node"] for i in range(3)}
        self.assertEqual(3, len(nodes))

    def test_tags_and_affinity_are_checked_when_they_are_set_too(self):
        instance = self.client.create("checked", self.never)
        path = f"/instances/{instance['uuid']}/metadata"
        for key, value, error in (("tags", "a", "list of strings"), ("affinity", [1], "not an object"),
                                  ("affinity", {"a": 1.5}, "whole number")):
            self.assertIn(error, self.client.refused(400, "PUT", f"{path}/{key}", {"value": value}))
            self.assertIn(error, self.client.refused(400, "POST", path, {"key": key, "value": value}))
        self.assertEqual({}, self.client.call("GET", path))
