# SPDX-License-Identifier: Apache-2.0
"""Who serves a network, by the answers that a guest in it would get."""

import ipaddress
import json
import pathlib
import subprocess
import threading
import time

from cluster import HOSTS, wait_for

PROBE = pathlib.Path(__file__).resolve().with_name("mesh_probe.py")
BOTH = 2     # seconds for which two may serve one mesh
SPELL = 1.0  # seconds; who is silent for longer has stopped serving


class MeshWatch:
    """The answers of the nodes to mesh_probe.py on one host: (when, "arp" or "dhcp", node)."""

    def __init__(self, node, nodes, network, mac):
        addresses = {other.bed.address(other.host): other for other in nodes}
        self.nodes = {**addresses, "here": node}
        self.answers = []
        self.process = subprocess.Popen(
            [str(HOSTS), "exec", node.host, "--", str(PROBE), str(network["vxid"]),
             str(ipaddress.ip_network(network["netblock"])[1]), mac],
            env=node.environment(), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            when, kind, who = json.loads(line)
            self.answers.append((when, kind, self.nodes[who]))

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def since(self, when):
        return [answer for answer in list(self.answers) if answer[0] >= when]

    def wait_served(self, since, seconds, but=None):
        """The node that was the first to answer to both since then, and when that was."""
        def served():
            seen = set()
            for when, kind, node in self.since(since):
                seen.add((kind, node))
                if node is not but and {("arp", node), ("dhcp", node)} <= seen:
                    return node, when
            return None

        return wait_for(served, max(0, since + seconds - time.monotonic()),
                        f"the mesh is served within {seconds} s", lambda: self.show(since))

    def silence(self, since):
        """The longest time in which nobody answered to one of both."""
        longest = 0
        for kind in ("arp", "dhcp"):
            times = [when for when, what, _ in self.since(since) if what == kind]
            times = [since, *times, time.monotonic()]
            longest = max(longest, *(later - sooner for sooner, later in zip(times, times[1:])))
        return longest

    def both(self, since):
        """The longest time in which two nodes answered."""
        spells = self.spells(since)
        return max([0, *(min(one[2], other[2]) - max(one[1], other[1])
                         for one in spells for other in spells if one[0] is not other[0])])

    def spells(self, since):
        """(node, first answer, last answer) of each time that a node answered without a pause."""
        found, current = [], {}
        for when, _, node in self.since(since):
            if node in current and when - current[node][2] <= SPELL:
                current[node][2] = when
            else:
                current[node] = [node, when, when]
                found.append(current[node])
        return found

    def show(self, since):
        return "\n".join(f"{node.name} answered from {first - since:.1f} to {last - since:.1f} s"
                         for node, first, last in self.spells(since)) or "nobody answered"
