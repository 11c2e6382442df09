# SPDX-License-Identifier: Apache-2.0
"""A cluster that is there already, by the address and key with which sf finds it. All that the tests know of it
is its API: what needs more, such as to stop a node or to look at a host, is skipped."""

import json
import os
import pathlib
import socket
import unittest
import urllib.parse

from client import Client
from image_server import ImageServer

SETTINGS = pathlib.Path("/etc/sf/shakenfist.json")


def settings():
    """{"apiurl", "namespace", "key"}: of the environment, or of sf's file."""
    found = {name: os.environ[variable] for name, variable in (
        ("apiurl", "SHAKENFIST_API_URL"), ("namespace", "SHAKENFIST_NAMESPACE"),
        ("key", "SHAKENFIST_KEY")) if variable in os.environ}
    if not found and SETTINGS.exists():
        found = json.loads(SETTINGS.read_text())
    missing = {"apiurl", "namespace", "key"} - found.keys()
    if missing or found["namespace"] != "system":
        raise SystemExit("the cluster to test against, and its system key, are what sf uses: SHAKENFIST_API_URL,"
                         f" SHAKENFIST_NAMESPACE=system and SHAKENFIST_KEY, or {SETTINGS}")
    return found


class OutOfReach:
    """What a test cannot have of a cluster that was not made for it."""

    def __init__(self, what):
        self.what = what

    def __getattr__(self, name):
        raise unittest.SkipTest(f"needs more of {self.what} than its API: {name}")


class ReachedNode(OutOfReach):
    def __init__(self, url, key):
        super().__init__("a node")
        self.url = url.rstrip("/")
        self.key = key

    def client(self, namespace="system", key=None):
        return Client(self.url, namespace, key or self.key)

    def tail(self):
        return ""


class ReachedCluster:
    def __init__(self):
        found = settings()
        self.node = ReachedNode(found["apiurl"], found["key"])
        self.bed = OutOfReach("the hosts")
        self.victim = OutOfReach("a node that may break")
        self.images = ImageServer(address_towards(found["apiurl"]))

    def begin(self, *_, **__):
        raise unittest.SkipTest("needs a node of its own")


def address_towards(url):
    """Ours, as the cluster sees it."""
    to = urllib.parse.urlsplit(url)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((to.hostname, to.port or 80))
        return probe.getsockname()[0]
