# SPDX-License-Identifier: Apache-2.0
"""A small client of the HTTP API, as plain as the wire: one connection per request, JSON bodies on
every method, and an exception that shows the whole answer whenever it is not the expected one."""

import http.client
import json
import os
import pathlib
import re
import socket
import time
import urllib.parse

TOKEN_LIFETIME = 600  # of the 900 s that a token is good for
SANITIZED = pathlib.Path(os.environ.get("SF_BUILD", "")).name in ("asan", "tsan")
SLOW = 4 if SANITIZED else 1  # how many times as long as usual things may take
DEADLINE = 60 * SLOW  # of one request


class WrongAnswer(AssertionError):
    """An answer that the test did not expect, with all that is known about it."""


class Answer:
    def __init__(self, status, headers, data):
        self.status = status
        self.headers = headers
        self.data = data

    @property
    def text(self):
        return self.data.decode(errors="replace")

    @property
    def json(self):
        return json.loads(self.data)

    @property
    def error(self):
        """The text of an error, in the one shape that errors have."""
        body = self.json
        if body.get("status") != self.status or not isinstance(body.get("error"), str):
            raise WrongAnswer(f"an error in the wrong shape: {self.status} {self.text[:500]}")
        return body["error"]

    def __repr__(self):
        return f"{self.status} {self.text[:2000]}"


class Client:
    """Calls the API as one namespace. `explain` gives the end of the daemon's log, for failures;
    `trust`, an ssl.SSLContext, says whom to believe by https."""

    def __init__(self, url, namespace, key, explain=lambda: "", trust=None):
        self.url = urllib.parse.urlsplit(url)
        self.trust = trust
        self.namespace = namespace
        self.key = key
        self.explain = explain
        self.token = None
        self.token_made = 0

    # ---- calls -----------------------------------------------------------------------------------

    def bare(self, method, path, body=None, headers=None):
        """One request on one connection, nothing added. `body`: bytes, or what becomes JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body, indent=4, sort_keys=True).encode()
            headers.setdefault("Content-Type", "application/json")
        connection = self.connect()
        try:
            try:
                connection.request(method, self.url.path.rstrip("/") + path, body, headers)
            except BrokenPipeError:
                pass  # it has heard enough of a body that is too large, and says so
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def connect(self):
        if self.url.scheme == "http":
            return http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=DEADLINE)
        return http.client.HTTPSConnection(self.url.hostname, self.url.port, timeout=DEADLINE,
                                           context=self.trust)

    def log_in(self):
        answer = self.bare("POST", "/auth", {"namespace": self.namespace, "key": self.key})
        if answer.status != 200:
            raise self.wrong("POST", "/auth", answer, 200)
        self.token, self.token_made = answer.json["access_token"], time.monotonic()

    def request(self, method, path, body=None, headers=None):
        """As `call`, but gives back any answer."""
        if not self.token or time.monotonic() - self.token_made > TOKEN_LIFETIME:
            self.log_in()
        return self.bare(method, path, body,
                         {"Authorization": f"Bearer {self.token}", **(headers or {})})

    def call(self, method, path, body=None, expect=200):
        """The JSON of the expected answer, or its text if that is not JSON."""
        answer = self.request(method, path, body)
        if answer.status != expect:
            raise self.wrong(method, path, answer, expect)
        if answer.headers.get_content_type() == "application/json":
            return answer.json
        return answer.text

    def refused(self, status, method, path, body=None):
        """The error text of a call that is answered with this status."""
        answer = self.request(method, path, body)
        if answer.status != status:
            raise self.wrong(method, path, answer, status)
        return answer.error

    def wrong(self, method, path, answer, expected):
        return WrongAnswer(f"{method} {path} as {self.namespace}: {answer!r}, and not {expected}\n"
                           f"{self.explain()}")

    def raw(self, data, seconds=10):
        """Sends these very bytes; returns all that comes until the server closes, as it should."""
        with socket.create_connection((self.url.hostname, self.url.port), seconds) as connection:
            connection.sendall(data)
            pieces = []
            while piece := connection.recv(65536):
                pieces.append(piece)
            return b"".join(pieces)

    # ---- instances -------------------------------------------------------------------------------

    def create(self, name, image=None, **fields):
        """Asks for a small instance with one disk; `fields` are the body's, and win."""
        body = {
            "name": name, "cpus": 1, "memory": 64, "network": [],
            "disk": [{"base": image, "size": None if image else 1, "bus": None, "type": "disk"}],
            "ssh_key": None, "user_data": None, "namespace": None, "video": None,
            "configdrive": None, "metadata": {}, "side_channels": [], "uefi": False,
            "secure_boot": False, "nvram_template": None
        }
        return self.call("POST", "/instances", {**body, **fields})

    def show(self, uuid):
        return self.call("GET", f"/instances/{uuid}")

    def events(self, uuid, kind="instances", **body):
        return self.call("GET", f"/{kind}/{uuid}/events", body)

    def wait(self, uuid, states, seconds=60, kind="instances"):
        """The object, as soon as its state is one of `states` (a list, or one)."""
        states = [states] if isinstance(states, str) else states
        deadline = time.monotonic() + seconds * SLOW
        while True:
            view = self.call("GET", f"/{kind}/{uuid}")
            if view["state"] in states:
                return view
            if view["state"] in ("error", "deleted") or time.monotonic() > deadline:
                raise WrongAnswer(
                    f"{kind}/{uuid} did not become {' or '.join(states)} within {seconds} s\n"
                    f"{json.dumps(view, indent=1)}\n{self.history(uuid, kind)}\n{self.explain()}")
            time.sleep(0.1)

    def history(self, uuid, kind="instances"):
        answer = self.request("GET", f"/{kind}/{uuid}/events")
        if answer.status != 200:
            return f"no events: {answer!r}"
        return "\n".join(f"  {e['timestamp']:.3f} {e['message']} {json.dumps(e['extra'])}"
                         for e in reversed(answer.json))

    def delete(self, uuid, seconds=60):
        self.call("DELETE", f"/instances/{uuid}")
        return self.wait(uuid, "deleted", seconds)

    def console(self, uuid, length=-1):
        return self.call("GET", f"/instances/{uuid}/consoledata", {"length": length})

    def wait_console(self, uuid, pattern, seconds, after=0):
        """The first match of `pattern` in the console, from character `after` on."""
        deadline = time.monotonic() + seconds * SLOW
        while True:
            text = self.console(uuid)[after:]
            if found := re.search(pattern, text):
                return found
            if time.monotonic() > deadline:
                raise WrongAnswer(
                    f"{pattern!r} was not on the console of {uuid} within {seconds} s\n"
                    f"{text[-2000:]}\n{self.history(uuid)}")
            time.sleep(0.2)
