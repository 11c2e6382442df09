# SPDX-License-Identifier: Apache-2.0
"""What strangers type: stored and given back faithfully or refused with 400, and never seen in XML,
SQL, a path or a shell."""

import base64
import json
import re
import subprocess
import unittest
import urllib.parse
import xml.etree.ElementTree as ElementTree

from case import NodeTest, user_data

NASTY = (
    "quotes ' \" ` \\ \\' end",
    "<angle> & <!-- --> ]]> &lt; &#0; &xxe;",
    "line\nbreak\r\n\ttab",
    "{{mustache}} {{{raw}}} {{#a}}x{{/a}} {{>/etc/passwd}} {0} {} %s %n",
    "${shell} $(touch /tmp/x) `id` | & ; > /tmp/x",
    "'; DROP TABLE instances; -- ",
    "nul\0nul",
    "../../../../etc/passwd",
    "/etc/passwd",
    "-rf",
    "\u202egnirts \U0001f98a é 漢字 \u0000 \ufeff",
    "\x01\x02\x1b[31m\x7f",
    " leading and trailing ",
    "null",
    "None",
    "true",
    "0",
    "x" * 255,
)
MEGABYTE = 1 << 20


class Metadata(NodeTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.uuid = cls.client.create("meta", cls.empty)["uuid"]
        cls.client.wait(cls.uuid, "created")

    def objects(self):
        return (f"/instances/{self.uuid}/metadata",
                f"/auth/namespaces/{self.client.namespace}/metadata")

    def test_values_come_back_as_they_were_sent(self):
        values = [*NASTY, list(NASTY), {text: text for text in NASTY}]
        values += [1.5, -1, 1 << 53, True, [[[[]]]], [None]]
        for path in self.objects():
            for value in values:
                with self.subTest(path=path, value=value):
                    self.client.call("POST", path, {"key": "k", "value": value})
                    self.assertEqual({"k": value}, self.client.call("GET", path))
            self.client.call("DELETE", f"{path}/k")

    def test_keys_come_back_as_they_were_sent(self):
        for path in self.objects():
            keys = [key for key in NASTY if not re.search("[\0-\x1f\x7f]", key)]
            for key in keys:
                self.client.call("POST", path, {"key": key, "value": key})
            self.assertEqual({key: key for key in keys}, self.client.call("GET", path))
            for key in keys:
                self.client.call("DELETE", f"{path}/{urllib.parse.quote(key, safe='')}")
            self.assertEqual({}, self.client.call("GET", path))
            # What no path can name could not be deleted again.
            for key in (*(key for key in NASTY if key not in keys), "x" * 256, ""):
                self.client.refused(400, "POST", path, {"key": key, "value": 1})

    def test_a_megabyte_is_kept_or_refused_as_too_large(self):
        for path in self.objects():
            large = "<'\"\\" * (MEGABYTE // 16)  # each quote and backslash is two bytes of JSON
            self.client.call("PUT", f"{path}/large", {"value": large})
            self.assertEqual(large, self.client.call("GET", path)["large"])
            answer = self.client.request("PUT", f"{path}/large", {"value": "x" * MEGABYTE})
            self.assertEqual(413, answer.status)
            self.assertTrue(answer.error)
            self.assertEqual(large, self.client.call("GET", path)["large"])
            self.client.call("DELETE", f"{path}/large")


class Wishes(NodeTest):
    """The fields of an instance."""

    def body(self, **fields):
        return {"name": "x", "cpus": 1, "memory": 64, "disk": [{"base": self.empty}], **fields}

    def test_names_are_letters_digits_and_hyphens_or_refused(self):
        for name in (*NASTY, "a.b", "a_b", "a/b", "ä", "a\n"):
            if name in ("null", "None", "true", "0", "-rf"):
                continue  # odd names, but names
            with self.subTest(name):
                self.client.refused(400, "POST", "/instances", self.body(name=name))

    def test_names_of_other_things_are_refused(self):
        for text in NASTY:
            with self.subTest(text):
                for field in ("namespace", "placed_on", "nvram_template"):
                    status = self.client.request("POST", "/instances",
                                                 self.body(**{field: text})).status
                    self.assertIn(status, (400, 404), field)
                for field in ("model", "vdi"):
                    self.client.refused(
                        400, "POST", "/instances",
                        self.body(video={"model": "cirrus", "memory": 1024, field: text}))
                for field, value in (("configdrive", text), ("side_channels", [text]),
                                     ("disk", [{"size": 1, "bus": text}]),
                                     ("disk", [{"size": 1, "type": text}])):
                    if field == "side_channels" and text in ("null", "None", "true", "0"):
                        continue
                    self.client.refused(400, "POST", "/instances", self.body(**{field: value}))
                if text not in ("null", "None", "true", "0"):
                    self.admin.refused(400, "POST", "/auth/namespaces", {"namespace": text})

    def test_texts_for_the_guest_reach_its_drive_and_nothing_else(self):
        key = "ssh-ed25519 AAAA '\"<>&{{x}}$(id)`\\ é\U0001f98a\n"
        script = "#!/bin/sh\n# '\"<>&{{x}}{{{y}}}$(id)`\\ é\U0001f98a \0 end\n"
        metadata = {f"key-{i}": text for i, text in enumerate(NASTY)}
        made = self.client.create("texts", self.empty, ssh_key=key, user_data=user_data(script),
                                  metadata=metadata)
        self.assertEqual(key, made["ssh_key"])
        view = self.client.wait(made["uuid"], "created")
        self.assertEqual((key, user_data(script), metadata),
                         (view["ssh_key"], view["user_data"], view["metadata"]))

        drive = self.node.folder(made["uuid"]) / "config.iso"
        data = json.loads(self.on_drive(drive, "meta_data.json"))
        self.assertEqual((key, metadata), (data["public_keys"]["mykey"], data["meta"]))
        self.assertEqual(script.encode(), self.on_drive(drive, "user_data"))

        ours = (self.node.folder(made["uuid"]) / "domain.xml").read_text()
        theirs = self.node.virsh("dumpxml", self.node.domain(made["uuid"]))
        for xml in (ours, theirs):
            root = ElementTree.fromstring(xml)
            self.assertEqual("texts", root.findtext("title"))
            for text in ("AAAA", "{{", "mustache", "$(id)", "/etc/passwd"):
                self.assertNotIn(text, xml)

    def on_drive(self, drive, name):
        command = ["isoinfo", "-R", "-i", str(drive), "-x", f"/openstack/latest/{name}"]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout

    def test_large_user_data_is_kept_whole(self):
        script = base64.b64encode(bytes(range(256)) * 2800).decode()  # 700 KiB: 933 KiB in base64
        made = self.client.create("large", self.empty, user_data=script)
        self.client.wait(made["uuid"], "created")
        self.assertEqual(script, self.client.show(made["uuid"])["user_data"])
        self.assertEqual(bytes(range(256)) * 2800,
                         self.on_drive(self.node.folder(made["uuid"]) / "config.iso", "user_data"))
        answer = self.client.request("POST", "/instances", self.body(user_data="A" * MEGABYTE))
        self.assertEqual(413, answer.status)


class Bodies(NodeTest):
    def status(self, body, path="/instances", method="POST"):
        answer = self.client.request(method, path, body, {"Content-Type": "application/json"})
        if answer.status != 200:
            self.assertTrue(answer.error)
        return answer.status

    def test_bodies_that_are_no_json_object_are_400(self):
        for body in (b"{", b"}", b"[]", b"7", b'"x"', b"{'name': 1}", b'{"name": }', b"\xff\xfe{}",
                     b"\0", b'{"name": "\xff\xfe"}', b'{"name": "\xed\xa0\x80"}',
                     b'{"a": 1}{"b": 2}', b"<xml/>", b'{"name": 1e99999}', b'{"name": "\\ud800"}',
                     b"nul", b"\xef\xbb\xbf[1]"):
            with self.subTest(body):
                self.assertEqual(400, self.status(body))
        for body in (b"", b" \n", b"null", b"{}"):
            self.assertEqual(200, self.status(body, method="GET"))

    def test_deep_nesting_is_400_and_quick(self):
        for deep in (b"[" * 100_000, b'{"a":' * 100_000,
                     b'{"metadata":' + b"[" * 40 + b"]" * 40 + b"}"):
            self.assertEqual(400, self.status(deep))

    def test_huge_bodies_are_413_whether_they_say_so_or_not(self):
        self.assertEqual(413, self.status(b'{"name": "' + b"x" * (2 << 20) + b'"}'))
        head = (
            f"POST /instances HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.client.token}\r\n")
        promised = self.client.raw(f"{head}Content-Length: 99999999999\r\n\r\n".encode())
        self.assertIn(b" 413 ", promised.split(b"\r\n")[0])
        chunks = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        chunked = self.client.raw(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() +
                                  chunks * 20)
        self.assertIn(b" 413 ", chunked.split(b"\r\n")[0])

    def test_numbers_beyond_all_bounds_are_400(self):
        for value in (1 << 63, 1 << 64, -(1 << 63), 1e300, 0.5, "1e3", "0x10", "", [1], True):
            for field in ("cpus", "memory"):
                with self.subTest(field=field, value=value):
                    body = {"name": "x", "cpus": 1, "memory": 64, "disk": [{"size": 1}]}
                    self.client.refused(400, "POST", "/instances", {**body, field: value})


class Paths(NodeTest):
    def test_tricks_with_paths_find_nothing(self):
        self.client.log_in()
        for path in ("/instances/..%2f..%2fetc%2fpasswd", "/instances/../nodes", "/instances/%00",
                     "/instances/a%0d%0aX: y", "/instances/%", "/instances/%zz", "/instances/%ff",
                     "/instances/'%20OR%20'1'='1", "/instances/x';--", "/instances/%25s%25n",
                     "/instances/" + "a" * 7000, "/instances/" + "%61" * 2000,
                     "/instances/x?all=true", "/instances/.", "/auth/namespaces/%2e%2e",
                     "//etc/passwd", "/artifacts/http:%2f%2fx", "/artifacts/%F0%9F%A6%8A"):
            with self.subTest(path[:60]):
                answer = self.client.raw(
                    f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                    f"Authorization: Bearer {self.client.token}\r\n\r\n".encode())
                self.assertIn(int(answer.split(b" ")[1]), (400, 404, 413, 414, 431), answer[:300])
                self.assertNotIn(b"root:", answer)
                self.assertNotIn(b"\r\nX: y", answer)

    def test_an_escaped_name_is_the_name(self):
        uuid = self.client.create("plain", self.empty)["uuid"]
        self.assertEqual(uuid, self.client.show("%70lain")["uuid"])

    def test_requests_down_one_connection_do_not_bleed_into_each_other(self):
        self.client.log_in()
        head = f"Host: x\r\nAuthorization: Bearer {self.client.token}\r\n"
        body = b'{"all": true}'
        smuggled = b"DELETE /instances HTTP/1.1\r\nHost: x\r\n\r\n"
        get = f"GET /instances HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode()
        get += body
        last = get.replace(b"Host:", b"Connection: close\r\nHost:")
        show = f"GET /instances/none HTTP/1.1\r\n{head}Content-Length: {len(smuggled)}\r\n\r\n"
        answer = self.client.raw(get + show.encode() + smuggled + last)
        self.assertEqual([b"200", b"400", b"200"], re.findall(rb"HTTP/1\.1 (\d+)", answer))


if __name__ == "__main__":
    unittest.main()
