# SPDX-License-Identifier: Apache-2.0
"""Which faults a round has, drawn from its seed: pure, so that a seed draws the same ones again."""

import random
from dataclasses import dataclass

HANDS = 3  # that draw from one deck and play at the same time
PAUSE = (0.3, 2.5)  # seconds of a hand between two faults


@dataclass(frozen=True)
class Kind:
    """`needs`: what it breaks, of a host, or of all; nothing else breaks that meanwhile. A host's own
    power, "*", is all of it."""

    name: str
    needs: tuple
    shortest: float = 0.5
    longest: float = 8.0
    spared: bool = False  # h1, from which the meshes are watched, is left out
    peer: bool = False    # it is between two hosts


KINDS = (
    Kind("power failure", ("*",), 0.2, 6, spared=True),
    Kind("host frozen", ("*",), 1, 12, spared=True),
    Kind("sf-node killed", ("sf-node",), 0.2, 6),
    Kind("sf-node stopped", ("sf-node",), 0.2, 6),
    Kind("sf-node frozen", ("sf-node",), 0.5, 14),
    Kind("libvirtd killed", ("libvirtd",)),
    Kind("libvirtd frozen", ("libvirtd",), 0.5, 20),
    Kind("virtlogd killed", ("virtlogd",)),
    Kind("virtlogd frozen", ("virtlogd",), 0.5, 20),
    Kind("dockerd killed", ("dockerd",)),
    Kind("dockerd frozen", ("dockerd",), 0.5, 20),
    Kind("QEMU killed", ("qemu",), 0.2, 1),
    Kind("database killed", ("database",), 0.2, 8),
    Kind("database stopped", ("database",), 0.2, 4),
    Kind("database frozen", ("database",), 0.5, 12),
    Kind("cut off", ("net",), 0.5, 12, spared=True),
    Kind("cut off, hears nothing", ("net",), 0.5, 12, spared=True),
    Kind("cut off, not heard", ("net",), 0.5, 12, spared=True),
    Kind("cut off from gossip", ("net",), 0.5, 12),
    Kind("cut off from the database", ("net",), 0.5, 12),
    Kind("cut off from one other", ("net",), 0.5, 12, spared=True, peer=True),
    Kind("a third of all frames lost", ("net",), 1, 8, spared=True),
    Kind("disk at its reserve", ("disk",), 1, 10),
    Kind("disk full", ("disk",), 1, 10),
    Kind("clock jumps", ("clock",), 1, 12),
)
PARTS = ("clock", "disk", "dockerd", "libvirtd", "net", "qemu", "sf-node", "virtlogd")
JUMPS = (-7200, -600, -45, 45, 600, 7200)  # seconds


@dataclass(frozen=True)
class Fault:
    kind: Kind
    host: str
    peer: str
    pause: float    # before it
    seconds: float  # that it lasts
    jump: int       # of a clock

    @property
    def name(self):
        return self.kind.name

    def needs(self):
        """Names of all that has to be whole for it to begin, in an order without deadlocks."""
        if self.kind.needs == ("database",):
            return ("database",)
        hosts = [self.host, self.peer] if self.kind.peer else [self.host]
        parts = PARTS if self.kind.needs == ("*",) else self.kind.needs
        return tuple(sorted(f"{host}/{part}" for host in hosts for part in parts))

    def __str__(self):
        where = "" if self.kind.needs == ("database",) else f" at {self.host}"
        if self.kind.peer:
            where += f" from {self.peer}"
        if self.kind.needs == ("clock",):
            where += f" by {self.jump:+} s"
        return f"{self.name}{where} for {self.seconds:.1f} s"


def deal(seed, round_number, hosts, seconds):
    """A list of faults for each hand, that take about so many seconds to play. Every kind is drawn
    once before one is drawn again."""
    choices = random.Random(f"{seed} {round_number}")
    hands, lengths, deck = [[] for _ in range(HANDS)], [0.0] * HANDS, []
    while min(lengths) < seconds:
        if not deck:
            deck = choices.sample(KINDS, len(KINDS))
        fault = draw(choices, deck.pop(), hosts)
        hand = lengths.index(min(lengths))
        hands[hand].append(fault)
        lengths[hand] += fault.pause + fault.seconds
    return hands


def draw(choices, kind, hosts):
    host, peer = choices.sample(hosts[1:] if kind.spared else hosts, 2)
    # Short ones more often: what happens within a moment is as hard as what lasts.
    seconds = kind.shortest + (kind.longest - kind.shortest) * choices.random() ** 2
    return Fault(kind, host, peer, choices.uniform(*PAUSE), seconds, choices.choice(JUMPS))
