# SPDX-License-Identifier: Apache-2.0
"""Who may do what: tokens, keys, and the walls between namespaces."""

import base64
import hashlib
import hmac
import json
import time
import unittest

from case import NodeTest
from cluster import SYSTEM_KEY, wait_for

NOBODY = "00000000-0000-4000-8000-000000000000"


def encode(data):
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()


def decode(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def signed(header, claims, secret):
    text = f"{encode(header)}.{encode(claims)}"
    mark = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


class Tokens(NodeTest):
    def refuse(self, token, **headers):
        headers = {"Authorization": f"Bearer {token}", **headers} if token is not None else headers
        answer = self.client.bare("GET", "/instances", headers=headers)
        self.assertEqual(401, answer.status, (token, answer))
        self.assertEqual("application/json", answer.headers.get_content_type())
        self.assertTrue(answer.error)

    def test_a_token_is_a_jwt_of_fifteen_minutes(self):
        answer = self.client.bare("POST", "/auth",
                                  {"namespace": self.client.namespace, "key": "secret"}).json
        self.assertEqual(("Bearer", 900), (answer["token_type"], answer["expires_in"]))
        header, claims, _ = answer["access_token"].split(".")
        self.assertEqual("HS256", decode(header)["alg"])
        claims = decode(claims)
        self.assertEqual(900, claims["exp"] - claims["iat"])
        self.assertLess(abs(claims["iat"] - time.time()), 60)
        self.assertEqual([self.client.namespace, "k"], json.loads(claims["sub"]))

    def test_no_forged_altered_or_old_token_is_taken(self):
        self.client.log_in()
        header, claims, mark = self.client.token.split(".")
        said = decode(claims)
        self.refuse(None)
        self.refuse(None, Authorization="Basic " + base64.b64encode(b"system:secret").decode())
        for token in ("", "x", "a.b.c", f"{header}.{claims}.", f"{header}.{claims}", mark, "." * 3,
                      "x" * 5000, self.client.token + "x", f"{header}.{claims}.{mark[::-1]}"):
            self.refuse(token)
        promoted = {**said, "sub": json.dumps(["system", "bootstrap"])}
        self.refuse(f"{header}.{encode(promoted)}.{mark}")
        for secret in (b"", b"secret", SYSTEM_KEY.encode(), b"\0" * 32):
            self.refuse(signed({"alg": "HS256", "typ": "JWT"}, promoted, secret))
            self.refuse(signed({"alg": "HS256", "typ": "JWT"}, said, secret))
        # Parts that are JSON, but of another shape: they are read before any signature is.
        for odd in ([], 1, "x", None, {}, {"alg": 5}, {"alg": None}, {"alg": []},
                    {"alg": "HS256", "typ": 5}, {"alg": "HS256", "kid": {"a": 1}}):
            for payload in (claims, encode({}), encode([]), encode(None), encode(7)):
                self.refuse(f"{encode(odd)}.{payload}.{mark}")
        for odd in ({"exp": "soon"}, {"exp": None}, {"exp": -1}, {"exp": 1e400}, {"sub": None},
                    {"iat": []}):
            self.refuse(f"{header}.{encode({**said, **odd})}.{mark}")
        for junk in ("A", "====", "%%%%", "\x80\xff", "e30", "bnVsbA", "A" * 4000):
            self.refuse(f"{junk}.{claims}.{mark}")
            self.refuse(f"{header}.{junk}.{mark}")
            self.refuse(f"{header}.{claims}.{junk}")
        for algorithm in ("none", "None", "NONE", "HS512", "RS256", ""):
            self.refuse(f"{encode({'alg': algorithm, 'typ': 'JWT'})}.{encode(promoted)}.")
            self.refuse(f"{encode({'alg': algorithm, 'typ': 'JWT'})}.{claims}.{mark}")

    def test_a_token_ends_with_its_time_and_its_key(self):
        secret = self.bed.sql(self.node.database,
                              "SELECT value FROM cluster WHERE name = 'token_secret'")
        secret = secret[0][0].encode()
        self.client.log_in()
        header, claims, _ = self.client.token.split(".")
        header, claims = decode(header), decode(claims)
        # That one made like this is good shows that those below are refused for their one change.
        good = signed(header, claims, secret)
        self.assertEqual(200, self.client.bare("GET", "/instances",
                                               headers={"Authorization": f"Bearer {good}"}).status)
        now = int(time.time())
        for change in ({"exp": now - 60}, {"nbf": now + 600}, {"nonce": "0" * 32},
                       {"sub": json.dumps([self.client.namespace, "other"])}, {"sub": "system"},
                       {"sub": json.dumps({"a": 1})}, {"sub": 7}):
            with self.subTest(change):
                self.refuse(signed(header, {**claims, **change}, secret))
        for missing in ("exp", "sub", "nonce"):
            with self.subTest(missing):
                self.refuse(
                    signed(header, {k: v for k, v in claims.items() if k != missing}, secret))

    def test_a_token_is_good_at_once_on_a_node_whose_clock_is_behind(self):
        self.client.log_in()
        claims = decode(self.client.token.split(".")[1])
        self.assertLessEqual(claims["nbf"], claims["iat"] - 30)

    def test_wrong_logins_are_refused_and_say_nothing(self):
        texts = set()
        for namespace, key in ((self.client.namespace, "wrong"), ("nobody", "secret"),
                               ("system", "secret"), (self.client.namespace, "Secret"),
                               (self.client.namespace, "secret\0")):
            answer = self.client.bare("POST", "/auth", {"namespace": namespace, "key": key})
            self.assertEqual(401, answer.status)
            texts.add(answer.error)
        self.assertEqual(1, len(texts), texts)
        for body in ({}, None, {"namespace": None, "key": None}, {"namespace": "system"},
                     {"namespace": "system", "key": 7}, {"namespace": ["system"], "key": "x"}):
            self.assertEqual(400, self.client.bare("POST", "/auth", body).status, body)


class Keys(NodeTest):
    def keys(self):
        return self.client.call("GET", f"/auth/namespaces/{self.client.namespace}/keys")

    def assert_refused_within_a_second(self, client):
        began = time.monotonic()
        wait_for(lambda: client.request("GET", "/instances").status == 401, 5,
                 "the token is refused")
        self.assertLess(time.monotonic() - began, 1.5)

    def test_a_deleted_or_replaced_key_takes_its_tokens_along(self):
        path = f"/auth/namespaces/{self.client.namespace}/keys"
        for end in (("DELETE", f"{path}/short", None),
                    ("POST", path, {"key_name": "short", "key": "another"}),
                    ("PUT", path, {"key_name": "short", "key": "a third"}),
                    ("PUT", f"{path}/short", {"key": "a fourth"})):
            with self.subTest(end[0]):
                self.assertEqual(
                    "short", self.client.call("POST", path, {"key_name": "short", "key": "brief"}))
                other = self.node.client(self.client.namespace, "brief")
                other.call("GET", "/instances")
                self.client.call(*end)
                self.assert_refused_within_a_second(other)
                self.assertEqual(401, other.bare(
                    "POST", "/auth", {"namespace": other.namespace, "key": "brief"}).status)
        self.assertEqual(["k", "short"], self.keys())
        self.client.call("GET", "/instances")  # the other key is untouched

    def test_keys_are_never_shown_and_their_names_are_checked(self):
        path = f"/auth/namespaces/{self.client.namespace}/keys"
        self.assertNotIn(
            "secret",
            self.client.request("GET", f"/auth/namespaces/{self.client.namespace}").text)
        self.client.refused(403, "POST", path, {"key_name": "_service_key_x", "key": "y"})
        for body in ({}, {"key_name": "x"}, {"key": "x"}, {"key_name": "a b", "key": "x"},
                     {"key_name": "x", "key": "x" * 5000}, {"key_name": "x", "key": ["x"]}):
            self.client.refused(400, "POST", path, body)
        self.assertIn("not found", self.client.refused(404, "DELETE", f"{path}/nobody"))
        self.client.refused(404, "PUT", path, {"key_name": "nobody", "key": "x"})

    def test_only_hashes_of_keys_are_in_the_database(self):
        rows = self.bed.sql(self.node.database, "SELECT hash FROM namespace_keys")
        self.assertTrue(rows)
        self.assertTrue(all(row[0].startswith("$argon2id$") for row in rows), rows)


class Namespaces(NodeTest):
    def test_a_namespace_is_made_shown_and_deleted_by_its_rules(self):
        name = f"{self.client.namespace}-more"
        made = self.admin.call("POST", "/auth/namespaces",
                               {"namespace": name, "key_name": "a", "key": "b"})
        self.assertEqual((name, "created", ["a"]), (made["name"], made["state"], made["keys"]))
        self.assertEqual(made, self.admin.call("POST", "/auth/namespaces", {"namespace": name}))
        other = self.node.client(name, "b")
        self.assertEqual([name], [n["name"] for n in other.call("GET", "/auth/namespaces")])
        self.assertIn(name, [n["name"] for n in self.admin.call("GET", "/auth/namespaces")])

        instance = other.create("inhabitant", self.empty)["uuid"]
        other.wait(instance, "created")
        self.assertIn("instances", self.admin.refused(400, "DELETE", f"/auth/namespaces/{name}"))
        other.delete(instance)
        self.admin.call("DELETE", f"/auth/namespaces/{name}")
        self.assertEqual("deleted", self.admin.call("GET", f"/auth/namespaces/{name}")["state"])
        self.assertNotIn(name, [n["name"] for n in self.admin.call("GET", "/auth/namespaces")])
        wait_for(lambda: other.request("GET", "/instances").status == 401, 3,
                 "its tokens are refused")
        self.admin.refused(404, "POST", "/instances", {
            "name": "late", "namespace": name, "cpus": 1, "memory": 64, "disk": [{"size": 1}]})
        # Its name is free again, and nothing of the old one comes back.
        again = self.admin.call("POST", "/auth/namespaces", {"namespace": name})
        self.assertEqual(("created", [], {}), (again["state"], again["keys"], again["metadata"]))
        self.admin.call("DELETE", f"/auth/namespaces/{name}")

    def test_system_stays(self):
        self.admin.refused(403, "DELETE", "/auth/namespaces/system")

    def test_names_that_cannot_be_are_400(self):
        for name in ("", "a b", "a/b", "-a", "x" * 64, "ä", "a\n", None, 7, {"a": 1}):
            self.admin.refused(400, "POST", "/auth/namespaces", {"namespace": name})

    def test_metadata_of_a_namespace(self):
        path = f"/auth/namespaces/{self.client.namespace}/metadata"
        self.assertIsNone(self.client.call("PUT", f"{path}/owner", {"value": ["ops", 1]}))
        self.assertEqual({"owner": ["ops", 1]}, self.client.call("GET", path))
        self.client.refused(400, "PUT", f"{path}/owner", {"value": ""})
        self.client.refused(400, "POST", path, {"value": "x"})
        self.assertIsNone(self.client.call("DELETE", f"{path}/owner"))


class Walls(NodeTest):
    """What belongs to another namespace looks exactly like what is not there."""

    def setUp(self):
        self.stranger = self.new_namespace()
        self.uuid = self.client.create("mine", self.empty)["uuid"]
        self.client.wait(self.uuid, "created")
        self.addCleanup(self.client.delete, self.uuid)

    def test_a_foreign_instance_is_404_everywhere_and_in_no_list(self):
        calls = [("GET", "", None), ("DELETE", "", None), ("GET", "/events", None),
                 ("GET", "/interfaces", None), ("GET", "/metadata", None),
                 ("POST", "/metadata", {"key": "a", "value": "b"}),
                 ("PUT", "/metadata/a", {"value": "b"}), ("DELETE", "/metadata/a", None),
                 ("GET", "/consoledata", None), ("DELETE", "/consoledata", None)]
        calls += [("POST", f"/{power}", None) for power in (
            "rebootsoft", "reboothard", "poweroff", "poweron", "pause", "unpause")]
        for method, path, body in calls:
            for ref in (self.uuid, "mine"):
                with self.subTest(f"{method} {path}"):
                    text = self.stranger.refused(404, method, f"/instances/{ref}{path}", body)
                    missing = NOBODY if ref == self.uuid else "nobody"
                    absent = self.stranger.refused(404, method, f"/instances/{missing}{path}", body)
                    self.assertEqual(absent.replace(missing, "X"), text.replace(ref, "X"))
                    self.assertIn("not found", text)
        for everything in (True, False):
            self.assertEqual([], self.stranger.call("GET", "/instances", {"all": everything}))
        view = self.client.show(self.uuid)
        self.assertEqual(("created", "on", {}),
                         (view["state"], view["power_state"], view["metadata"]))

    def test_a_foreign_artifact_is_404_unless_it_is_shared(self):
        artifact = next(
            a for a in self.client.call("GET", "/artifacts") if a["source_url"] == self.empty)
        for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
            self.stranger.refused(404, method, f"/artifacts/{artifact['uuid']}{path}")
        self.assertNotIn(artifact["uuid"],
                         [a["uuid"] for a in self.stranger.call("GET", "/artifacts")])
        self.stranger.refused(403, "POST", "/artifacts", {"url": self.empty, "shared": True})
        shared = self.admin.call("POST", "/artifacts",
                                 {"url": f"{self.empty}?shared", "shared": True})["uuid"]
        self.assertIn(shared, [a["uuid"] for a in self.stranger.call("GET", "/artifacts")])
        self.assertTrue(self.stranger.call("GET", f"/artifacts/{shared}")["shared"])
        self.stranger.refused(404, "DELETE", f"/artifacts/{shared}")
        self.admin.call("DELETE", f"/artifacts/{shared}")

    def test_a_foreign_namespace_is_404(self):
        for method, path, body in (
                ("GET", "", None), ("GET", "/keys", None), ("GET", "/metadata", None),
                ("POST", "/keys", {"key_name": "a", "key": "b"}), ("DELETE", "/keys/k", None),
                ("PUT", "/metadata/a", {"value": 1})):
            for name in (self.client.namespace, "system", "nobody"):
                self.stranger.refused(404, method, f"/auth/namespaces/{name}{path}", body)

    def test_nobody_makes_things_in_a_foreign_namespace(self):
        body = {"name": "x", "cpus": 1, "memory": 64, "disk": [{"size": 1}]}
        for name in (self.client.namespace, "system", "nobody"):
            self.stranger.refused(404, "POST", "/instances", {**body, "namespace": name})
            self.stranger.refused(404, "POST", "/artifacts", {"url": self.empty, "namespace": name})

    def test_what_is_the_administrators_is_401_for_others(self):
        for method, path, body in (
                ("GET", "/nodes", None), ("GET", "/nodes/h1", None),
                ("GET", "/nodes/h1/events", None), ("POST", "/auth/namespaces", {"namespace": "x"}),
                ("DELETE", f"/auth/namespaces/{self.client.namespace}", None)):
            self.client.refused(401, method, path, body)

    def test_the_administrator_sees_all_and_may_narrow_a_name_to_a_namespace(self):
        self.assertEqual(self.uuid, self.admin.show(self.uuid)["uuid"])
        twin = self.stranger.create("mine", self.empty)["uuid"]
        self.stranger.wait(twin, "created")
        self.assertIn("UUID", self.admin.refused(400, "GET", "/instances/mine"))
        self.admin.refused(400, "DELETE", "/instances/mine")
        for client, uuid in ((self.client, self.uuid), (self.stranger, twin)):
            named = {"namespace": client.namespace}
            self.assertEqual(uuid, self.admin.call("GET", "/instances/mine", named)["uuid"])
            self.assertEqual(uuid, client.show("mine")["uuid"])
        self.admin.refused(404, "GET", f"/instances/{self.uuid}",
                           {"namespace": self.stranger.namespace})

    def test_two_of_one_name_in_one_namespace_are_400_by_name(self):
        twin = self.client.create("mine", self.empty)["uuid"]
        self.client.refused(400, "GET", "/instances/mine")
        self.client.refused(400, "DELETE", "/instances/mine")
        self.client.delete(twin)
        self.assertEqual(self.uuid, self.client.show("mine")["uuid"])

    def test_deleting_all_needs_a_yes_and_a_namespace_and_takes_no_others(self):
        theirs = self.stranger.create("theirs", self.empty)["uuid"]
        self.stranger.wait(theirs, "created")
        for body in (None, {"confirm": False}, {"confirm": "yes"}, {"confirm": 1}):
            self.stranger.refused(400, "DELETE", "/instances", body)
        self.admin.refused(400, "DELETE", "/instances", {"confirm": True})
        self.stranger.refused(401, "DELETE", "/instances", {
            "confirm": True, "namespace": self.client.namespace})
        self.assertEqual([], self.admin.call("DELETE", "/instances", {
            "confirm": True, "namespace": "nobody-there"}))
        self.assertEqual([theirs], self.stranger.call("DELETE", "/instances", {"confirm": True}))
        self.stranger.wait(theirs, "deleted")
        self.assertEqual("created", self.client.show(self.uuid)["state"])


class Wire(NodeTest):
    def test_nothing_is_said_as_null_and_success_is_200_only(self):
        uuid = self.client.create("wire", self.empty)["uuid"]
        answer = self.client.request("PUT", f"/instances/{uuid}/metadata/a", {"value": 1})
        self.assertEqual((200, b"null"), (answer.status, answer.data))
        self.assertEqual(200, self.client.request("DELETE", f"/instances/{uuid}").status)

    def test_unknown_paths_and_methods(self):
        self.assertIn("not found", self.client.refused(404, "GET", "/nothing/of/the/kind"))
        self.client.refused(405, "PATCH", "/instances")
        self.client.refused(405, "GET", "/instances/x/poweron")

    def test_a_trailing_or_doubled_slash_is_the_same_path(self):
        self.assertEqual([], self.client.call("GET", "//instances"))
        self.assertEqual([], self.client.call("GET", "/instances/"))


if __name__ == "__main__":
    unittest.main()
