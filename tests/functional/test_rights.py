# SPDX-License-Identifier: Apache-2.0
"""Who may do what, on every route that /openapi.json names, so that none is forgotten; asked at the
node that hosts the object and at one that does not."""

import base64
import functools
import hashlib
import json
import re
import time
import unittest
import uuid

import disk_images
from client import Client
from cluster import cluster, wait_for
from openapi import Description, fill, one_of_everything
from test_auth import decode, encode, signed
from three_nodes import ThreeNodes

PUBLIC = {("GET", "/"), ("GET", "/ui"), ("GET", "/ui/{file}"), ("GET", "/metrics"), ("GET", "/openapi.json"), ("POST", "/auth")}
# For the namespace system alone. What is in neither set is for whoever has a token.
ADMIN = {
    ("POST", "/auth/namespaces"), ("DELETE", "/auth/namespaces/{name}"), ("GET", "/blobs"),
    ("GET", "/members"), ("GET", "/nodes"), ("GET", "/nodes/{name}"), ("DELETE", "/nodes/{name}"),
    ("POST", "/nodes/{name}/drain"), ("POST", "/nodes/{name}/undrain"),
    ("GET", "/nodes/{name}/events"), ("GET", "/nodes/{name}/metadata"),
    ("POST", "/nodes/{name}/metadata"), ("PUT", "/nodes/{name}/metadata/{key}"),
    ("DELETE", "/nodes/{name}/metadata/{key}"), ("GET", "/nodes/{name}/processmetrics"),
    ("GET", "/admin/locks"), ("GET", "/admin/cacert")
}
# Those that name no object of anybody's.
OF_NOBODY = {("GET", "/blob_checksums/sha512/{digest}"), ("GET", "/ui/{file}")}
# Nodes that were told of no authority have none to show: see test_tls.py.
OF_TLS = {("GET", "/admin/cacert")}
# Names in the caller's own namespace, whoever that is.
OF_THE_CALLER = {"/label/{name}", "/artifacts/upload/{name}"}
# What trust opens: the namespace itself and its artifacts.
TRUSTED = ("/auth/namespaces/", "/artifacts/", "/blobs/", "/label/")
# A ping takes its ten seconds, and who may ask is settled before it.
SLOW = {("GET", "/networks/{ref}/ping/{address}"): "10.9.9.9"}


class Rights(ThreeNodes):
    """The namespace team1 owns one of everything; its instance is on the second node."""

    prefix, port = "rights", 14800
    options = {"LOG_LEVEL": "debug", "LOGIN_FAILURES": "20"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = cls.nodes[0].client()
        cls.description = Description(cls.admin.call("GET", "/openapi.json"))
        for name in ("team1", "ops", "stranger"):
            cls.admin.call("POST", "/auth/namespaces",
                           {"namespace": name, "key_name": "k", "key": "secret"})
        cls.image = cluster().images.offer("/rights/image", disk_images.qcow2())
        cls.owner = cls.nodes[0].client("team1", "secret")
        cls.objects = cls.make_one_of_everything()

    @classmethod
    def make_one_of_everything(cls):
        return one_of_everything(cls.owner, cls.image, cls.nodes[1].name, "ops",
                                 functools.partial(cls.bed.sql, cls.database))

    def routes(self):
        """Every route with its path filled; what deletes comes last, and objects after parts."""
        routes = [(route, fill(route.path, {**self.objects, **(
            {"{address}": SLOW[route[:2]]} if route[:2] in SLOW else {})}))
                  for route in self.description.routes]
        last = [pair for pair in routes if pair[0].method == "DELETE"]
        last.sort(key=lambda pair: ("/metadata/" not in pair[1], -pair[1].count("/")))
        return [pair for pair in routes if pair not in last] + last

    def ask(self, client, route, path, **fields):
        """The answer to the route's own example."""
        body = self.description.body(route)
        if fields:
            body = {**body, **fields}
        return client.request(route.method, path, body)

    def rows(self):
        """All that a caller could have changed."""
        living = ("nodes", "role", "roles", "cluster", "blobs", "blob_locations", "blob_copies")
        tables = [row[0] for row in self.bed.sql(self.database, "SHOW TABLES")]
        tables = [t for t in tables if t not in living]
        return self.bed.sql(self.database, f"CHECKSUM TABLE {', '.join(tables)}")

    # ---- who is nobody ---------------------------------------------------------------------------

    def bad_tokens(self):
        secret = self.bed.sql(self.database,
                              "SELECT value FROM cluster WHERE name = 'token_secret'")[0][0].encode()
        self.owner.log_in()
        header, claims, mark = self.owner.token.split(".")
        said = decode(claims)
        self.owner.call("POST", "/auth/namespaces/team1/keys", {"key_name": "gone", "key": "gone"})
        revoked = self.nodes[0].client("team1", "gone")
        revoked.log_in()
        self.owner.call("DELETE", "/auth/namespaces/team1/keys/gone")
        wait_for(lambda: revoked.request("GET", "/instances").status == 401, 3, "it is refused")
        return {
            "absent": None,
            "forged": f"{header}.{encode({**said, 'sub': json.dumps(['system', 'k'])})}.{mark}",
            "of another cluster": signed(decode(header), said, b"another secret"),
            "expired": signed(decode(header), {**said, "exp": int(time.time()) - 1}, secret),
            "revoked": revoked.token
        }

    def test_nobody_gets_past_a_bad_token(self):
        tokens = self.bad_tokens()
        before = self.rows()
        for name, token in tokens.items():
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            for route, path in self.routes():
                with self.subTest(f"{name}: {route.method} {route.path}"):
                    answer = self.owner.bare(route.method, path, self.description.body(route),
                                             headers)
                    if route[:2] == ("POST", "/auth"):
                        self.assertIn(answer.status, (200, 401))  # A key needs no token.
                    elif route[:2] in PUBLIC:
                        self.assertEqual(200, answer.status, answer)
                    else:
                        self.assertEqual(401, answer.status, answer)
                        self.assertTrue(answer.error)
                        self.assertEqual("application/json", answer.headers.get_content_type())
        self.assertEqual(before, self.rows())

    # ---- who is a stranger, or a friend ----------------------------------------------------------

    def refuse(self, client, route, path):
        """A route of an object that is another's: 404, with the text of what is not there."""
        answer = self.ask(client, route, path)
        with self.subTest(f"{client.namespace}: {route.method} {route.path}"):
            if route[:2] in ADMIN:
                self.assertEqual(401, answer.status, answer)
            elif "{" in route.path and route[:2] not in OF_NOBODY:
                self.assertEqual(404, answer.status, answer)
                self.assertIn("not found", answer.error)

    def test_to_a_stranger_nothing_is_there(self):
        before = self.rows()
        for node in self.nodes[:2]:
            stranger = node.client("stranger", "secret")
            for route, path in self.routes():
                self.refuse(stranger, route, path) if "{" in route.path else None
        self.assertEqual(before, self.rows())

    def test_a_stranger_lists_nothing_and_makes_and_deletes_nothing_here(self):
        stranger = self.nodes[0].client("stranger", "secret")
        before = self.rows()
        for route, path in self.routes():
            if "{" in route.path or route[:2] in PUBLIC:
                continue
            with self.subTest(f"{route.method} {route.path}"):
                if route.method == "GET":
                    answer = self.ask(stranger, route, path)
                    text = answer.text
                    for one in self.objects.values():
                        if len(str(one)) == 36:
                            self.assertNotIn(one, text)
                    self.assertEqual(401 if route[:2] in ADMIN else 200, answer.status, answer)
                elif "namespace" in self.description.takes(route).get("properties", {}):
                    answer = self.ask(stranger, route, path, namespace="team1")
                    self.assertIn(answer.status, (401, 404), answer)
        self.assertEqual(before, self.rows())

    def test_trust_opens_the_namespace_and_its_artifacts_and_no_more(self):
        if not any(route.path.endswith("/trust") for route in self.description.routes):
            self.skipTest("no trust yet")
        self.owner.call("POST", "/auth/namespaces/team1/trust", {"external_namespace": "ops"})
        friend = self.nodes[0].client("ops", "secret")
        wait_for(lambda: friend.request("GET", "/auth/namespaces/team1").status == 200, 3, "trust")
        for route, path in self.routes():
            if "{" not in route.path or route.method == "DELETE" or route.path in OF_THE_CALLER:
                continue
            if not route.path.startswith(TRUSTED):
                self.refuse(friend, route, path)
            elif route.method == "GET":
                with self.subTest(f"{route.method} {route.path}"):
                    self.assertEqual(200, self.ask(friend, route, path).status)
        self.owner.call("DELETE", "/auth/namespaces/team1/trust/ops")

    # ---- who may ---------------------------------------------------------------------------------

    def walk(self, client, mine):
        """Every route with its own example: let in, understood, and answered as described."""
        for route, path in self.routes():
            with self.subTest(f"{client.namespace}: {route.method} {route.path}"):
                if route[:2] == ("POST", "/auth"):
                    continue
                answer = self.ask(client, route, path, **self.better(route))
                if route[:2] in ADMIN and not mine:
                    self.assertEqual(401, answer.status, answer)
                    continue
                if answer.status == 404 and mine and (
                        route.path in OF_THE_CALLER or route[:2] in OF_TLS):
                    continue
                self.assertNotIn(answer.status, (401, 404, 405, 500), answer)
                self.assertIn(str(answer.status), route.operation["responses"])
                if answer.status == 200:
                    self.assertEqual("", self.description.wrong_answer(route, answer))

    def better(self, route):
        """Where an example speaks of what this bed does not have."""
        return {
            ("POST", "/instances"): {"disk": [{"base": self.image, "size": 1}], "network": [],
                                     "memory": 64},
            ("POST", "/artifacts"): {"url": self.image},
            ("POST", "/instances/{ref}/interfaces"): {
                "network": {"network_uuid": self.objects["/networks/{ref}"]}},
            ("POST", "/artifacts/upload/{name}"): {
                "upload_uuid": self.objects["/upload/{uuid}"]},
            ("POST", "/instances/{ref}/agent/put"): {
                "blob_uuid": self.objects["/blobs/{uuid}"]},
            ("POST", "/label/{name}"): {"blob_uuid": self.objects["/blobs/{uuid}"]},
            ("POST", "/label/{namespace}/{name}"): {"blob_uuid": self.objects["/blobs/{uuid}"]}
        }.get(route[:2], {})

    def test_the_owner_may_and_answers_are_as_described(self):
        self.walk(self.owner, mine=False)
        type(self).objects = self.make_one_of_everything()

    def test_the_administrator_may_and_answers_are_as_described(self):
        self.walk(self.admin, mine=True)
        type(self).objects = self.make_one_of_everything()

    def test_the_route_table_says_who_may_as_it_is(self):
        for route in self.description.routes:
            security = route.operation.get("security", [{"token": []}])
            said = ([] if route[:2] in PUBLIC else
                    [{"token": ["system"]}] if route[:2] in ADMIN else [{"token": []}])
            with self.subTest(f"{route.method} {route.path}"):
                self.assertEqual(said, security, "who may is written down in PUBLIC and ADMIN")

    # ---- who guesses -----------------------------------------------------------------------------

    def figure(self, result):
        text = self.owner.bare("GET", "/metrics").text
        return float(re.search(rf'^shakenfist_logins_total{{result="{result}"}} (.*)$', text, re.M)[1])

    def test_a_guesser_is_stopped_and_locks_nobody_out(self):
        client = self.nodes[0].client("guessed", "right")
        self.admin.call("POST", "/auth/namespaces",
                        {"namespace": "guessed", "key_name": "k", "key": "right"})
        refused = self.figure("refused")

        def status(namespace, key):
            return client.bare("POST", "/auth", {"namespace": namespace, "key": key}).status

        for _ in range(30):  # A right key uses nothing up.
            self.assertEqual(200, status("guessed", "right"))
        self.assertEqual([401] * 20, [status("guessed", f"wrong {i}") for i in range(20)])
        for _ in range(5):
            answer = client.bare("POST", "/auth", {"namespace": "guessed", "key": "wrong"})
            if answer.status == 429:
                break
        self.assertEqual(429, answer.status)
        self.assertIn("too many", answer.error)
        self.assertGreater(int(answer.headers["Retry-After"]), 0)
        self.assertGreater(self.figure("refused"), refused)
        # The same person elsewhere, others here, and who has a token.
        elsewhere = self.bed.run("h3", "curl", "-s", f"{self.nodes[0].url}/auth", "-d",
                                 json.dumps({"namespace": "guessed", "key": "right"}))
        self.assertIn("access_token", json.loads(elsewhere))
        self.assertEqual(200, status("team1", "secret"))
        self.assertEqual(200, self.owner.request("GET", "/instances").status)
        wait_for(lambda: status("guessed", "right") == 200, 30, "another try is given")

    # ---- what nobody may see ---------------------------------------------------------------------

    def test_keys_and_tokens_are_in_no_log_no_event_and_no_figure(self):
        keys = [f"key-{uuid.uuid4().hex}" for _ in range(3)]
        path = "/auth/namespaces/team1/keys"
        self.owner.call("POST", path, {"key_name": "watched", "key": keys[0]})
        self.owner.call("PUT", f"{path}/watched", {"key": keys[1]})
        watched = self.nodes[0].client("team1", keys[1])
        wait_for(lambda: self.nodes[0].client("team1", keys[1]).bare(
            "POST", "/auth", {"namespace": "team1", "key": keys[1]}).status == 200, 3, "log-in")
        self.owner.bare("POST", "/auth", {"namespace": "team1", "key": keys[2]})
        self.owner.bare("POST", "/auth", f'{{"namespace": "team1", "key": "{keys[2]}"'.encode())
        watched.request("GET", f"/instances/{self.objects['/instances/{ref}']}/consoledata")
        watched.request("GET", f"/instances?token={keys[2]}")
        forged = f"{watched.token[:-4]}AAAA"
        watched.bare("GET", "/instances", headers={"Authorization": f"Bearer {forged}"})
        secrets = [*keys, watched.token, forged, *(s.split(".")[2] for s in (watched.token, forged))]
        places = {node.log.name: node.log.read_text(errors="replace") for node in self.nodes}
        places["events"] = str(self.bed.sql(self.database, "SELECT * FROM events"))
        places["metrics"] = self.owner.bare("GET", "/metrics").text
        for place, text in places.items():
            self.assertTrue(text, place)
            for secret in secrets:
                self.assertNotIn(secret, text, place)


class Page(unittest.TestCase):
    def test_a_browser_is_told_to_ask_nobody_for_anything(self):
        node = cluster().node
        page = Client(node.url, "", "").bare("GET", "/")
        self.assertIn("default-src 'none'", page.headers["Content-Security-Policy"])
        self.assertNotIn("unsafe", page.headers["Content-Security-Policy"])
        for outside in ("src=", "<script", "@import", "url(", "<link", "style=", "<form"):
            self.assertNotIn(outside, page.text)
        for inside in ("/ui", "/openapi.json", "/metrics", "/auth", "sf instance list"):
            self.assertIn(inside, page.text)

    def test_the_style_is_the_one_that_is_let_through(self):
        page = Client(cluster().node.url, "", "").bare("GET", "/")
        style = page.text.partition("<style>")[2].partition("</style>")[0]
        mark = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self.assertIn(f"'sha256-{mark}'", page.headers["Content-Security-Policy"])


if __name__ == "__main__":
    unittest.main()
