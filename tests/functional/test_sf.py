# SPDX-License-Identifier: Apache-2.0
"""sf, the command line: a user's whole day, as the README has it and as scripts see it."""

import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import tempfile

import disk_images
from case import NodeTest, guest
from cluster import ROOT, SF, SYSTEM_KEY
from image_server import Slow

REFUSED, USAGE, NOT_FOUND, NOT_ALLOWED, UNREACHABLE, NOT_READY = range(1, 7)


class CommandLine(NodeTest):

    def environment(self, client=None, **more):
        """Nothing of ours but what a test says: neither a HOME nor an /etc/sf speaks for somebody."""
        client = client or self.client
        return {"PATH": f"{SF.parent}:{os.environ['PATH']}", "HOME": "/nonexistent",
                "SHAKENFIST_API_URL": self.node.url, "SHAKENFIST_NAMESPACE": client.namespace,
                "SHAKENFIST_KEY": client.key, **more}

    def run_sf(self, *words, client=None, stdin="", **environment):
        return subprocess.run([str(SF), *words], env=self.environment(client, **environment),
                              input=stdin, text=True, capture_output=True, timeout=120)

    def sf(self, *words, **options):
        """What it prints, when all is well."""
        done = self.run_sf(*words, **options)
        self.assertEqual((0, ""), (done.returncode, done.stderr), f"{words}\n{done.stdout}")
        return done.stdout

    def fails(self, status, *words, **options):
        """What it says on one line of stderr, when it ends with this status."""
        done = self.run_sf(*words, **options)
        self.assertEqual(status, done.returncode, f"{words}\n{done.stdout}{done.stderr}")
        self.assertRegex(done.stderr, r"\Asf: .*\n\Z")
        return done.stderr

    def test_a_file_is_uploaded_and_labelled(self):
        data = disk_images.raw(b"by sf", 5 << 20)
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            made = json.loads(self.sf("--json", "artifact", "upload", file.name, "by-sf"))
        blob = made["blob_uuid"]
        self.assertEqual(data, self.client.request("GET", f"/blobs/{blob}/data").data)
        self.assertIn(blob, self.sf("label", "set", "gold", blob))
        self.assertIn(blob, self.sf("label", "show", f"{self.client.namespace}/gold"))
        self.sf("label", "delete", "gold")
        self.fails(NOT_FOUND, "label", "show", "gold")
        self.fails(USAGE, "artifact", "upload", "/nonexistent", "x")

    def test_what_is_there_is_downloaded_and_versions_are_kept_shown_and_deleted(self):
        data = disk_images.raw(b"down by sf")
        url = self.offer("down", data)
        uuid = self.client.call("POST", "/artifacts", {"url": url})["uuid"]
        blob = self.client.wait(uuid, "created", kind="artifacts")["blob_uuid"]
        with tempfile.TemporaryDirectory() as folder:
            for number, noun_and_uuid in enumerate((("artifact", uuid), ("blob", blob))):
                noun, ref = noun_and_uuid
                path = pathlib.Path(folder) / str(number)
                self.sf(noun, "download", ref, str(path))
                self.assertEqual(self.client.request("GET", f"/blobs/{blob}/data").data,
                                 path.read_bytes())
                self.assertIn("is there already",
                              self.fails(USAGE, noun, "download", ref, str(path)))
            nothing = pathlib.Path(folder) / "nothing"
            self.fails(NOT_FOUND, "artifact", "download", "no-such", str(nothing))
            self.assertFalse(nothing.exists())
        self.assertIn(blob, self.sf("artifact", "versions", uuid))
        self.sf("artifact", "max-versions", uuid, "1")
        self.fails(USAGE, "artifact", "max-versions", uuid, "many")
        self.sf("artifact", "set-metadata", uuid, "owner", "ops")
        self.sf("artifact", "delete-metadata", uuid, "owner")
        self.assertIn(uuid, self.sf("artifact", "list", "--node", self.node.name))
        self.assertNotIn(uuid, self.sf("artifact", "list", "--node", "nobody"))
        self.assertRegex(self.sf("blob", "show", blob), rf"(?m)^On: +{self.node.name}$")
        self.sf("blob", "set-metadata", blob, "owner", "ops")
        self.sf("blob", "delete-metadata", blob, "owner")
        self.assertIn(blob, self.sf("blob", "list", "-n", self.node.name, client=self.admin))
        self.fails(NOT_ALLOWED, "blob", "list")
        self.fails(REFUSED, "artifact", "share", uuid)
        self.fails(REFUSED, "artifact", "unshare", uuid)
        self.sf("artifact", "delete-version", uuid, "1")
        self.assertEqual("deleted", self.client.call("GET", f"/artifacts/{uuid}")["state"])

    def test_a_snapshot_gets_a_label_and_is_kept_by_it_alone(self):
        uuid = self.client.create("labelled", self.empty)["uuid"]
        self.client.wait(uuid, "created")
        take = ("instance", "snapshot", "labelled")
        self.fails(USAGE, *take, "--delete-snapshot-after-label")
        self.fails(USAGE, "--async", "continue", *take, "--label", "early")
        self.sf(*take, "--label", "first")
        self.assertEqual(1, len(self.client.call("GET", f"/instances/{uuid}/snapshot")))
        blob = self.client.call("GET", "/label/first")["blob_uuid"]
        self.assertIn(blob, self.sf("instance", "snapshots", "labelled"))
        self.sf(*take, "-l", f"{self.client.namespace}/second", "--delete-snapshot-after-label",
                "--thin")
        self.assertEqual([], self.client.call("GET", f"/instances/{uuid}/snapshot"))
        self.client.call("GET", "/label/second")
        self.client.delete(uuid)

    def test_a_screen_is_opened_by_remote_viewer_and_only_where_that_is(self):
        uuid = self.client.create("seen", self.empty)["uuid"]
        self.client.wait(uuid, "created")
        self.assertIn("is not installed", self.fails(REFUSED, "instance", "vdiconsole", "seen",
                                                     PATH="/nonexistent"))
        with tempfile.TemporaryDirectory() as folder:
            viewer, seen = pathlib.Path(folder) / "remote-viewer", pathlib.Path(folder) / "seen"
            viewer.write_text(f'#!/bin/sh\nstat -c "%a" "$1" >{seen}; cat "$1" >>{seen}\n')
            viewer.chmod(0o755)
            self.sf("instance", "vdiconsole", "seen", PATH=f"{folder}:/bin", TMPDIR=folder)
            self.assertRegex(seen.read_text(), r"\A600\n\[virt-viewer\]\n(.*\n)*password=\S+\n")
            self.assertEqual([], list(pathlib.Path(folder).glob("*.vv")))
            viewer.write_text("#!/bin/sh\nexit 3\n")
            self.assertIn("ended badly", self.fails(REFUSED, "instance", "vdiconsole", "seen",
                                                    PATH=f"{folder}:/bin"))
        self.client.delete(uuid)

    def test_the_day_that_the_readme_tells(self):
        text = (ROOT / "README.md").read_text()
        block = re.search(r"## The command line\n(?:(?!    ).*\n)*((?:    .*\n)+)", text)
        url = self.images.offer(self.path("debian.qcow2"), guest("tiny"))
        script = block[1].replace("http://example.com/debian.qcow2", url)
        self.assertGreater(script.count("\n"), 10)
        with tempfile.TemporaryDirectory() as folder:  # It leaves a picture there.
            done = subprocess.run(["bash", "-euxc", script], env=self.environment(self.admin),
                                  cwd=folder, text=True, capture_output=True, timeout=180)
        self.assertEqual(0, done.returncode, f"{done.stdout}{done.stderr}\n{self.node.tail()}")
        for expected in (r"\nName: +web1\n", r"\nState: +created\n", r'\nMetadata: +\{"tags":\["web"\]\}\n',
                         r"10\.0\.0\.20", r"\nTIME +NODE +TYPE +SECONDS +MESSAGE\n"):
            self.assertRegex(done.stdout, expected)
        self.assertNotIn("a long secret", done.stdout)
        self.sf("namespace", "delete", "team1", client=self.admin)

    def test_what_an_instance_is_told_and_tells(self):
        self.sf("network", "create", "wire", "10.9.0.0/24", "--no-nat")
        made = json.loads(self.sf(
            "--json", "instance", "create", "power", "1", "64", "--force", "-d", f"1@{self.empty}",
            "-N", "network_uuid=wire,address=10.9.0.7", "-m", "colour=green"))
        self.assertEqual(("created", {"colour": "green"}), (made["state"], made["metadata"]))
        self.assertEqual("10.9.0.7", made["interfaces"][0]["ipv4"])

        table = self.sf("instance", "list").splitlines()
        self.assertEqual("UUID", table[0].split()[0])
        row = next(line for line in table if line.startswith(made["uuid"]))
        self.assertEqual(table[0].index("STATE"), row.index("created"))
        self.assertIn(f"{made['uuid']},power,{self.client.namespace},1,64,{made['node']},on,created,10.9.0.7\n",
                      self.sf("--simple", "instance", "list"))
        self.assertIn(f"uuid:{made['uuid']}\n", self.sf("instance", "show", "power", "--simple"))
        self.assertEqual(self.client.call("GET", "/instances/power"),
                         json.loads(self.sf("--json", "instance", "show", "power")))
        self.assertIn("10.9.0.7", self.sf("network", "instances", "wire"))
        nic = made["interfaces"][0]["uuid"]
        self.assertIn(nic, self.sf("instance", "interfaces", "power"))
        self.assertIn("10.9.0.7", self.sf("interface", "show", nic))

        self.sf("instance", "poweroff", "power")
        self.wait_power(made["uuid"], "off")
        self.assertIn("is off", self.fails(REFUSED, "instance", "pause", "power"))
        self.sf("instance", "poweron", "power")
        self.wait_power(made["uuid"], "on")
        self.sf("instance", "pause", "power")
        self.wait_power(made["uuid"], "paused")
        self.sf("instance", "unpause", "power")
        self.sf("instance", "set-metadata", "power", "tags", '["a"]')
        self.sf("instance", "delete-metadata", "power", "colour")
        self.assertEqual({"tags": ["a"]}, self.client.show("power")["metadata"])
        self.assertIn("instance created", self.sf("instance", "events", "power", "-l", "20"))
        self.assertEqual(2, len(self.sf("instance", "events", "power", "-l", "1").splitlines()))
        self.sf("instance", "consoledelete", "power")
        self.sf("instance", "consoledata", "power", "100")
        self.sf("instance", "delete", "power")
        self.assertEqual("deleted", self.client.show(made["uuid"])["state"])
        self.sf("namespace", "clean", "--confirm")
        self.assertEqual([], self.client.call("GET", "/networks"))

    def test_scripts_can_tell_failures_apart(self):
        self.assertIn("not found", self.fails(NOT_FOUND, "instance", "show", "nobody"))
        self.assertIn("not found", self.fails(NOT_FOUND, "network", "delete", "a/b"))
        self.fails(REFUSED, "network", "create", "bad", "10.0.0.1/24")
        self.fails(REFUSED, "instance", "delete-all")  # without --confirm
        self.fails(NOT_ALLOWED, "node", "list")
        self.fails(NOT_ALLOWED, "instance", "list", SHAKENFIST_KEY="wrong")
        self.fails(NOT_ALLOWED, "instance", "list", SHAKENFIST_NAMESPACE="nobodys")
        self.assertIn("127.0.0.1:1", self.fails(UNREACHABLE, "instance", "list",
                                                SHAKENFIST_API_URL="http://127.0.0.1:1"))
        with open("/dev/full", "w") as full:
            done = subprocess.run([str(SF), "instance", "list"], env=self.environment(), stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=30)
        self.assertEqual((REFUSED, "sf: No space left on device\n"), (done.returncode, done.stderr))
        self.fails(USAGE, "instance")
        self.fails(USAGE, "instance", "shwo", "web1")
        self.fails(USAGE, "instance", "create", "w", "1", "256")  # without a disk
        self.fails(USAGE, "instance", "events", "w", "--limit", "many")
        self.fails(USAGE, "instance", "list", SHAKENFIST_KEY="")

    def test_a_wait_that_fails_or_ends_says_so_and_shows_the_object(self):
        done = self.run_sf("instance", "create", "broken", "1", "256", "-d",
                           f"1@http://{self.bed.settings['BED_MACHINE']}:1/none.qcow2")
        self.assertEqual(REFUSED, done.returncode, done.stderr)
        self.assertRegex(done.stderr, r"sf: broken is in state error: .*none.qcow2")
        self.assertRegex(done.stdout, r"\nState: +error\n")
        self.fails(REFUSED, "instance", "await", "broken")

        url = self.offer("slow.qcow2", Slow(disk_images.qcow2(), seconds=6))
        self.sf("--async", "continue", "instance", "create", "slow", "1", "256", "-d", f"1@{url}")
        # On a terminal the wait tells how far it is, in one line that is gone at its end.
        status, shown = self.on_terminal("instance", "await", "slow", interrupt=True)
        self.assertEqual(-signal.SIGINT, status, shown)
        self.assertRegex(shown, r"\r\x1b\[Kslow: (initial|creating).*  \d+ s")
        self.assertTrue(shown.endswith("\r\x1b[KNo longer waiting; what was begun goes on.\r\n"), shown)
        status, shown = self.on_terminal("instance", "await", "slow")
        self.assertEqual(0, status, shown)
        self.assertTrue(shown.endswith("\r\x1b[K"), shown)

    def on_terminal(self, *words, interrupt=False):
        """The exit status, and what it shows; `interrupt`: by Ctrl-C as soon as it shows anything."""
        leader, follower = pty.openpty()
        with subprocess.Popen([str(SF), *words], env=self.environment(),
                              stdout=subprocess.DEVNULL, stderr=follower) as process:
            os.close(follower)
            shown = b""
            try:
                while piece := os.read(leader, 4096):
                    shown += piece
                    if interrupt:
                        process.send_signal(signal.SIGINT)
                        interrupt = False
            except OSError:
                pass  # that is how the last reader hears that the last writer has gone
        os.close(leader)
        return process.returncode, shown.decode()

    def test_keys_come_by_stdin_and_settings_from_a_file(self):
        name = self.client.namespace
        self.sf("namespace", "add-key", name, "second", "-", stdin="other secret\n")
        with tempfile.TemporaryDirectory() as home:
            file = pathlib.Path(home) / ".shakenfist"
            file.write_text(json.dumps(
                {"apiurl": f"{self.node.url}/", "namespace": name, "key": "other secret"}))
            only_home = {"HOME": home, "SHAKENFIST_API_URL": "", "SHAKENFIST_NAMESPACE": "",
                         "SHAKENFIST_KEY": ""}
            self.assertIn("second", self.sf("namespace", "show", name, **only_home))
            self.assertIn("second", self.sf("namespace", "show", name,
                                            **{**only_home, "SHAKENFIST_API_URL": self.node.url}))
            # Not to another server: that is a usage error before anything is sent.
            self.fails(USAGE, "instance", "list",
                       **{**only_home, "SHAKENFIST_API_URL": "http://127.0.0.1:1"})
        self.sf("namespace", "delete-key", name, "second")
        self.fails(NOT_ALLOWED, "instance", "list", SHAKENFIST_KEY="other secret")

    def test_trust_addresses_and_another_interface(self):
        own, friend = self.client.namespace, self.new_namespace().namespace
        self.assertIn(friend, self.sf("namespace", "add-trust", own, friend))
        self.assertNotIn(friend, self.sf("namespace", "remove-trust", own, friend))
        self.sf("network", "create", "wide", "10.5.0.0/24")
        routed = self.sf("network", "add-routed", "wide").strip()
        self.assertRegex(self.sf("network", "addresses", "wide"), rf"(?m)^{routed} +routed +")
        self.sf("network", "delete-routed", "wide", routed)
        uuid = self.client.create("plugged", self.empty)["uuid"]
        self.client.wait(uuid, "created")
        self.fails(USAGE, "instance", "add-interface", "plugged")
        added = self.sf("instance", "add-interface", "plugged", "-n", "wide@10.5.0.9")
        self.assertRegex(added, r"(?m)^Address: +10\.5\.0\.9$")
        interface = re.search(r"(?m)^UUID: +(\S+)$", added)[1]
        self.sf("interface", "set-metadata", interface, "role", "uplink")
        self.assertIn('{"role":"uplink"}', self.sf("interface", "show", interface))
        self.client.delete(uuid)
        self.sf("network", "delete", "wide")

    def test_administrators_see_nodes(self):
        self.assertIn("role/network-services", self.sf("node", "locks", client=self.admin))
        self.assertIn("process_cpu_fraction_sf-node",
                      self.sf("node", "processes", self.node.name, client=self.admin))
        self.assertRegex(self.sf("node", "list", client=self.admin), r"\nh1 +\S+ +created ")
        self.assertRegex(self.sf("node", "resources", "h1", client=self.admin), r"\nh1( +\d+){6}\n")
        self.sf("node", "cpuhogs", "-t", "1000", client=self.admin)
        self.assertRegex(self.fails(REFUSED, "node", "cpuhogs", "-t", "-1", client=self.admin),
                         r"sf-node on node h1 takes \d+\.\d\d of a CPU")
        self.assertNotIn("sf-node on", self.run_sf("node", "cpuhogs", "-t", "-1", "-i", "sf-node",
                                                   client=self.admin).stderr)
        self.fails(USAGE, "node", "cpuhogs", "-t", "much", client=self.admin)
        self.fails(NOT_FOUND, "node", "delete", "nobody", client=self.admin)
        self.sf("node", "events", "h1", "-t", "audit", "-l", "1", client=self.admin)
        self.assertRegex(self.sf("node", "show", "h1", client=self.admin), r"Name: +h1\n")

    def test_a_shell_completes_words_and_names(self):
        self.sf("network", "create", "front-door", "10.8.0.0/24")
        script = ('eval "$(sf completion bash)"; COMP_WORDS=(sf network show fr); COMP_CWORD=3; '
                  '_sf; echo "${COMPREPLY[*]}"')
        done = subprocess.run(["bash", "-c", script], env=self.environment(), text=True,
                              capture_output=True, timeout=30)
        self.assertEqual(("front-door\n", ""), (done.stdout, done.stderr))
        for words, completed in ((("bl",), "blob"), (("artifact", "dow"), "download"),
                                 (("instance", "vdiconsole"), "vdiconsole\nvdiconsolefile"),
                                 (("instance", "snapshot", "x", "--del"),
                                  "--delete-snapshot-after-label"), (("node", "cpu"), "cpuhogs")):
            self.assertEqual(f"{completed}\n", self.sf("complete", "--", *words))
        self.sf("network", "delete", "front-door")

    def test_every_verb_explains_itself(self):
        for noun in ("instance", "network", "interface", "namespace", "artifact", "blob", "label", "node"):
            listed = self.sf(noun, "--help").partition("Subcommands:")[2]
            verbs = re.findall(r"^  ([a-z-]+)  ", listed, re.M)
            self.assertGreater(len(verbs), 2, listed)
            for verb in verbs:
                text = self.sf(noun, verb, "--help")
                self.assertIn("Example:", text)
                # What it asks for is a route: anything but "path not found" and 405.
                for method, path in re.findall(r"([A-Z]+) (/[^ ,\n]*)", text.partition("API: ")[2]):
                    path = re.sub(r"\{(?:(\w+)\|)?\w+\}", lambda m: m[1] or "nobody", path)
                    answer = self.admin.request(method, path)
                    self.assertNotEqual(405, answer.status, f"{method} {path}")
                    self.assertNotIn("path not found", answer.text, f"{method} {path}")
        self.assertRegex(self.sf("version"), r"^sf \d+\.\d+\.\d+\n$")
