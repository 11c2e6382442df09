# SPDX-License-Identifier: Apache-2.0
"""A cluster whose database is lost has it back from a backup that was taken under load; and what was
made or deleted since then is as the README says."""

import hashlib
import json
import os
import pathlib
import pty
import subprocess
import unittest

import disk_images
from cluster import Node, cluster, wait_for
from galera import Load
from readme import commands
from three_nodes import ThreeNodes

# As the README has them, but for the file.
BACKUP, RESTORE = [words[1:-1] for words in commands("Backup and restore")]
BYTES = b"what somebody has uploaded\n" * 5000


def rewritten(text, change):
    """A backup after `change` of its lines, which is right by its sum."""
    lines = [json.loads(line) for line in text.splitlines()[:-1]]
    change(lines)
    body = "".join(json.dumps(line) + "\n" for line in lines)
    return body + json.dumps({"lines": len(lines), "sha256": hashlib.sha256(
        body.encode()).hexdigest()}) + "\n"


class Backup(ThreeNodes):
    prefix, port = "backup", 15700
    hosts = ("h1", "h2")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_team()
        cls.client = cls.nodes[0].client()
        cls.image = cluster().images.offer("/backup/empty.qcow2", disk_images.qcow2())
        cls("setUp").wait_well()
        cls.file = f"/srv/{cls.prefix}.backup"

    # ---- files, as hosts and as this machine see them --------------------------------------------

    def path(self, name, node=None):
        return self.bed.disk((node or self.nodes[0]).host) / name.lstrip("/")

    def write(self, name, text):
        self.path(name).write_text(text)
        self.addCleanup(self.path(name).unlink, missing_ok=True)
        return name

    def backup(self):
        done = self.nodes[0].tool(*BACKUP, self.file)
        self.assertEqual(0, done.returncode, done)
        self.assertRegex(done.stderr, rf"The cluster {self.cluster_id} is backed up, as of 20\d\d-.*Z")
        self.addCleanup(self.path(self.file).unlink, missing_ok=True)
        return self.path(self.file).read_text()

    # ---- databases -------------------------------------------------------------------------------

    def make_database_anew(self):
        self.bed.hosts("db", "sql", f"DROP DATABASE `{self.database}`")
        self.bed.hosts("db", "create", self.database)

    def elsewhere(self):
        """A node that never runs, on a database that is empty."""
        database = f"sf_{self.prefix}_other"
        self.bed.hosts("db", "sql", f"DROP DATABASE IF EXISTS `{database}`")
        return Node(self.bed, "h1", name=f"{self.prefix}-other", database=database)

    def tables(self, database):
        return self.bed.sql("information_schema", "SELECT table_name FROM tables WHERE"
                            f" table_schema = '{database}' ORDER BY 1")

    def sums(self, database):
        """Of all tables: whoever changes anything changes one."""
        names = ",".join(f"`{database}`.`{name}`" for name, in self.tables(database))
        return self.bed.sql(database, f"CHECKSUM TABLE {names}") if names else []

    # ---- all of it -------------------------------------------------------------------------------

    def make_things(self):
        team = self.here
        network = team.call("POST", "/networks", {
            "name": "kept", "netblock": "10.33.0.0/24", "provide_dhcp": True, "provide_nat": False})
        team.wait(network["uuid"], "created", kind="networks")
        upload = team.call("POST", "/upload")["uuid"]
        team.request("POST", f"/upload/{upload}", BYTES, {"Content-Type": "application/octet-stream"})
        artifact = team.call("POST", "/artifacts/upload/kept", {"upload_uuid": upload})
        made = {"network": network["uuid"], "blob": artifact["blob_uuid"]}
        for name in ("kept", "doomed"):
            made[name] = team.create(name, self.image, placed_on=self.nodes[1].name,
                                     network=[{"network_uuid": network["uuid"]}])["uuid"]
        for name in ("kept", "doomed"):
            team.wait(made[name], "created")
        return made

    def test_a_lost_database_is_restored_and_the_nodes_go_on_where_it_was(self):
        first, second = self.nodes
        self.admin.call("POST", "/auth/namespaces/team/keys", {"key_name": "lent", "key": "to somebody"})
        made = self.make_things()
        qemu = second.qemu(made["kept"])
        self.assertTrue(qemu)
        with Load(self.nodes) as load:
            load.wait_acknowledged(0, 30, first.tail)
            before = set(load.made), set(load.deleted)
            began = len(load.times)
            self.backup()
            wait_for(lambda: len(load.times) > began, 30, "the load went on", first.tail)
        self.assertEqual([], load.wrong)
        self.admin.call("DELETE", "/auth/namespaces/team/keys/lent")
        self.here.delete(made["doomed"])
        late = self.here.create("late", self.image, placed_on=second.name)["uuid"]
        self.here.wait(late, "created")

        self.lose_the_database(made, qemu)
        self.restore()

        for node in self.nodes:
            node.start()
        self.wait_well()
        self.assertEqual(self.cluster_id, self.bed.sql(
            self.database, "SELECT value FROM cluster WHERE name = 'id'")[0][0])
        view = self.here.wait(made["kept"], "created")
        self.assertEqual("on", view["power_state"])
        self.assertEqual(qemu, second.qemu(made["kept"]))
        self.assertIn(made["network"], {one["network_uuid"] for one in view["interfaces"]})
        answer = self.others[0].request("GET", f"/blobs/{made['blob']}/data")
        self.assertEqual(BYTES, answer.data)
        self.assert_written(*before)
        self.assert_whole()
        self.assert_as_documented(made["doomed"], late)
        second.client("team", "to somebody").log_in()  # The key is good again.
        after = self.here.create("after", self.image, placed_on=first.name,
                                 network=[{"network_uuid": made["network"]}])["uuid"]
        self.here.wait(after, "created")
        for uuid in (after, made["kept"], made["doomed"]):
            self.here.delete(uuid)
        self.delete_all()

    def lose_the_database(self, made, qemu):
        """And begin wrongly: with a new and empty one, under nodes that run, and that are started."""
        first, second = self.nodes
        self.make_database_anew()
        refused = first.tool(*RESTORE, self.file)
        self.assertEqual(1, refused.returncode, refused)
        self.assertIn("the database is in use from", refused.stderr)
        self.assertIn("stop sf-node on all nodes", refused.stderr)
        self.assertEqual([], self.tables(self.database))
        self.assertEqual(0, first.tool("migrate").returncode)
        mark = second.log.stat().st_size
        wait_for(lambda: "nothing is reconciled for now error=the database is not that of"
                 in second.log.read_text()[mark:], 30, "it sees that this is not its database",
                 second.tail)
        for node in self.nodes:
            node.stop()
        first.start(wait=False)
        self.assertEqual(1, first.ended())
        self.assertIn("if its database was lost, restore a backup", first.tail())
        self.assertEqual(qemu, second.qemu(made["kept"]))
        self.assertTrue(second.folder(made["kept"]).is_dir())

    def restore(self):
        first = self.nodes[0]
        before = self.sums(self.database)
        refused = first.tool(*RESTORE, self.file)
        self.assertEqual(1, refused.returncode, refused)
        self.assertIn("not empty", refused.stderr)
        self.assertIn("--replace", refused.stderr)
        self.assertEqual(before, self.sums(self.database))
        done = first.tool("restore", "--replace", self.file)
        self.assertEqual(0, done.returncode, done)
        self.assertRegex(done.stdout, rf"The cluster {self.cluster_id} is as it was at .*Start its nodes")

    def assert_written(self, made, deleted):
        """What was acknowledged before the backup began is in it."""
        for path in made:
            self.assertNotEqual("deleted", self.client.call("GET", path)["state"], path)
        for path in deleted:
            answer = self.client.request("GET", path)
            if answer.status != 404:
                self.assertIn(answer.json["state"], ("delete-wait", "deleted"), path)

    def assert_whole(self):
        """It is of one moment: what is written together is there together."""
        for sql in ("SELECT i.uuid FROM instances i LEFT JOIN instance_disks d ON d.instance_uuid = i.uuid"
                    " WHERE d.device IS NULL AND i.state <> 'deleted'",
                    "SELECT a.address FROM addresses a LEFT JOIN interfaces f ON f.uuid = a.owner_uuid"
                    " LEFT JOIN networks n ON n.uuid = a.owner_uuid"
                    " WHERE f.uuid IS NULL AND n.uuid IS NULL"):
            self.assertEqual([], self.bed.sql(self.database, sql))

    def assert_as_documented(self, doomed, late):
        """What was deleted since is missed, and said to be; what was made since is removed."""
        second = self.nodes[1]
        view = wait_for(lambda: (view := self.here.show(doomed))["state"] == "error" and view, 30,
                        "what has no disks is in error", second.tail)
        self.assertIn("could not be started again", view["error_message"])
        self.assertFalse(second.folder(doomed).exists())
        self.assertEqual([], [name for name in second.domains() if name.endswith(doomed)])
        self.assertEqual(404, self.here.request("GET", f"/instances/{late}").status)
        wait_for(lambda: not second.leftovers(late), 30, "what no row knows is removed", second.tail)

    # ---- what is refused -------------------------------------------------------------------------

    def test_a_file_that_is_not_right_changes_nothing(self):
        text = self.backup()
        self.assertEqual(0, (self.path(self.file).stat().st_mode & 0o077))
        head = json.loads(text.splitlines()[0])
        self.assertEqual(("shakenfist backup", self.cluster_id), (head["format"], head["cluster"]))

        def newer(lines):
            lines[0]["schema"] += 1

        wrong = {"its end is missing": "".join(text.splitlines(True)[:-1]),
                 "it is cut off": text[:len(text) // 2],
                 "something in it is not as it was written": text.replace("system", "sistem", 1),
                 "this is no backup": "-- MariaDB dump 10.19\n",
                 f"the backup is of version {head['schema'] + 1} of the schema": rewritten(text, newer),
                 "cannot read": None}
        other = self.elsewhere()
        for filled in (False, True):
            before = self.sums(other.database)
            for words, broken in wrong.items():
                name = "/srv/nowhere" if broken is None else self.write("/srv/wrong.backup", broken)
                with self.subTest(words, filled=filled):
                    done = other.tool("restore", "--replace", name)
                    self.assertEqual(1, done.returncode, done)
                    self.assertIn(words, done.stderr)
                    self.assertEqual(before, self.sums(other.database))
            other.bootstrap()
        # Nor does one that fails in the middle leave half of it.
        def strange(lines):
            table = next(line for line in lines[1:] if isinstance(line, dict)
                         and line["table"] == "nodes")
            table["columns"][0] = "nobody"

        done = other.tool("restore", "--replace", self.write(
            "/srv/strange.backup", rewritten(text, strange)))
        self.assertEqual(1, done.returncode, done)
        self.assertEqual([], self.tables(other.database))

    def test_it_is_refused_while_a_node_was_heard_of_a_moment_ago(self):
        self.backup()
        other = self.elsewhere()
        self.assertEqual(0, other.tool(*RESTORE, self.file).returncode)
        self.bed.sql(other.database, "UPDATE nodes SET state = 'created', heartbeat ="
                     " UNIX_TIMESTAMP(NOW(6)); SELECT 1")
        before = self.sums(other.database)
        done = other.tool("restore", "--replace", self.file)
        self.assertEqual(1, done.returncode, done)
        self.assertIn(f"{self.nodes[0].name},{self.nodes[1].name}. Stop sf-node there", done.stderr)
        self.assertEqual(before, self.sums(other.database))

    def test_of_an_empty_database_there_is_no_backup(self):
        other = self.elsewhere()
        done = other.tool("backup", "/srv/none.backup")
        self.assertEqual(1, done.returncode, done)
        self.assertIn("the database has no cluster", done.stderr)
        self.assertEqual([], list(self.path("/srv").glob("none.backup*")))
        self.assertEqual([], self.tables(other.database))

    # ---- what is secret --------------------------------------------------------------------------

    def run_tool(self, node, *words, **options):
        return subprocess.run(node.command(*words), env=node.environment(), timeout=120, **options)

    def test_by_way_of_pipes_it_arrives_elsewhere_and_no_secret_is_seen_on_the_way(self):
        first, other = self.nodes[0], self.elsewhere()
        secrets = [row[0].encode() for row in self.bed.sql(
            self.database, "SELECT value FROM cluster WHERE name IN ('token_secret', 'gossip_keys')"
            " UNION SELECT hash FROM namespace_keys")]
        self.assertGreater(len(secrets), 3)
        # More than a pipe takes.
        self.admin.call("POST", "/auth/namespaces/team/metadata", {"key": "x", "value": "y" * 300_000})
        with subprocess.Popen(first.command("backup", "-"), env=first.environment(),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as backup:
            begun = backup.stdout.read(1)  # It waits for whoever takes the rest.
            seen = b"".join(self.command_lines())
            text = begun + backup.stdout.read()
            self.assertEqual(0, backup.wait(), backup.stderr.read())
        self.assertIn(b"backup\0-", seen)
        for secret in (b"sfpass", *secrets):
            self.assertNotIn(secret, seen)
        for secret in secrets:
            self.assertIn(secret, text)
        done = self.run_tool(other, "restore", "-", input=text, capture_output=True)
        self.assertEqual(0, done.returncode, done)
        for name in ("cluster", "namespaces", "namespace_keys", "networks", "instances", "blobs"):
            rows = f"SELECT * FROM {name} ORDER BY 1, 2"
            self.assertEqual(self.bed.sql(self.database, rows), self.bed.sql(other.database, rows))

    @staticmethod
    def command_lines():
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                yield (entry / "cmdline").read_bytes()
            except OSError:
                continue

    def test_it_goes_to_nobody_who_may_not_have_it(self):
        first = self.nodes[0]
        old = os.umask(0)
        self.addCleanup(os.umask, old)
        self.backup()
        self.assertEqual(0o600, self.path(self.file).stat().st_mode & 0o777)
        shown = self.path("/srv/shown.backup")
        self.addCleanup(shown.unlink)
        with open(shown, "wb") as out:
            done = self.run_tool(first, "backup", "-", stdout=out, stderr=subprocess.PIPE)
        self.assertEqual(1, done.returncode, done)
        self.assertIn(b"umask 077", done.stderr)
        self.assertEqual(0, shown.stat().st_size)
        shown.chmod(0o600)
        with open(shown, "wb") as out:
            self.assertEqual(0, self.run_tool(first, "backup", "-", stdout=out).returncode)
        self.assertGreater(shown.stat().st_size, 1000)
        ours, theirs = pty.openpty()
        done = self.run_tool(first, "backup", "-", stdout=theirs, stderr=subprocess.PIPE)
        self.assertEqual(1, done.returncode, done)
        self.assertIn(b"not for a terminal", done.stderr)
        for end in (ours, theirs):
            os.close(end)


if __name__ == "__main__":
    unittest.main()
