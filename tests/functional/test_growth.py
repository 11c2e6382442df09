# SPDX-License-Identifier: Apache-2.0
"""A thousand instances, a hundred networks and ten thousand events: what each call costs then, beside what
it cost with one of each. Counted in statements and in rows that the database reads, as time says little
on a machine that does something else as well; times are printed."""

import re
import time
import unittest

import disk_images
from cluster import cluster, wait_for
from crowd import FAR, Crowd, uuid
from image_server import Stall

INSTANCES, NETWORKS, EVENTS, ARTIFACTS = 1000, 100, 10_000, 200
TRIES = 3  # of which the cheapest counts: there is always something else going on


class Growth(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.bed = cluster().bed
        cls.others = cls.bridges()
        cls.node = cluster().begin("h4", name="growth", port=15300, storage="/srv/growth",
                                   IMAGE_STALL_TIMEOUT="600", NODE_LOST_GRACE="600")
        cls.admin = cls.node.client()
        cls.admin.call("POST", "/auth/namespaces",
                       {"namespace": "crowd", "key_name": "k", "key": "secret"})
        cls.client = cls.node.client("crowd", "secret")
        cls.one = cls.make_one_of_each()

    @classmethod
    def tearDownClass(cls):
        if not cls.node.running():
            cls.node.start()
        # Their meshes go with them.
        cls.sql("UPDATE networks SET state = 'deleted' WHERE namespace = 'crowd'")
        wait_for(lambda: cls.bridges() == cls.others, 60, "the bridges are gone", cls.node.tail)
        cls.node.kill()

    @classmethod
    def bridges(cls):
        return cls.bed.run("h4", "ip", "-o", "link").count(" br-vxlan")

    @classmethod
    def sql(cls, statement):
        return cls.bed.sql(cls.node.database, statement)

    # ---- rows ------------------------------------------------------------------------------------

    @classmethod
    def make_one_of_each(cls):
        images = cluster().images
        url = images.offer("/growth/image", disk_images.qcow2())
        artifact = cls.client.call("POST", "/artifacts", {"url": url})["uuid"]
        blob = cls.client.wait(artifact, "created", kind="artifacts")["blob_uuid"]
        network = cls.client.call("POST", "/networks", {
            "name": "net-0", "netblock": "10.0.0.0/16", "provide_dhcp": False,
            "provide_nat": False})["uuid"]
        made = cls.made = cls.client.create("vm-0", images.offer("/growth/never", Stall(b"never")),
                                 network=[{"network_uuid": network}])
        cls.client.create("gone", None)
        gone = cls.client.show("gone")["uuid"]
        cls.client.delete(gone)
        return {"artifact": artifact, "blob": blob, "network": network, "instance": made["uuid"],
                "interface": made["interfaces"][0]["uuid"], "gone": gone}

    @classmethod
    def grow(cls):
        """Behind the daemon's back: it is stopped, and reads all of it when it starts again."""
        one = cls.one
        cls.node.stop()
        cls.sql(f"UPDATE instance_disks SET blob_uuid = '{one['blob']}', artifact_uuid = ''"
                f" WHERE instance_uuid = '{one['instance']}'")
        crowd = Crowd(cls.node)
        crowd.send_far(cls.made)
        crowd.copy_networks(one["network"], (1, NETWORKS - 1))
        crowd.copy_instances(cls.made, (1, INSTANCES - 1))
        url = f"CONCAT('sf://instance/', {uuid('b')}, '/vda')"
        crowd.copy("artifacts", f"uuid = '{one['artifact']}'", (1, ARTIFACTS), uuid=uuid("d"),
                   type="'snapshot'", source_url=url, url_hash=f"SHA2({url}, 256)")
        crowd.copy("artifact_versions", f"artifact_uuid = '{one['artifact']}'", (1, ARTIFACTS),
                   artifact_uuid=uuid("d"), blob_uuid=uuid("e"))
        crowd.copy("blobs", f"uuid = '{one['blob']}'", (1, ARTIFACTS), uuid=uuid("e"),
                   sha256="SHA2(s.seq, 256)", sha512="SHA2(s.seq, 512)")
        crowd.copy("blob_locations", f"blob_uuid = '{one['blob']}'", (1, ARTIFACTS),
                   blob_uuid=uuid("e"))
        cls.sql("INSERT INTO events (object_type, object, timestamp, type, node, message, extra)"
                f" SELECT 'instance', '{one['instance']}', UNIX_TIMESTAMP(), 'status', '{FAR}',"
                f" CONCAT('event ', seq), '{{}}' FROM seq_1_to_{EVENTS}")
        cls.node.start()

    # ---- what is measured ------------------------------------------------------------------------

    def rows_read(self):
        """By the database for everybody, since its start."""
        return sum(int(row[1]) for row in self.sql("SHOW GLOBAL STATUS LIKE 'Handler_read%'"))

    def statements(self):
        text = self.client.bare("GET", "/metrics").text
        return float(re.search(r"(?m)^shakenfist_database_statement_seconds_count (\S+)$", text)[1])

    def measure(self, calls, tries):
        """Of each call the least seconds, statements, rows read and bytes of so many tries."""
        costs = {name: [] for name in calls}
        rows = self.rows_read()
        for name, (client, method, path, body) in [
                call for call in calls.items() for _ in range(tries)]:
            statements = self.statements()
            begun = time.monotonic()
            answer = client.request(method, path, body)
            seconds = time.monotonic() - begun
            self.assertEqual(200, answer.status, answer)
            last, rows = rows, self.rows_read()
            costs[name].append((seconds, self.statements() - statements, rows - last,
                                len(answer.data)))
        return {name: [min(column) for column in zip(*each)] for name, each in costs.items()}

    def calls(self):
        """Those that show many, whose cost may grow with what they show; and those that do not."""
        one = self.one
        vm, network = f"/instances/{one['instance']}", f"/networks/{one['network']}"
        many = [("GET", path) for path in (
            "/instances", "/networks", "/artifacts", f"{network}/interfaces", f"{network}/addresses",
            # These tell whose disks they are below, which is everybody's.
            f"/artifacts/{one['artifact']}", f"/blobs/{one['blob']}")]
        many += [("GET", "/instances", {"all": True}), ("GET", "/blobs", None, self.admin)]
        few = [("GET", path) for path in (
            vm, "/instances/vm-0", f"{vm}/interfaces", f"{vm}/metadata", f"{vm}/snapshot",
            f"/instances/{one['gone']}", network, "/networks/net-0", f"{network}/events",
            f"/interfaces/{one['interface']}", "/auth/namespaces", "/auth/namespaces/crowd")]
        few += [("GET", f"{vm}/events", {"limit": 20}),
                ("GET", f"{vm}/events", {"event_type": "audit", "limit": 5}),
                ("PUT", f"{vm}/metadata/k", {"value": "v"}),
                ("PUT", "/instances/vm-0/metadata/k", {"value": "v"}),
                ("PUT", "/instances/vm-0/metadata/k", {"value": "w"}, self.admin),
                ("PUT", "/networks/net-0/metadata/k", {"value": "w"}, self.admin),
                ("GET", "/nodes", None, self.admin), ("GET", "/nodes/growth", None, self.admin)]
        return ({self.name(*call): self.call(*call) for call in calls} for calls in (many, few))

    def call(self, method, path, body=None, client=None):
        return client or self.client, method, path, body

    def name(self, method, path, body=None, client=None):
        """For people: with the beginnings of UUIDs."""
        words = [method, re.sub(r"(\w{8})(-\w+){4}", r"\1", path)]
        return " ".join(words + [str(body)] * bool(body) + ["as system"] * bool(client))

    def test_what_is_shown_costs_and_what_is_not_does_not(self):
        many, few = self.calls()
        before = self.measure(many | few, 1)
        self.grow()
        wait_for(lambda: len(self.client.call("GET", "/instances")) == INSTANCES, 30, "all are read")
        after = self.measure(many | few, TRIES)
        print(f"\n{'':72}{'ms':>14}{'statements':>12}{'rows read':>14}{'kB':>6}")
        for name, (seconds, statements, rows, size) in after.items():
            was = before[name]
            print(f"{name:72.72}{was[0] * 1000:7.1f}{seconds * 1000:7.1f}{was[1]:6.0f}"
                  f"{statements:6.0f}{was[2]:7.0f}{rows:7.0f}{size / 1000:6.0f}")
            with self.subTest(name):
                self.assertLessEqual(statements, was[1] + 10)
                # Each row of a list is met a few times, and none again for another one.
                bound = was[2] + 150 if name in few else 30 * INSTANCES
                # With a change of an instance its node's use is summed up anew, once.
                if name.startswith("PUT"):
                    bound += INSTANCES
                self.assertLess(rows, bound)
                self.assertLess(seconds, 5)


if __name__ == "__main__":
    unittest.main()
