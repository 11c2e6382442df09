# SPDX-License-Identifier: Apache-2.0
"""Clients that want too much of a node, from one host; meanwhile somebody else asks it for something small.
He is answered, the daemon's memory stays within a bound, and afterwards all is as before. What he waited and
what the daemon took are printed."""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import threading
import time
import unittest

from client import SANITIZED
from cluster import HOSTS, cluster, wait_for

HERE = pathlib.Path(__file__).resolve().parent
MEMORY = (4000 if SANITIZED else 500) << 10  # KiB, of the daemon, at any time
# Seconds that 99 of 100 calls take at most. Who finds the kernel's backlog full, in a flood of connections,
# knocks again after one second, and after three.
PATIENCE = 5
MEGABYTE = 1 << 20


class Limits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = cluster().bed
        cls.node = cluster().begin("h4", name="limits", port=15600, storage="/srv/limits",
                                   UPLOAD_MAX_SIZE="64", API_BUFFERS="8")
        cls.addClassCleanup(cls.node.kill)
        cls.admin = cls.node.client()
        for name in ("greedy", "other"):
            cls.admin.call("POST", "/auth/namespaces",
                           {"namespace": name, "key_name": "k", "key": "secret"})
        cls.greedy = cls.node.client("greedy", "secret")
        cls.other = cls.node.client("other", "secret")
        for client in (cls.greedy, cls.other):
            client.log_in()
        cls.other.call("POST", "/networks", {"name": "front", "netblock": "10.9.0.0/24",
                                             "provide_dhcp": False, "provide_nat": False})

    def setUp(self):
        self.before = self.descriptors()

    # ---- the daemon --------------------------------------------------------------------------------

    def memory(self):
        status = pathlib.Path(f"/proc/{self.node.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.node.pid}/fd"))

    def figure(self, name):
        """The sum of a metric, over its labels."""
        text = self.other.call("GET", "/metrics")
        return sum(float(value) for value in
                   re.findall(rf"^shakenfist_{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))

    # ---- who wants too much, and who does not --------------------------------------------------------

    def flood(self, kind, count, seconds=4, port=15600, **words):
        """What became of it; meanwhile() looks at the others."""
        command = [str(HOSTS), "exec", "h3", "--", str(HERE / "flood.py"), kind,
                   self.bed.address("h4"), str(port), str(seconds), str(count)]
        with self.meanwhile(f"{count} {self.id().rpartition('.')[2]}"):
            done = subprocess.run(command, input=json.dumps(words), text=True, capture_output=True,
                                  timeout=120, env={**os.environ, "SF_HOSTS_DIR": str(self.bed.dir)})
        self.assertEqual(0, done.returncode, done.stderr)
        figures = json.loads(done.stdout)
        print(f"    {figures}", flush=True)
        wait_for(lambda: self.figure("http_connections") <= 2, 20, "all connections are gone")
        wait_for(lambda: self.descriptors() <= self.before + 8, 20, "all descriptors are free",
                 lambda: f"{self.before} before, {self.descriptors()} now")
        self.assertLess(self.figure("http_held_bytes"), MEGABYTE)
        return figures

    @contextlib.contextmanager
    def meanwhile(self, what):
        """Somebody else asks, over and over."""
        waits, peaks, over = [], [self.memory()], threading.Event()

        def ask():
            while not over.is_set():
                begin = time.monotonic()
                with contextlib.suppress(OSError):
                    if self.other.request("GET", "/networks").status == 200:
                        waits.append(time.monotonic() - begin)
                        continue
                waits.append(float("inf"))

        def look():
            while not over.wait(0.05):
                peaks.append(self.memory())

        threads = [threading.Thread(target=target) for target in (ask, look)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()
        waits.sort()
        slowest = waits[len(waits) * 99 // 100]
        print(f"\n  {what}: others had {len(waits)} answers, p50 {waits[len(waits) // 2] * 1000:.0f} ms,"
              f" p99 {slowest * 1000:.0f} ms; memory {peaks[0] // 1024} MiB, at most "
              f"{max(peaks) // 1024} MiB", flush=True)
        if not SANITIZED:
            self.assertLess(slowest, PATIENCE)
        self.assertLess(max(peaks), MEMORY)

    def head(self, line, *headers, client=None):
        token = (client or self.greedy).token
        return "\r\n".join([f"{line} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", *headers,
                            "", ""])

    # ---- connections ----------------------------------------------------------------------------------

    def test_connections(self):
        turned_out = self.figure("http_connections_turned_out_total")
        figures = self.flood("hold", 10_000)
        self.assertGreater(figures["opened"], 10_000)
        self.assertGreater(self.figure("http_connections_turned_out_total"), turned_out + 5000)

    def test_heads_that_drip(self):
        slow = self.figure("http_requests_refused_total")
        self.flood("drip", 500, seconds=12, head=self.head("GET /instances"))
        self.assertGreaterEqual(self.figure("http_requests_refused_total"), slow + 500)

    def test_bodies_that_drip(self):
        self.flood("drip", 500, seconds=3, head=self.head("POST /networks", "Content-Length: 500000"))

    def test_readers_that_read_nothing(self):
        for i in range(5):
            uuid = self.greedy.call("POST", "/networks", {"name": f"n{i}", "netblock": "10.8.0.0/24",
                                                          "provide_dhcp": False, "provide_nat": False})["uuid"]
            self.greedy.call("POST", f"/networks/{uuid}/metadata",
                             {"key": "large", "value": "x" * (900 * 1024)})
        turned_out = self.figure("http_connections_turned_out_total")
        self.flood("deaf", 100, head=self.head("GET /networks"))
        self.assertGreater(self.figure("http_connections_turned_out_total"), turned_out)

    # ---- requests -------------------------------------------------------------------------------------

    def test_lists(self):
        figures = self.flood("ask", 900, seconds=6, part=self.head("GET /instances"), times=112)
        self.assertGreater(figures["statuses"]["200"], 1000)

    def test_creates(self):
        # More than there is room for anywhere: it is looked for, and nothing is left of it.
        body = json.dumps({"name": "x", "cpus": 1, "memory": 1 << 24, "disk": [{"size": 1}]})
        one = self.head("POST /instances", f"Content-Length: {len(body)}") + body
        figures = self.flood("ask", 900, seconds=6, part=one, times=112)
        self.assertEqual({"507"}, set(figures["statuses"]))
        self.assertEqual([], self.greedy.call("GET", "/instances"))

    def test_headers_without_end(self):
        figures = self.flood("pour", 50, head="GET / HTTP/1.1\r\n", part="X: y\r\n", times=10_000)
        self.assertEqual({"431"}, set(figures["statuses"]))

    def test_bodies_that_are_too_long(self):
        line = "POST /networks"
        for headers, part in ((f"Content-Length: {10 << 30}", "x" * (64 << 10)),
                              ("Transfer-Encoding: chunked", "10000\r\n" + "x" * (64 << 10) + "\r\n")):
            with self.subTest(headers):
                figures = self.flood("pour", 20, seconds=2, head=self.head(line, headers), part=part)
                self.assertEqual({"413"}, set(figures["statuses"]))

    # ---- files ----------------------------------------------------------------------------------------

    def test_uploads_that_are_too_long(self):
        for headers, part in ((f"Content-Length: {10 << 30}", "x" * (64 << 10)),
                              ("Transfer-Encoding: chunked", "10000\r\n" + "x" * (64 << 10) + "\r\n")):
            with self.subTest(headers):
                upload = self.greedy.call("POST", "/upload")["uuid"]
                figures = self.flood("pour", 1, head=self.head(f"POST /upload/{upload}", headers),
                                     part=part)
                self.assertLess(set(figures["statuses"]), {"409", "413"})
                self.assertGreater(figures["statuses"].get("413", 0), 0)

    def test_downloads_that_are_not_read(self):
        upload = self.greedy.call("POST", "/upload")["uuid"]
        data = os.urandom(32 * MEGABYTE)
        self.greedy.call("POST", f"/upload/{upload}", data)
        blob = self.greedy.call("POST", "/artifacts/upload/large", {"upload_uuid": upload})["blob_uuid"]
        busy = self.figure("api_requests_busy_total")
        self.flood("deaf", 100, head=self.head(f"GET /blobs/{blob}/data"))
        self.assertGreater(self.figure("api_requests_busy_total"), busy)
        answer = self.greedy.request("GET", f"/blobs/{blob}/data")
        self.assertTrue(answer.data == data, answer.status)

    # ---- gossip -----------------------------------------------------------------------------------------

    def test_datagrams_of_a_stranger(self):
        dropped = self.figure("gossip_datagrams_dropped_total")
        figures = self.flood("udp", 1, port=15602)
        self.assertGreater(figures["sent"], 1000)
        self.assertGreater(self.figure("gossip_datagrams_dropped_total"), dropped + 500)

    def test_gossip_connections(self):
        self.flood("hold", 3000, port=15602)
        self.assertGreater(self.figure("gossip_connections_refused_total"), 1000)


if __name__ == "__main__":
    unittest.main()
