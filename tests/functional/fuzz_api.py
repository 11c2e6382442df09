# SPDX-License-Identifier: Apache-2.0
"""Every route of /openapi.json, driven from a seed with malformed JSON, wrong types, huge and deep
values and odd UTF-8: no crash, no 500, no leak, no answer that is not as described, and no changed
row after a 4xx. SF_SEED=N repeats a run; with SF_LONG it takes ten minutes instead of one.

tests/run gives it an sf-node built with sanitizers, whose findings end the node.
"""

import json
import os
import random
import subprocess
import time
import unittest
import urllib.parse

import disk_images
from cluster import LONG, cluster, wait_for
from openapi import Description, fill, one_of_everything

SECONDS = 600 if LONG else 60
ANSWERS = {200, 400, 401, 403, 404, 405, 406, 409, 413, 429, 431, 507}
# It takes its ten seconds, and asks for a container that is not made here.
LEFT_OUT = {("GET", "/networks/{ref}/ping/{address}")}
# Tables that live: heartbeats, the role, who reads what.
LIVING = {"nodes", "roles", "cluster", "blobs", "blob_locations", "blob_copies"}
TEXTS = ("", " ", "\0", "\x01\x1b[31m", "ü", "漢字", "\U0001f98a", "\u202e", "\ufeff", "\ufffd", "e\u0301" * 50,
         "null", "None", "true", "-1", "0", "1e999", "NaN", "../../etc/passwd", "'; DROP TABLE x; --",
         "<a>&amp;", "{{x}}", "{}", "%s%n", "%00", "a/b", "a" * 64, "a" * 300, "x" * 70000,
         "00000000-0000-4000-8000-000000000000", "10.0.0.0/8", "999.1.1.1/33", "::1", "label:x",
         "sf://blob/x", "http://", "http://[", "file:///etc/passwd", "http://127.0.0.1:1/x")
NUMBERS = (0, -1, 1, 2, 255, 65536, 1 << 31, -(1 << 31), 1 << 53, 1 << 63, -(1 << 63), 1 << 64, 1 << 200,
           0.5, -0.0, 1e300, 1e-300)
BROKEN = (b"{", b"}", b"[", b"[]", b"7", b'"', b'""', b"nul", b"{'a': 1}", b'{"a": }', b'{"a": 1}{}', b"\xff",
          b'{"a": "\xff\xfe"}', b'{"a": "\xed\xa0\x80"}', b'{"\\ud800": 1}', b'{"a": 1e99999}', b"\0",
          b'{"a": "' + b"x" * (2 << 20) + b'"}', b"[" * 100_000, b'{"a":' * 100_000)


class Rows:
    """A lasting connection to the database: a look at all rows takes a few milliseconds."""

    def __init__(self, bed, database):
        url = urllib.parse.urlsplit(bed.settings["BED_SQL_URL"])
        self.client = subprocess.Popen(
            ["mysql", "-N", "-B", "--unbuffered", f"-h{url.hostname}", f"-P{url.port or 3306}",
             f"-u{url.username}", database],
            env={**os.environ, "MYSQL_PWD": urllib.parse.unquote(url.password)}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.tables = [t for t in self.ask("SHOW TABLES") if t not in LIVING]

    def ask(self, statement):
        self.client.stdin.write(f"{statement}; SELECT 'end of answer';\n")
        self.client.stdin.flush()
        lines = []
        while (line := self.client.stdout.readline().rstrip("\n")) != "end of answer":
            if not line and self.client.poll() is not None:
                raise AssertionError("the database does not answer")
            lines.append(line)
        return lines

    def sums(self):
        return self.ask(f"CHECKSUM TABLE {', '.join(self.tables)}")

    def close(self):
        self.client.stdin.close()
        self.client.wait()
        self.client.stdout.close()


class Strange:
    """What a fuzzer sends."""

    def __init__(self, chance):
        self.chance = chance

    def text(self):
        return self.chance.choice(TEXTS)

    def value(self, depth=0):
        kind = self.chance.randrange(8)
        if kind < 3:
            return self.text()
        if kind < 5:
            return self.chance.choice(NUMBERS)
        if kind == 5 or depth > 3:
            return self.chance.choice((None, True, False, [], {}, [[]], [None], [{}]))
        if kind == 6:
            return [self.value(depth + 1) for _ in range(self.chance.randrange(4))]
        return {self.text()[:99]: self.value(depth + 1) for _ in range(self.chance.randrange(4))}

    def deep(self):
        value = self.value(4)
        for _ in range(self.chance.choice((10, 31, 33, 500))):
            value = [value] if self.chance.random() < .5 else {"a": value}
        return value

    def body(self, good, fields):
        """Bytes, or what becomes JSON: something near what the route wants, or far from it."""
        if isinstance(good, bytes):
            return self.chance.randbytes(self.chance.choice((0, 1, 4096, 100_000)))
        if self.chance.random() < .1:
            return self.chance.choice(BROKEN)
        body = json.loads(json.dumps(good or {}))
        for _ in range(self.chance.randrange(4)):
            key = self.chance.choice([*fields, *body, self.text()[:99]])
            if self.chance.random() < .15:
                body.pop(key, None)
            else:
                body[key] = self.near(body.get(key))
        text = json.dumps(body, ensure_ascii=self.chance.random() < .5)
        data = text.encode(errors="surrogatepass")
        if self.chance.random() < .1:
            at = self.chance.randrange(len(data) + 1)
            data = data[:at] + self.chance.randbytes(self.chance.randrange(4)) + data[at + 1:]
        return data

    def near(self, value):
        """Another in place of `value`, perhaps deep within it."""
        dice = self.chance.random()
        if dice < .05:
            return self.deep()
        if isinstance(value, list) and value and dice < .7:
            return [*value[:-1], self.near(value[-1])] * self.chance.choice((1, 1, 2, 30))
        if isinstance(value, dict) and dice < .7:
            key = self.chance.choice([*value, self.text()[:99]])
            return {**value, key: self.near(value.get(key))}
        return self.value()


class ApiFuzz(unittest.TestCase):
    def setUp(self):
        self.seed = int(os.environ.get("SF_SEED") or random.randrange(1 << 32))
        print(f"SF_SEED={self.seed}", flush=True)
        self.chance = random.Random(self.seed)
        self.strange = Strange(self.chance)
        bed = cluster().bed
        # Half the wrong log-ins are to be judged, and half refused.
        self.node = cluster().begin("h3", name="fuzz", port=14900, storage="/srv/fuzz",
                                    LOGIN_FAILURES="1000")
        self.rows = Rows(bed, self.node.database)
        self.addCleanup(self.rows.close)
        self.admin = self.node.client()
        self.admin.call("POST", "/auth/namespaces",
                        {"namespace": "team1", "key_name": "k", "key": "secret"})
        self.owner = self.node.client("team1", "secret")
        self.image = cluster().images.offer("/fuzz/image", disk_images.qcow2())
        self.description = Description(self.admin.call("GET", "/openapi.json"))
        self.statuses = {}

    def test_nothing_that_is_sent_does_harm(self):
        routes = [r for r in self.description.routes if r[:2] not in LEFT_OUT]
        end = time.monotonic() + SECONDS
        objects, rounds = None, 0
        while time.monotonic() < end:
            if rounds % 300 == 0:
                objects = self.make_one_of_everything()
            rounds += 1
            self.send(*self.request(self.chance.choice(routes), objects))
        print(f"{rounds} requests: {dict(sorted(self.statuses.items()))}", flush=True)
        self.assertGreater(self.statuses.get(400, 0), rounds / 20)
        self.assertEqual(0, self.node.stop(60), self.node.tail(60))
        self.assertNotIn("Sanitizer", self.node.log.read_text(errors="replace"))

    # ---- one request -----------------------------------------------------------------------------

    def request(self, route, objects):
        """(client, route, path, body): right in most parts, so that it gets far."""
        strange = {key: urllib.parse.quote(self.strange.text()[:200] or " ", safe="")
                   for key in objects if self.chance.random() < .15}
        path = fill(route.path, {**objects, **strange})
        if self.chance.random() < .1:
            path += "?" + urllib.parse.urlencode({
                self.chance.choice(("offset", "limit", "x")): self.strange.text()[:200]})
        client = self.chance.choice((self.admin, self.admin, self.owner))
        good = self.description.body(route)
        fields = self.description.takes(route).get("properties", {})
        if route[:2] == ("POST", "/instances"):
            good = {**good, "dry_run": True, "network": []}
        return client, route, path, self.strange.body(good, fields)

    def send(self, client, route, path, body):
        # The namespace of the administrators stays, and so do their keys.
        if path.startswith("/auth/namespaces/system"):
            return
        before = self.rows.sums()
        answer = self.answer(client, route, path, body)
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        said = f"SF_SEED={self.seed}: {route.method} {path[:300]} {body[:600]!r}: {answer!r}"
        self.assertIn(answer.status, ANSWERS, f"{said}\n{self.node.tail()}")
        if answer.status == 200:
            self.assertEqual("", self.description.wrong_answer(route, answer), said)
            return
        error = {"$ref": "#/components/schemas/Error"}
        self.assertEqual("", self.description.wrong(error, answer.json), said)
        if self.rows.sums() == before:
            return
        # The node itself may have been at work on what came before.
        before = self.at_rest()
        if self.answer(client, route, path, body).status != 200:
            self.assertEqual(before, self.rows.sums(), f"rows have changed: {said}")

    def answer(self, client, route, path, body):
        try:
            return client.request(route.method, path, body, {"Content-Type": "application/json"})
        except OSError as error:
            self.fail(f"SF_SEED={self.seed}: {route.method} {path[:300]} {body[:600]!r}: {error}\n"
                      f"{self.node.tail(60)}")

    def at_rest(self):
        last = [None]

        def rests():
            seen, last[0] = last[0], self.rows.sums()
            if seen != last[0]:
                last.append(time.monotonic())
            return time.monotonic() - last[-1] > 1.5 and last[0]

        return wait_for(rests, 60, "the rows rest")

    # ---- what is asked for -----------------------------------------------------------------------

    def make_one_of_everything(self):
        """All anew: what there was may have been deleted, and whole tables make a slow look."""
        self.admin.call("POST", "/auth/namespaces", {"namespace": "team1"})
        self.admin.call("POST", "/auth/namespaces/team1/keys", {"key_name": "k", "key": "secret"})
        self.admin.token = None
        for name in ("team1", "system"):
            for kind in ("instances", "networks", "artifacts"):
                self.admin.request("DELETE", f"/{kind}", {
                    "confirm": True, "namespace": name, "clean_wait": True})
        self.admin.call("POST", "/nodes/fuzz/undrain")
        # There is no call that ends an upload, and a namespace has no more than sixteen.
        self.rows.ask("DELETE FROM uploads")
        self.owner.token = None
        return one_of_everything(self.owner, self.image, "fuzz", "friend", self.rows.ask)


if __name__ == "__main__":
    unittest.main()
