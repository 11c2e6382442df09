# SPDX-License-Identifier: Apache-2.0
"""What is cut in the underlay of a bed: frames that its bridge, in infra, drops."""

import json
import subprocess

from host import HostError

TABLE = "bridge cuts"
CHAINS = ("forward", "input", "output")


class Cuts:
    """Rules of one nftables table in infra, each with a comment that says what it cuts.

    Nothing of it is kept anywhere else. A host cannot see a cut, cannot mend it, and meets it again
    after a reboot.
    """

    def __init__(self, bed):
        self.bed = bed
        self.infra = bed.host("infra")

    def add(self, host, peer=None, ways=("in", "out"), ports=(), percent=100):
        """Drops what reaches `host` and what leaves it; only between it and `peer`, of these TCP
        and UDP ports, at random so many of 100 frames."""
        if host.name == "infra" or peer and peer.name == host.name:
            raise HostError("a cut is at one of h1, h2, ..., and between two different hosts")
        lines = [f"add table {TABLE}"]
        lines += [f"add chain {TABLE} {chain} {{ type filter hook {chain} priority 0; }}"
                  for chain in CHAINS]
        for way in ways:
            near, far, local = ("oifname", "iifname", "output") if way == "in" else \
                ("iifname", "oifname", "input")
            said = f"{host.name} {way}" + (f" {peer.name}" if peer else "")
            places = []  # chain, and how it knows the frames
            if not peer or peer.name == "infra":
                places.append((local, f'{near} "{host.cable}"'))
            if not peer:
                places.append(("forward", f'{near} "{host.cable}"'))
            elif peer.name != "infra":
                places.append(("forward", f'{near} "{host.cable}" {far} "{peer.cable}"'))
            for chain, frames in places:
                lines += [f'add rule {TABLE} {chain} {frames} {match} drop comment "{said}{more}"'
                          for match, more in matches(ports, percent)]
        self.nft("\n".join(lines))

    def heal(self, host=None):
        """Ends all cuts, or those at either end of which is `host`."""
        self.nft("\n".join(f"delete rule {TABLE} {rule['chain']} handle {rule['handle']}"
                           for rule in self.rules()
                           if not host or host.name in rule["comment"].split()))

    def list(self):
        """In words, once each."""
        return sorted({rule["comment"] for rule in self.rules()})

    def rules(self):
        listed = self.infra.in_network("nft -j list ruleset bridge", stdout=subprocess.PIPE).stdout
        return [entry["rule"] for entry in json.loads(listed)["nftables"] if "rule" in entry]

    def nft(self, script):
        self.infra.in_network("nft -f -", input=script.encode())


def matches(ports, percent):
    """Pairs of what a rule asks for beyond the cable, and the same in words."""
    random, some = ("", "") if percent == 100 else \
        (f"numgen random mod 100 < {percent}", f" {percent} %")
    if not ports:
        return [(random, some)]
    return [(f"meta l4proto {{ tcp, udp }} th {end} {port} {random}", f" port {port}{some}")
            for port in ports for end in ("sport", "dport")]
