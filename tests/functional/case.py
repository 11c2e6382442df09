# SPDX-License-Identifier: Apache-2.0
"""What all functional tests have in common: a node, and a namespace of their own on it."""

import base64
import os
import unittest
import uuid

import disk_images
from cluster import AGAINST, GUESTS, cluster, wait_for


class NodeTest(unittest.TestCase):
    """Tests of one node. Their instances are in namespaces of their own, which are emptied
    afterwards; that nothing of them is left on the host is a test in itself."""

    on_victim = False  # for tests that stop, kill or reboot what they run on
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.cluster = cluster()
        cls.bed = cls.cluster.bed
        cls.images = cls.cluster.images
        cls.node = cls.cluster.victim if cls.on_victim else cls.cluster.node
        cls.admin = cls.node.client()
        cls.clients = []
        cls.addClassCleanup(cls.empty_namespaces)
        cls.client = cls.new_namespace()
        cls.empty = cls.images.offer("/empty.qcow2", disk_images.qcow2())

    @classmethod
    def new_namespace(cls):
        """A client in a namespace that is new."""
        name = f"t-{cls.__name__.lower()}-{uuid.uuid4().hex[:6]}"
        cls.admin.call("POST", "/auth/namespaces",
                       {"namespace": name, "key_name": "k", "key": "secret"})
        cls.clients.append(cls.node.client(name, "secret"))
        return cls.clients[-1]

    @classmethod
    def empty_namespaces(cls):
        deleted = []
        for client in cls.clients:
            deleted += cls.admin.call("DELETE", "/instances",
                                      {"confirm": True, "namespace": client.namespace})
        for instance in deleted:
            cls.admin.wait(instance, "deleted", 60)
        left = [trace for instance in deleted for trace in cls.node.leftovers(instance)] \
            if deleted and not AGAINST and cls.node.leftovers() else []
        if left:
            raise AssertionError(f"deleted instances of {cls.__name__} left behind: {left}")
        for client in cls.clients:  # Some tests have done so themselves.
            cls.admin.request("DELETE", "/networks", {"confirm": True, "namespace": client.namespace})
            cls.admin.request("DELETE", f"/auth/namespaces/{client.namespace}")

    def offer(self, name, script):
        """Offers an image under a path that no other test has; returns its URL."""
        return self.images.offer(self.path(name), script)

    def path(self, name):
        return f"/{self.id().rpartition('.')[2]}-{os.getpid()}/{name}"

    def wait_power(self, instance, state, seconds=30, client=None):
        client = client or self.client
        wait_for(lambda: client.show(instance)["power_state"] == state, seconds,
                 f"power_state of {instance} is {state}",
                 lambda: f"{client.show(instance)}\n{client.history(instance)}\n{self.node.tail()}")


def guest(name):
    """The bytes of a guest image that tests/guests has built."""
    path = GUESTS / f"{name}.qcow2"
    if not path.exists():
        raise unittest.SkipTest(f"{path} is not built: run tests/guests/{name}")
    return path.read_bytes()


def user_data(script):
    """A script as the API takes it."""
    return base64.b64encode(script.encode()).decode()
