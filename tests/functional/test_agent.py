# SPDX-License-Identifier: Apache-2.0
"""Agents in guests: what they say of themselves, and what they are asked to do, at nodes that do not
host them. The guest is a real one, with an agent of its own (tests/guests/agent.cc)."""

import hashlib
import os
import stat
import subprocess
import tempfile
import time

import disk_images
from case import guest
from cluster import SF, cluster, wait_for
from three_nodes import ThreeNodes


class Agent(ThreeNodes):
    """The guest is on the first node; the others are asked."""

    prefix, port = "agent", 15200
    options = {"LOG_LEVEL": "debug", "AGENT_DEADLINE": "60", "UPLOAD_MAX_SIZE": "4"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_team()
        cls.asked, cls.third = cls.others
        image = cluster().images.offer("/agent/tiny.qcow2", guest("tiny"))
        cls.uuid = cls.make_instance("inside", image, side_channels=["sf-agent"])
        cls.wait_ready()

    @classmethod
    def make_instance(cls, name, image, **fields):
        uuid = cls.here.create(name, image, memory=128, placed_on=cls.nodes[0].name, **fields)["uuid"]
        cls.here.wait(uuid, "created")
        return uuid

    @classmethod
    def wait_ready(cls, seconds=240):
        return wait_for(
            lambda: cls.asked.show(cls.uuid)["agent_state"] == "ready" and cls.asked.show(cls.uuid),
            seconds, "the agent is ready",
            lambda: f"{cls.asked.show(cls.uuid)}\n{cls.nodes[0].tail()}\n"
                    f"{cls.here.console(cls.uuid)[-1500:]}")

    def ask(self, what, **body):
        return self.asked.call("POST", f"/instances/{self.uuid}/agent/{what}", body)

    def ended(self, operation, states=("complete",), seconds=90):
        def state():
            view = self.third.call("GET", f"/agentoperations/{operation['uuid']}")
            return view if view["state"] in (*states, "error", "complete") else None
        view = wait_for(state, seconds, f"{operation} ends", self.nodes[0].tail)
        self.assertIn(view["state"], states, f"{view}\n{self.nodes[0].tail()}")
        return view

    def execute(self, line):
        return self.ended(self.ask("execute", command_line=line))["results"]["0"]

    def upload(self, data):
        upload = self.asked.call("POST", "/upload")["uuid"]
        self.asked.call("POST", f"/upload/{upload}", data)
        made = self.asked.call("POST", "/artifacts/upload/x", {"upload_uuid": upload})
        return made["blob_uuid"]

    def blob(self, uuid):
        return self.third.request("GET", f"/blobs/{uuid}/data").data

    # ---- what it says of itself ------------------------------------------------------------------

    def test_its_state_and_times_are_shown_by_every_node(self):
        for client in (self.here, self.asked, self.third):
            view = client.show(self.uuid)
            self.assertEqual("ready", view["agent_state"])
            self.assertLess(abs(time.time() - view["agent_start_time"]), 3600)
            # Of the guest's own clock.
            self.assertGreater(view["agent_system_boot_time"], 0)
        version = self.here.show(self.uuid)["version"]
        time.sleep(4)
        self.assertEqual(version, self.here.show(self.uuid)["version"], "written while nothing changed")

    def test_only_root_and_qemu_reach_the_channel(self):
        info = os.stat(self.nodes[0].folder(self.uuid) / "sf-agent.sock")
        self.assertTrue(stat.S_ISSOCK(info.st_mode))
        self.assertEqual(0, info.st_mode & stat.S_IWOTH, oct(info.st_mode))

    def test_without_a_channel_nobody_is_there(self):
        empty = cluster().images.offer("/agent/empty.qcow2", disk_images.qcow2())
        uuid = self.make_instance("mute", empty, side_channels=[])
        view = self.asked.show(uuid)
        self.assertEqual([], view["side_channels"])
        self.assertEqual("not ready (no contact)", view["agent_state"])
        for what, body in (("execute", {"command_line": "ls"}), ("get", {"path": "/x"}),
                           ("put", {"path": "/x", "mode": 420, "blob_uuid": uuid})):
            self.asked.refused(400, "POST", f"/instances/{uuid}/agent/{what}", body)
        self.here.delete(uuid)

    # ---- what it does ----------------------------------------------------------------------------

    def test_a_command_is_executed(self):
        done = self.execute("echo out; echo err >&2; exit 3")
        self.assertEqual(
            {"command-line": "echo out; echo err >&2; exit 3", "result": False, "return-code": 3,
             "stdout": "out\n", "stderr": "err\n"}, done)
        self.assertEqual("inside\n", self.execute("hostname")["stdout"])
        events = [event["message"] for event in self.asked.events(self.uuid)]
        self.assertIn("agent operation complete", events)

    def test_long_output_is_a_blob(self):
        done = self.execute("i=0; while [ $i -lt 4000 ]; do echo line $i; i=$((i+1)); done")
        self.assertNotIn("stdout", done)
        expected = "".join(f"line {i}\n" for i in range(4000)).encode()
        self.assertEqual(expected, self.blob(done["stdout_blob"]))
        strangers = self.nodes[1].client("strangers", "secret")
        strangers.refused(404, "GET", f"/blobs/{done['stdout_blob']}")

    def test_a_file_is_put_and_fetched(self):
        data = os.urandom(300_001)
        # On the second node, so the hosting one has to bring it.
        blob = self.upload(data)
        put = self.ended(self.ask("put", blob_uuid=blob, path="/tmp/f", mode=0o100640))
        self.assertEqual({"0": {"path": "/tmp/f"}, "1": {"path": "/tmp/f"}}, put["results"])
        digest = hashlib.sha256(data).hexdigest()
        self.assertEqual(f"{digest}  /tmp/f\n-rw-r-----\n",
                         self.execute("sha256sum /tmp/f; ls -l /tmp/f | cut -c1-10")["stdout"])
        self.ended(self.ask("put", blob_uuid=blob, path="/tmp/f", mode="ugo+rx"))
        self.assertEqual("-rwxr-xr-x\n", self.execute("ls -l /tmp/f | cut -c1-10")["stdout"])
        fetched = self.ended(self.ask("get", path="/tmp/f"))["results"]["0"]
        self.assertEqual((len(data), "/tmp/f"), (fetched["size"], fetched["path"]))
        self.assertEqual(data, self.blob(fetched["content_blob"]))

    def test_what_cannot_be_done_is_an_error_and_says_why(self):
        failed = self.ended(self.ask("get", path="/none"), ["error"])
        self.assertEqual("get-file: path is not a file", failed["error_message"])
        blob = self.upload(b"x" * 4096)
        failed = self.ended(self.ask("put", blob_uuid=blob, path="/none/x", mode=420), ["error"])
        self.assertEqual("put-blob: cannot write /none/x", failed["error_message"])
        disk = self.asked.call("POST", f"/instances/{self.uuid}/snapshot")["vda"]["blob_uuid"]
        wait_for(lambda: self.third.call("GET", f"/instances/{self.uuid}/snapshot")[0]["state"]
                 == "created", 60, "there is a blob larger than an upload", self.nodes[0].tail)
        failed = self.ended(self.ask("put", blob_uuid=disk, path="/tmp/x", mode=420), ["error"])
        self.assertRegex(failed["error_message"], "has more than 4194304 bytes")
        large = self.ended(self.ask("execute", command_line="head -c 5242880 /dev/zero >/tmp/big"))
        self.assertEqual(0, large["results"]["0"]["return-code"])
        failed = self.ended(self.ask("get", path="/tmp/big"), ["error"])
        self.assertRegex(failed["error_message"], "more than 4194304 bytes")
        self.execute("rm /tmp/big")
        self.assertEqual([], list((self.nodes[0].storage / "blobs/incoming").iterdir()))

    def test_what_makes_no_sense_is_refused(self):
        blob = self.upload(b"y" * 4096)
        path = f"/instances/{self.uuid}/agent"
        for mode in ("u+z", "abc", -1, 1 << 20, True, [], ""):
            self.asked.refused(406, "POST", f"{path}/put",
                               {"blob_uuid": blob, "path": "/x", "mode": mode})
        put = {"path": "/x", "mode": 420}
        self.asked.refused(404, "POST", f"{path}/put", {**put, "blob_uuid": self.uuid})
        for body in ({}, {"command_line": ""}, {"command_line": 7}, {"command_line": "a\0b"},
                     {"command_line": "x" * 200_000}):
            self.asked.refused(400, "POST", f"{path}/execute", body)
        for body in ({}, {"path": ""}, {"path": "x" * 5000}):
            self.asked.refused(400, "POST", f"{path}/get", body)
        self.asked.refused(404, "GET", "/agentoperations/none")
        self.asked.refused(404, "GET", f"/agentoperations/{self.uuid}")

    def test_operations_are_done_one_by_one_in_order(self):
        asked = [self.ask("execute", command_line=f"echo {i} >>/tmp/order; sleep 0.3")
                 for i in range(5)]
        waiting = self.third.call("GET", f"/instances/{self.uuid}/agentoperations")
        self.assertIn(asked[-1]["uuid"], [one["uuid"] for one in waiting])
        for operation in asked:
            self.ended(operation)
        self.assertEqual("0\n1\n2\n3\n4\n", self.execute("cat /tmp/order; rm /tmp/order")["stdout"])
        listed = self.third.call("GET", f"/instances/{self.uuid}/agentoperations", {"all": True})
        self.assertLessEqual({one["uuid"] for one in asked}, {one["uuid"] for one in listed})
        self.assertEqual([], self.third.call("GET", f"/instances/{self.uuid}/agentoperations"))

    def test_one_that_is_deleted_is_given_up(self):
        slow = self.ask("execute", command_line="sleep 5")
        waiting = self.ask("execute", command_line="touch /tmp/never")
        self.third.call("DELETE", f"/agentoperations/{waiting['uuid']}")
        self.third.call("DELETE", f"/agentoperations/{slow['uuid']}")
        self.assertEqual("deleted", self.asked.call(
            "GET", f"/agentoperations/{slow['uuid']}")["state"])
        self.assertEqual(1, self.execute("test -e /tmp/never")["return-code"])

    def test_the_command_line_does_it_all(self):
        def sf(*words):
            done = subprocess.run(
                [str(SF), *words], text=True, capture_output=True, timeout=120,
                env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "SHAKENFIST_KEY": "secret",
                     "SHAKENFIST_API_URL": self.nodes[1].url, "SHAKENFIST_NAMESPACE": "team"})
            return done.returncode, done.stdout, done.stderr
        with tempfile.TemporaryDirectory() as folder:
            source, back = f"{folder}/source", f"{folder}/back"
            with open(source, "wb") as file:
                file.write(b"from here\n")
            self.assertEqual((0, "", ""), sf("instance", "upload", "inside", source, "/tmp/u"))
            self.assertEqual((0, "from here\n", ""), sf("instance", "execute", "inside", "cat /tmp/u"))
            self.assertEqual((0, "", ""), sf("instance", "download", "inside", "/tmp/u", back))
            with open(back, "rb") as file:
                self.assertEqual(b"from here\n", file.read())
        status, out, error = sf("instance", "execute", "inside", "echo bad >&2; exit 4")
        self.assertEqual((1, ""), (status, out))
        self.assertIn("the command ended with 4: bad", error)
        self.assertIn("get-file", sf("instance", "operations", "inside", "--all")[1])
        left = [one["source_url"] for one in self.here.call("GET", "/artifacts")]
        self.assertEqual([], [url for url in left if "for-instance-" in url])

    # ---- who may ---------------------------------------------------------------------------------

    def test_to_strangers_none_of_it_is_there(self):
        operation = self.ask("execute", command_line="true")
        self.ended(operation)
        strangers = self.nodes[2].client("strangers", "secret")
        for method, path, body in (
                ("POST", f"/instances/{self.uuid}/agent/execute", {"command_line": "ls"}),
                ("GET", f"/instances/{self.uuid}/agentoperations", {}),
                ("GET", f"/agentoperations/{operation['uuid']}", {}),
                ("DELETE", f"/agentoperations/{operation['uuid']}", {})):
            strangers.refused(404, method, path, body)
        foreign = self.upload(b"mine" * 2000)
        self.assertEqual(404, strangers.request("GET", f"/blobs/{foreign}").status)

    # ---- when something fails --------------------------------------------------------------------

    def test_what_a_crash_interrupts_is_never_done_twice(self):
        for step, happens in (("claim", 0), ("run", 1)):
            with self.subTest(step):
                self.nodes[0].kill()
                self.nodes[0].start(SF_CRASH_AT=f"agent:{step}")
                self.wait_ready()
                operation = self.ask("execute", command_line=f"echo x >>/tmp/{step}")
                self.nodes[0].ended(60)
                self.nodes[0].start()
                failed = self.ended(operation, ["error"])
                self.assertRegex(failed["error_message"], "was stopped while it was done")
                self.assertEqual(f"{happens}\n", self.execute(
                    f"cat /tmp/{step} 2>/dev/null | wc -l")["stdout"])

    def test_what_a_crash_interrupts_before_it_has_begun_is_done(self):
        self.nodes[0].kill()
        self.nodes[0].start(SF_CRASH_AT="agent:preflight")
        self.wait_ready()
        operation = self.ask("execute", command_line="echo once >>/tmp/preflight; cat /tmp/preflight")
        self.nodes[0].ended(60)
        self.nodes[0].start()
        self.assertEqual("once\n", self.ended(operation)["results"]["0"]["stdout"])

    def test_power_is_told_and_the_agent_is_found_again(self):
        uuid = self.uuid
        self.asked.call("POST", f"/instances/{uuid}/pause")
        wait_for(lambda: self.third.show(uuid)["agent_state"] == "not ready (instance paused)", 40,
                 "it is told that it is paused", self.nodes[0].tail)
        self.asked.refused(400, "POST", f"/instances/{uuid}/agent/execute", {"command_line": "ls"})
        self.asked.call("POST", f"/instances/{uuid}/unpause")
        self.wait_ready(30)
        started = self.asked.show(uuid)["agent_start_time"]
        cut_off = self.ask("execute", command_line="sleep 30")
        wait_for(lambda: self.third.call("GET", f"/agentoperations/{cut_off['uuid']}")["state"]
                 == "executing", 20, "it is executing", self.nodes[0].tail)
        self.asked.call("POST", f"/instances/{uuid}/poweroff")
        self.assertEqual("execute: the connection to the guest was lost",
                         self.ended(cut_off, ["error"])["error_message"])
        wait_for(lambda: self.third.show(uuid)["agent_state"] == "not ready (instance powered off)",
                 40, "it is told that it is off", self.nodes[0].tail)
        self.asked.call("POST", f"/instances/{uuid}/poweron")
        self.assertGreater(self.wait_ready()["agent_start_time"], started)
        self.assertEqual("again\n", self.execute("echo again")["stdout"])

    def test_z_with_its_instance_all_that_it_was_asked_ends(self):
        slow = self.ask("execute", command_line="sleep 30")
        waiting = self.ask("execute", command_line="true")
        self.here.delete(self.uuid)
        for operation in (slow, waiting):
            self.assertEqual("its instance was deleted",
                             self.ended(operation, ["error"])["error_message"])
        self.asked.refused(400, "POST", f"/instances/{self.uuid}/agent/execute",
                           {"command_line": "ls"})
