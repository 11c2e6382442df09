# SPDX-License-Identifier: Apache-2.0
"""Looks on while things break: daemons do not end by themselves, and who is whole answers."""

import http.client
import signal
import threading
import time

from client import WrongAnswer
from load import HastyClient

PERIOD = 0.5
SETTLED = 8   # seconds after a fault until a node that it concerned has to answer again
IN_TIME = 8    # seconds for a read, on a machine that is busy
CRASHES = {-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE, -signal.SIGILL}


class Watch:
    def __init__(self, nodes, faults, ledger, tell):
        self.nodes = nodes
        self.faults = faults
        self.ledger = ledger
        self.tell = tell
        self.up_since = {}
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.look_after, args=(node,), daemon=True)
                        for node in nodes]
        for thread in self.threads:
            thread.start()

    def close(self):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def look_after(self, node):
        """One thread for each node: one that does not answer holds up nobody else's watch."""
        client = HastyClient(node.url, "system", node.client().key)
        while not self.over.wait(PERIOD):
            self.keep_up(node)
            self.read(node, client)

    def keep_up(self, node):
        status = node.keep_up()
        if status is None:
            return
        self.tell(f"{node.name} ended by itself: {status}")
        self.faults.hurt[f"{node.host}/sf-node"] = time.monotonic()
        if status in CRASHES or status == 0:
            self.ledger.break_promise(None, f"sf-node on {node.name} ended by itself: {status}\n"
                                      + node.tail())

    def read(self, node, client):
        names = [f"{node.host}/{part}" for part in ("sf-node", "net", "clock")]
        if not self.faults.untouched(names, SETTLED):
            client.token = None
            return
        began = time.monotonic()
        try:
            if not client.token:
                client.log_in()
            answer = client.request("GET", "/instances")
            said, ok = answer, answer.status == 200
        except (OSError, http.client.HTTPException, WrongAnswer) as error:
            said, ok = repr(error), False
        took = time.monotonic() - began
        if (not ok or took > IN_TIME) and self.faults.untouched(names, SETTLED):
            self.ledger.break_promise(
                None, f"{node.name}, which nothing is wrong with, was asked for its instances and"
                f" said after {took:.1f} s: {str(said)[:300]}")
