# SPDX-License-Identifier: Apache-2.0
"""Three servers of MariaDB Galera, as the database of a cluster of nodes; and a load that keeps a
ledger of what it was told."""

import itertools
import time

from background import Background
from cluster import wait_for

SERVERS = (1, 2, 3)


class GaleraBed:
    """The test hosts, with Galera in place of the one MariaDB. Made once and ended with end()."""

    def __init__(self, bed):
        self.bed = bed
        self.hosts("galera", "up")

    def __getattr__(self, name):
        return getattr(self.bed, name)

    def end(self):
        self.hosts("galera", "down")

    def sql(self, database, statement, server=1):
        lines = self.hosts("galera", "sql", str(server), f"USE `{database}`; {statement}").stdout
        return [line.split("\t") for line in lines.splitlines()]

    def server(self, verb, server):
        return self.hosts("galera", verb, str(server)).stdout.strip()

    def counted(self, variable, server):
        """A figure that a server has counted since its start."""
        return int(self.sql("mysql", f"SHOW GLOBAL STATUS LIKE '{variable}'", server)[0][1])

    def sql_url(self, database, order=SERVERS):
        network = self.settings["BED_INFRA"].rpartition(".")[0]
        return f"mysql://sf:sfpass@{','.join(f'{network}.24{n}' for n in order)}/{database}"


class Load(Background):
    """Makes and deletes networks and instances by way of each of `nodes`, until it is left; and
    remembers what was acknowledged, and when."""

    KEPT = 4       # one thing of so many stays, to be found again at the end
    INSTANCES = 8  # one thing of so many is an instance

    def __init__(self, nodes):
        super().__init__()
        self.made, self.deleted = set(), set()  # paths, as acknowledged
        self.times = []                         # when each write was acknowledged
        self.wrong = []                         # answers that nothing excuses
        for node in nodes:
            self.add(self.work, node)

    def work(self, node):
        client = node.client()
        for number in itertools.count():
            if self.over.wait(0.2):
                return
            kind, body = self.thing(f"{node.name}-{number}", number)
            made = self.write(client, "POST", kind, body)
            if not made:
                continue
            path = f"{kind}/{made['uuid']}"
            if number % self.KEPT == 0:
                self.made.add(path)
            elif self.write(client, "DELETE", path) is not None:
                self.deleted.add(path)

    def thing(self, name, number):
        if number % self.INSTANCES == 1:
            return "/instances", {"name": name, "cpus": 1, "memory": 64, "disk": [{"size": 1}]}
        return "/networks", {"name": name, "netblock": "10.15.0.0/24", "provide_dhcp": False,
                             "provide_nat": False}

    def write(self, client, method, path, body=None):
        """The answer's JSON; None of what was not acknowledged, and may have been done or not."""
        try:
            answer = client.request(method, path, body)
        except OSError:
            return None
        if answer.status == 200:
            self.times.append(time.monotonic())
            return answer.json or {}
        if answer.status != 503 or "database" not in answer.error:
            self.wrong.append(f"{method} {path}: {answer!r}")
        return None

    def outage(self, since):
        """The longest time without an acknowledged write."""
        times = [since, *sorted(t for t in self.times if t > since)]
        return max((after - before for before, after in zip(times, times[1:])), default=0)

    def wait_acknowledged(self, since, seconds, explain=lambda: ""):
        wait_for(lambda: any(t > since for t in self.times[-20:]), seconds,
                 "a write is acknowledged", explain)
