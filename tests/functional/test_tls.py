# SPDX-License-Identifier: Apache-2.0
"""HTTPS: three nodes with certificates that the README's own commands made, and all that goes from
one node to another through it."""

import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import tempfile

import disk_images
from cluster import ROOT, SF, SYSTEM_KEY, cluster, wait_for
from three_nodes import ThreeNodes

FOLDER = "/srv/tls-files"  # on each host
UNREACHABLE = 5  # sf's exit status


def readme_commands():
    """Those that make the authority, and those that make the certificate of n1 at 192.0.2.11."""
    section = (ROOT / "README.md").read_text().split("\n## HTTPS\n")[1].split("\n## ")[0]
    block = re.search(r"\n((?:    .*\n)+)", section)[1]
    authority, node = re.split(r"(?m)^(?=    openssl .* -CA )", block)
    return authority, node


class Authority:
    """Signs certificates in a folder of its own."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.run(readme_commands()[0])
        self.file = self.folder / "ca.pem"

    def run(self, script):
        done = subprocess.run(["bash", "-euc", script], cwd=self.folder, text=True,
                              capture_output=True)
        if done.returncode != 0:
            raise AssertionError(f"{script}\n{done.stderr}")

    def sign(self, name, address):
        """The certificate and the key, as files."""
        script = readme_commands()[1].replace("192.0.2.11", address)
        self.run(re.sub(r"\bn1\b", name, script))
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def trust(self):
        return ssl.create_default_context(cafile=str(self.file))


class Https(ThreeNodes):
    """The first node hosts the instance of namespace team; the others are asked."""

    prefix, port = "tls", 15200
    options = {"IMAGE_CHECK_INTERVAL": "600",
               "API_TLS_CERT": f"{FOLDER}/node.pem", "API_TLS_KEY": f"{FOLDER}/node.key",
               "API_TLS_CA": f"{FOLDER}/ca.pem"}

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.authority = Authority(f"{folder.name}/ours")
        cls.stranger = Authority(f"{folder.name}/theirs")
        super().setUpClass()
        cls.make_team()
        cls("setUp").wait_well()
        cls.uuid = cls.here.create("web1", cluster().images.offer(
            "/tls/empty.qcow2", disk_images.qcow2()), placed_on=cls.nodes[0].name)["uuid"]
        cls.here.wait(cls.uuid, "created")
        cls.log = cls.nodes[0].folder(cls.uuid) / "console.log"

    @classmethod
    def make(cls, host, name):
        node = super().make(host, name)
        node.trust = cls.authority.trust()
        cls.give(node, cls.authority)
        return node

    @classmethod
    def files(cls, node):
        return cls.bed.disk(node.host) / FOLDER.lstrip("/")

    @classmethod
    def give(cls, node, authority):
        """A new certificate, where the node looks for it, and whom to believe."""
        files = cls.files(node)
        files.mkdir(exist_ok=True)
        certificate, key = authority.sign(node.name, cls.bed.address(node.host))
        (files / "node.pem").write_bytes(certificate.read_bytes())
        (files / "node.key").write_bytes(key.read_bytes())
        (files / "node.key").chmod(0o600)
        (files / "ca.pem").write_bytes(authority.file.read_bytes())

    def restart(self, node, **options):
        """With these options; None takes one away."""
        node.stop()
        node.options.update(options)
        node.start()

    def shown(self, node):
        """The certificate that new connections see."""
        host, port = node.address.split(":")
        return ssl.get_server_certificate((host, int(port)))

    def wait_logged(self, node, text, seconds=10):
        wait_for(lambda: text in node.log.read_text(errors="replace"), seconds, text, node.tail)

    def reads_console(self, node):
        """What this node answers to a question for the first one."""
        self.log.write_bytes(b"said on the console\n")
        return node.client("team", "secret").request("GET", f"/instances/{self.uuid}/consoledata")

    def wait_console(self, *nodes):
        """Until all of them know how the first one is to be asked, and are answered by it."""
        for node in nodes:
            wait_for(lambda node=node: self.reads_console(node).status == 200, 20,
                     f"{node.name} passes it on",
                     lambda node=node: f"{self.reads_console(node)!r}\n{node.tail()}")

    # ---- what goes from node to node -------------------------------------------------------------

    def test_what_one_node_knows_every_node_tells(self):
        for node in self.nodes:
            self.assertEqual("https", node.client().url.scheme)
            self.assertEqual("said on the console\n", self.reads_console(node).text)
            for verb, state in (("pause", "paused"), ("unpause", "on")):
                node.client("team", "secret").call("POST", f"/instances/{self.uuid}/{verb}")
                self.assertEqual(state, self.here.show(self.uuid)["power_state"])
        self.log.write_bytes(b"x" * (17 << 20))
        self.assertEqual(16 << 20, len(self.others[0].console(self.uuid)))
        self.here.call("DELETE", f"/instances/{self.uuid}/consoledata")

    def test_an_upload_goes_up_through_any_node_and_down_from_any(self):
        data = os.urandom(5 << 20)
        there, further = self.others
        upload = self.here.call("POST", "/upload")["uuid"]
        for begin in range(0, len(data), 1 << 20):
            there.request("POST", f"/upload/{upload}", data[begin:begin + (1 << 20)],
                          {"Content-Type": "application/octet-stream"})
        blob = there.call("POST", "/artifacts/upload/random", {"upload_uuid": upload})["blob_uuid"]
        for client in (self.here, there, further):
            self.assertEqual(data, client.request("GET", f"/blobs/{blob}/data").data)
        self.assertEqual(data[7:12], further.request(
            "GET", f"/blobs/{blob}/data?offset=7&limit=5").data)

    def test_images_are_copied_from_node_to_node(self):
        url = cluster().images.offer("/tls/once", disk_images.raw(b"once"))
        for node in self.nodes:
            made = self.here.create(f"i-{node.host}", url, placed_on=node.name)["uuid"]
            self.here.wait(made, "created", 30)
            self.here.delete(made)
        self.assertEqual([200], cluster().images.statuses("/tls/once"))

    def test_commands_on_the_host_know_their_node(self):
        for node in self.nodes:
            self.assertEqual(3, len(self.members(node)), node.tool("members").stderr)

    # ---- who is believed -------------------------------------------------------------------------

    def test_plain_http_is_refused_with_what_to_do(self):
        host, port = self.nodes[0].address.split(":")
        with socket.create_connection((host, int(port)), 10) as connection:
            connection.sendall(b"DELETE /instances HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        self.assertTrue(answer.startswith("HTTP/1.1 400 "), answer)
        self.assertIn("https://", answer)

    def test_old_protocols_are_refused(self):
        old = self.authority.trust()
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        host, port = self.nodes[0].address.split(":")
        with socket.create_connection((host, int(port)), 10) as connection:
            with self.assertRaises(ssl.SSLError):
                old.wrap_socket(connection, server_hostname=host)

    def test_a_session_is_resumed_and_a_connection_ends_with_a_goodbye(self):
        trust, session = self.authority.trust(), None
        host, port = self.nodes[0].address.split(":")
        for resumed in (False, True):
            with socket.create_connection((host, int(port)), 10) as tcp, trust.wrap_socket(
                    tcp, server_hostname=host, session=session,
                    suppress_ragged_eofs=False) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
                self.assertTrue(answer.endswith(b"</html>\n"), answer[-200:])
                self.assertEqual(resumed, connection.session_reused)
                session = connection.session

    def test_administrators_are_given_the_authority(self):
        ours = self.authority.file.read_text()
        for node in self.nodes:
            answer = node.client().request("GET", "/admin/cacert")
            self.assertEqual((200, ours), (answer.status, answer.text))
            self.assertEqual("text/plain", answer.headers.get_content_type())
            self.assertIn(">cluster-cacert<", node.client().bare("GET", "/").text)
        self.here.refused(401, "GET", "/admin/cacert")

    def sf(self, *words, **environment):
        return subprocess.run([str(SF), *words], text=True, capture_output=True, timeout=60, env={
            "HOME": "/nonexistent", "SHAKENFIST_API_URL": self.nodes[1].url,
            "SHAKENFIST_NAMESPACE": "system", "SHAKENFIST_KEY": SYSTEM_KEY, **environment})

    def test_sf_believes_the_authority_that_it_is_told_of_and_no_other(self):
        done = self.sf("--cacert", str(self.authority.file), "node", "list")
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        self.assertIn(self.nodes[2].name, done.stdout)
        self.assertEqual(0, self.sf(
            "node", "list", SHAKENFIST_CACERT=str(self.authority.file)).returncode)
        for environment in ({}, {"SHAKENFIST_CACERT": str(self.stranger.file)}):
            done = self.sf("node", "list", **environment)
            self.assertEqual(UNREACHABLE, done.returncode)
            self.assertRegex(done.stderr, r"\Asf: .*its certificate is not trusted here: .*\n\Z")
        port = self.nodes[1].address.split(":")[1]
        forwarded = self.bed.run(self.nodes[1].host, "env", "-i", f"SHAKENFIST_KEY={SYSTEM_KEY}",
                                 "bash", "-c", f"{SF} --apiurl https://127.0.0.1:{port} --namespace"
                                 f" system --cacert {FOLDER}/ca.pem node list 2>&1 || true")
        self.assertIn("its certificate is not trusted here", forwarded)
        self.assertIn("127.0.0.1", forwarded)
        done = self.sf("--apiurl", self.nodes[1].url.replace("https", "http"), "node", "list")
        self.assertIn("https://", done.stderr)

    def test_a_node_that_believes_another_authority_is_told_so(self):
        node = self.nodes[2]
        (self.files(node) / "ca.pem").write_bytes(self.stranger.file.read_bytes())
        self.restart(node)
        answer = wait_for(lambda: "certificate" in (a := self.reads_console(node)).text and a, 20,
                          "it says why not", lambda: f"{self.reads_console(node)!r}\n{node.tail()}")
        self.assertEqual(503, answer.status, answer)
        self.assertIn(self.nodes[0].name, answer.error)
        self.assertIn("its certificate is not trusted here", answer.error)
        (self.files(node) / "ca.pem").write_bytes(self.authority.file.read_bytes())
        os.kill(node.pid, signal.SIGHUP)
        self.wait_console(node)

    # ---- what changes ----------------------------------------------------------------------------

    def test_a_certificate_is_renewed_without_a_restart(self):
        node = self.nodes[0]
        before = self.shown(node)
        kept = node.client().connect()
        kept.request("GET", "/")
        self.assertEqual(200, (answer := kept.getresponse()).status, answer.read())
        (self.files(node) / "node.pem").write_text("half a certificate")
        os.kill(node.pid, signal.SIGHUP)
        self.wait_logged(node, "the API keeps its certificate error=")
        self.assertEqual(before, self.shown(node))
        self.give(node, self.authority)
        os.kill(node.pid, signal.SIGHUP)
        wait_for(lambda: self.shown(node) != before, 10, "the new one is shown", node.tail)
        kept.request("GET", "/")
        self.assertEqual(200, kept.getresponse().status)
        kept.close()
        self.assertEqual(3, len(self.members(node)))
        self.wait_console(self.nodes[1])
        metrics = node.client().bare("GET", "/metrics").text
        self.assertRegex(metrics, r"(?m)^shakenfist_api_certificate_expiry_timestamp_seconds \d")
        self.assertNotIn("PRIVATE", node.log.read_text(errors="replace"))

    def test_a_cluster_may_be_half_plain_and_half_tls(self):
        plain = {"API_TLS_CERT": None, "API_TLS_KEY": None}
        secret = {key: self.options[key] for key in plain}
        self.restart(self.nodes[1], **plain)  # it asks one that speaks HTTPS
        self.assertEqual("http", self.nodes[1].client().url.scheme)
        self.wait_console(self.nodes[1])
        self.assertEqual(3, len(self.members(self.nodes[1])))
        self.restart(self.nodes[0], **plain)  # and is asked by one
        self.wait_console(self.nodes[2])
        for node in self.nodes[:2]:
            self.restart(node, **secret)
        self.wait_console(*self.nodes)

    def test_a_node_that_cannot_do_it_right_does_not_start(self):
        node = self.nodes[2]
        done = node.tool("run", options={"API_TLS_KEY": None})
        self.assertEqual(2, done.returncode)
        self.assertIn("API_TLS_CERT is set without API_TLS_KEY", done.stderr)
        node.stop()
        key = self.files(node) / "node.key"
        key.chmod(0o644)
        done = node.tool("run")
        self.assertEqual(1, done.returncode)
        self.assertIn("may be read by others than its owner", done.stderr)
        self.assertRegex(node.tool("check").stdout, r"(?m)^HTTPS +FAILED .* others than its owner")
        key.chmod(0o600)
        self.assertRegex(node.tool("check").stdout, r"(?m)^HTTPS +ok ")
        node.start()
        self.wait_console(node)
