# SPDX-License-Identifier: Apache-2.0
"""What /metrics says, held to Prometheus' conventions; and the board, the alerts and the README,
held to what /metrics says."""

import json
import os
import pathlib
import re
import signal
import subprocess
import unittest

import disk_images
from case import NodeTest
from cluster import wait_for
from openapi import Description

ROOT = pathlib.Path(__file__).resolve().parents[2]
BOARD = ROOT / "templates/monitoring/grafana.json"
ALERTS = ROOT / "templates/monitoring/alerts.yml"
ALERTS_TEST = ROOT / "tests/templates/alerts_test.yml"
OF_TLS = "shakenfist_api_certificate_expiry_timestamp_seconds"  # see test_tls.py
# Anything but base units, whose names are not shortened either.
WRONG_UNITS = {"ms", "us", "ns", "s", "sec", "msec", "milliseconds", "microseconds", "minutes", "hours", "days",
               "b", "kb", "mb", "gb", "kib", "mib", "gib", "kilobytes", "megabytes", "gigabytes", "bits",
               "percent", "counter", "gauge", "histogram"}
# Labels, of which each has few values, all of them ours.
LABELS = {"action", "host", "le", "method", "operation", "reason", "result", "route", "state",
          "status", "step", "version", "what"}
PARTS = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def parse(text):
    """By family: its type, and the labels of each of its series by name."""
    families, helped, series = {}, set(), set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name, said = re.fullmatch(r"# HELP (\w+) (\S.*)", line).groups()
            assert said.endswith("."), line
            helped.add(name)
        elif line.startswith("# TYPE "):
            name, kind = re.fullmatch(r"# TYPE (\w+) (\w+)", line).groups()
            assert name in helped and name not in families, line
            families[name] = (kind, {})
        else:
            one, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
            float(value)
            assert (one, labels) not in series, f"twice: {line}"
            series.add((one, labels))
            kind, found = families[name]
            assert one in [name + part for part in PARTS[kind]], f"{line}: not of {name}"
            found.setdefault(one, []).append(dict(re.findall(r'(\w+)="([^"]*)"', labels or "")))
    return families


class Metrics(NodeTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        image = cls.images.offer(f"/watched-{os.getpid()}.qcow2", disk_images.qcow2())
        cls.instance = cls.client.create("watched", image)["uuid"]
        cls.client.wait(cls.instance, "created")
        cls.client.refused(404, "GET", "/instances/none")
        cls.text = cls.read()
        cls.families = parse(cls.text)

    @classmethod
    def read(cls):
        answer = cls.admin.bare("GET", "/metrics")
        assert answer.status == 200, answer
        return answer.text

    def figure(self, series):
        found = re.search(rf"(?m)^shakenfist_{re.escape(series)} (\S+)$", self.read())
        return float(found[1]) if found else 0.0

    def promtool(self, *arguments, text=None):
        where = subprocess.run([ROOT / "tests/promtool"], capture_output=True, text=True)
        self.assertEqual(0, where.returncode, where.stderr)
        done = subprocess.run([where.stdout.strip(), *arguments], input=text, capture_output=True,
                              text=True, timeout=600)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stdout + done.stderr

    # ---- what it says ----------------------------------------------------------------------------

    def test_names_and_units_are_as_prometheus_has_them(self):
        for name, (kind, _) in self.families.items():
            with self.subTest(name):
                self.assertRegex(name, r"^(shakenfist|process)(_[a-z0-9]+)+$")
                self.assertEqual(kind == "counter", name.endswith("_total"))
                self.assertFalse(WRONG_UNITS & set(name.split("_")))
                self.assertFalse(kind == "histogram" and not name.endswith("_seconds"))
        self.assertEqual("", self.promtool("check", "metrics", text=self.text))

    def test_labels_are_few_and_never_what_somebody_sent(self):
        calls = "shakenfist_api_requests_total"
        for i in range(40):
            self.client.refused(404, "GET", f"/instances/stranger-{i}")
            self.admin.bare("GET", f"/stranger-{i}/{i}")
            self.admin.bare("DELETE", f"/metrics?stranger-{i}")
        text = self.read()
        families = parse(text)
        self.assertLessEqual(len(families[calls][1][calls]), len(self.families[calls][1][calls]) + 3)
        self.assertNotRegex(text, r"stranger|[0-9a-f]{8}-[0-9a-f]{4}-")
        self.assertNotIn(self.client.namespace, text)
        routes = {route.path for route in Description(self.admin.call("GET", "/openapi.json")).routes}
        for kind, series in families.values():
            for labels in [each for some in series.values() for each in some]:
                self.assertLessEqual(set(labels), LABELS)
                self.assertIn(labels.get("route", "unknown"), routes | {"unknown"})
        self.assertLess(text.count("\n"), 5000)

    def test_calls_are_counted_by_route_and_status(self):
        series = 'api_requests_total{method="GET",route="/instances/{ref}",status="%s"}'
        before = [self.figure(series % status) for status in (200, 404)]
        self.client.show(self.instance)
        self.client.refused(404, "GET", "/instances/none")
        self.client.refused(404, "GET", "/instances/nobody")
        after = [self.figure(series % status) for status in (200, 404)]
        self.assertGreaterEqual(after[0], before[0] + 1)
        self.assertGreaterEqual(after[1], before[1] + 2)
        self.assertGreater(self.figure('api_request_seconds_count{method="GET",route="/instances/{ref}"}'), 3)

    def test_an_instance_and_its_making_are_seen(self):
        # The next pass finds it.
        wait_for(lambda: self.figure('instances{state="created"}') >= 1, 30, "it is counted", self.read)
        self.assertGreaterEqual(self.figure("used_cpus"), 1)
        # The room is known from the first heartbeat on.
        wait_for(lambda: self.figure("limit_memory_bytes") > self.figure("used_memory_bytes"), 30,
                 "there is room", self.read)
        self.assertGreater(self.figure('reconcile_passes_total{result="planned"}'), 1)
        self.assertGreaterEqual(self.figure('reconcile_actions_total{action="build",result="done"}'), 1)
        self.assertGreater(self.figure('reconcile_action_seconds_sum{action="build"}'), 0)
        self.assertGreaterEqual(self.figure('image_requests_total{result="fetched"}'), 1)
        self.assertGreater(self.figure("image_cache_bytes"), 0)
        self.assertEqual(1, self.figure("database_up"))
        self.assertGreater(self.figure("database_statement_seconds_sum"), 0)
        self.assertGreater(self.figure("storage_free_bytes"), 1 << 20)

    def test_who_serves_a_network_counts_its_guests_and_the_deaths_of_its_dnsmasq(self):
        network = self.client.call("POST", "/networks", {
            "name": "watched", "netblock": "10.66.0.0/24", "provide_dhcp": True, "provide_nat": False})["uuid"]
        guest = self.client.create("guest", network=[{"network_uuid": network}])["uuid"]
        self.addCleanup(self.client.call, "DELETE", f"/networks/{network}")
        self.addCleanup(self.client.delete, guest)
        self.client.wait(guest, "created")
        wait_for(lambda: self.figure("network_services_term") >= 1, 30, "somebody has the role")
        if not self.figure("network_services_serving"):
            self.skipTest("another node serves the networks")
        # It counts as failed for as long as its mesh, which is not the services' business, is not there yet.
        wait_for(lambda: self.figure("dhcp_hosts") >= 1 and self.figure("network_services_networks") >= 1
                 and not self.figure("network_services_failed_networks"),
                 60, "the network is served", self.node.tail)
        before = self.figure("dnsmasq_restarts_total")
        os.kill(self.dnsmasq_of(network), signal.SIGKILL)
        wait_for(lambda: self.figure("dnsmasq_restarts_total") > before, 60, "its end is counted",
                 self.node.tail)

    def dnsmasq_of(self, network):
        """Seen from this machine, as is all that runs on test hosts."""
        def find():
            for process in pathlib.Path("/proc").glob("[0-9]*"):
                try:
                    words = (process / "cmdline").read_bytes()
                except OSError:
                    continue  # it has ended
                if b"dnsmasq" in words and network.encode() in words:
                    return int(process.name)
            return None

        wait_for(find, 30, f"{network} has a dnsmasq", self.node.tail)
        return find()

    def test_the_process_is_the_daemon(self):
        text = self.read()
        figures = {name: float(re.search(rf"(?m)^{name} (\S+)$", text)[1])
                   for name in self.families if name.startswith("process_")}
        status = pathlib.Path(f"/proc/{self.node.pid}/status").read_text()
        resident = int(re.search(r"VmRSS:\s+(\d+)", status)[1]) << 10
        self.assertAlmostEqual(1, figures["process_resident_memory_bytes"] / resident, delta=0.5)
        self.assertGreater(figures["process_open_fds"], 10)
        self.assertGreater(figures["process_max_fds"], figures["process_open_fds"])
        started = pathlib.Path(f"/proc/{self.node.pid}").stat().st_ctime
        self.assertLess(abs(started - figures["process_start_time_seconds"]), 60)

    def test_reading_asks_the_database_nothing(self):
        before = self.figure("database_statement_seconds_count")
        for _ in range(200):
            self.read()
        self.assertLess(self.figure("database_statement_seconds_count") - before, 200)

    # ---- what is made of it ----------------------------------------------------------------------

    def expressions(self):
        """Those of the board and the alerts, as they are given to Prometheus."""
        for panel in json.loads(BOARD.read_text())["panels"]:
            yield from (target["expr"] for target in panel.get("targets", []))
        rules = ALERTS.read_text()
        found = re.findall(r"(?ms)^ +expr: (.*?)\n +(?:for|labels):", rules)
        self.assertEqual(rules.count("- alert:"), len(found))
        yield from found

    def test_the_board_and_the_alerts_ask_for_what_there_is(self):
        parts = {name + part: name for name, (kind, _) in self.families.items() for part in PARTS[kind]}
        for expression in self.expressions():
            with self.subTest(expression):
                asked = re.findall(r"\b((?:shakenfist|process)_\w+)(?:\{([^}]*(?:\{\w+\}[^}]*)*)\})?", expression)
                self.assertTrue(asked or "up{job=" in expression)
                for name, selector in asked:
                    if name == OF_TLS:
                        continue
                    self.assertIn(name, parts)
                    for label, value in re.findall(r'(\w+)="([^"]*)"', selector):
                        series = self.families[parts[name]][1].get(name, [])
                        self.assertTrue(label == "job" or any(
                            each.get(label) == value for each in series), f"{label}={value}")

    def test_the_alerts_fire_when_they_should_and_else_not(self):
        self.promtool("check", "rules", str(ALERTS))
        self.promtool("test", "rules", str(ALERTS_TEST))
        tried = ALERTS_TEST.read_text()
        rows = (ROOT / "README.md").read_text()
        for alert in re.findall(r"- alert: (\w+)", ALERTS.read_text()):
            self.assertIn(f'alertname="{alert}"', tried)
        for row in re.findall(r'row: "(.*)"', ALERTS.read_text()):
            self.assertIn(f"\n| {row} |", rows)

    def test_the_readme_names_all_of_it_and_nothing_else(self):
        section = (ROOT / "README.md").read_text().split("\n## Watching it\n")[1].split("\n## ")[0]
        table = "".join(line for line in section.splitlines() if line.startswith("| "))
        named = {name.partition("{")[0] for name in re.findall(r"`([a-z_]+(?:\{[a-z, ]+\})?)`", table)}
        self.assertEqual({name.removeprefix("shakenfist_") for name in self.families},
                         named - {OF_TLS.removeprefix("shakenfist_")})


if __name__ == "__main__":
    unittest.main()
