# SPDX-License-Identifier: Apache-2.0
"""What is done to a cluster, phase by phase, and the samples that it leaves.

Times in samples are milliseconds; None is a time that never came. All samples of one cluster are
taken in the order of PHASES.
"""

import concurrent.futures
import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass

from gossip_cluster import JOINERS

BROADCAST_BYTES = 200
HEARD_SECONDS = 3  # A broadcast that somebody has not heard by then is missed.
LONGEST_SECONDS = 60
BURNERS = 48


@dataclass(frozen=True)
class Lengths:
    """How long and how often. Where ours is done sooner, it is done to ours more often."""
    boots: int = 1
    our_boots: int = 6
    settle: float = 5
    idle: float = 10
    broadcasts: int = 6
    our_broadcasts: int = 40
    lossy_seconds: float = 5
    lossy_rate: float = 5
    our_lossy_rate: float = 25
    deaths: float = 4  # seconds of each kind of death; one at least
    our_deaths: float = 10
    second_deaths: int = 1
    loss: float = 12
    stops: tuple = (5,)
    flaps: int = 1
    starve: float = 20


LONG = Lengths(boots=10, our_boots=100, settle=20, idle=60, broadcasts=60, our_broadcasts=1000, lossy_seconds=400,
               deaths=120, our_deaths=120, second_deaths=5, loss=120, stops=(1, 2, 5), flaps=20, starve=120)


@dataclass(frozen=True)
class Phase:
    """`alone`: no other cluster is disturbed meanwhile, as this one takes time that shows."""
    name: str
    goals: str
    act: object
    alone: bool = False
    sizes: tuple = ()  # only these
    short_sizes: tuple = ()  # in a short run, only these


# ---- boot and rest -----------------------------------------------------------------------------

def boot(cluster, _):
    """Everyone starts and joins, JOINERS at a time; the first is the seed."""
    def start_and_join(_):
        cluster.join(cluster.start())
        return time.monotonic_ns()

    begun = time.monotonic_ns()
    cluster.start()
    with concurrent.futures.ThreadPoolExecutor(JOINERS) as joiners:
        joined = max(joiners.map(start_and_join, range(cluster.size - 1)))
    done = cluster.wait(LONGEST_SECONDS, cluster.all_see_all)
    cluster.sample("boot", None if done is None else max(0, done - joined) / 1e6)
    cluster.sample("boot_whole", None if done is None else (done - begun) / 1e6)


def idle(cluster, lengths):
    time.sleep(lengths.settle)
    before, cpu, begun = cluster.sent(), cluster.cpu_seconds(), time.monotonic()
    time.sleep(lengths.idle)
    sent, passed = cluster.sent(), time.monotonic() - begun
    members = len(cluster.living())
    for i, what in enumerate(("packets", "bytes")):
        total = sum(sent[protocol][i] - before[protocol][i] for protocol in sent)
        cluster.sample(what, total / passed / members)
    cluster.sample("cpu", 100 * (cluster.cpu_seconds() - cpu) / passed / members)
    cluster.sample("rss", cluster.memory("Rss") / 1024 / len(cluster.pids()))
    cluster.sample("pss", cluster.memory("Pss") / members)


# ---- broadcasts --------------------------------------------------------------------------------

def broadcast(cluster, origin, name):
    cluster.ask(origin, "BCAST", f"{name} {BROADCAST_BYTES}")


def broadcasts(cluster, lengths):
    """One at a time, each from someone else."""
    size = len(cluster.living())
    for i in range(lengths.our_broadcasts if cluster.kind.is_ours else lengths.broadcasts):
        name = str(i + 1)
        broadcast(cluster, cluster.pick(), name)
        times = cluster.wait(HEARD_SECONDS, lambda: heard_by(cluster, name, size))
        cluster.sample("broadcast", None if times is None else (max(times) - min(times)) / 1e6)
        cluster.sample("missed", int(times is None))
        time.sleep(0.05)


def heard_by(cluster, name, size):
    times = cluster.heard.get(name, {}).values()
    return list(times) if len(times) >= size else None


def lossy_broadcasts(cluster, lengths):
    """Many, while each link loses 5 of 100 packets."""
    size = len(cluster.living())
    rate = lengths.our_lossy_rate if cluster.kind.is_ours else lengths.lossy_rate
    names = [str(1_000_000 + i) for i in range(int(rate * lengths.lossy_seconds))]
    cluster.lose(5)
    begun = time.monotonic()
    for i, name in enumerate(names):
        time.sleep(max(0, begun + i / rate - time.monotonic()))
        broadcast(cluster, cluster.pick(), name)
    time.sleep(HEARD_SECONDS)  # This long a missed one is waited for, so nothing ends it sooner.
    cluster.lose_nothing()
    with cluster.lock:
        for name in names:
            cluster.sample("missed_lossy", int(heard_by(cluster, name, size) is None))


# ---- deaths ------------------------------------------------------------------------------------

def kills(cluster, lengths):
    repeat_death(cluster, lengths, cluster.kill, "kill")


def black_holes(cluster, lengths):
    # Of three members, theirs find the second dead later than the first: that has its own phase.
    once = cluster.size == 3 and not cluster.kind.is_ours
    repeat_death(cluster, lengths, cluster.silence, "silent", once)


def second_deaths(cluster, lengths):
    """Of the newest, so that both who are left remember the one before it."""
    for _ in range(lengths.second_deaths):
        die(cluster, cluster.silence, "second", cluster.living()[-1:])
        replace(cluster)


def repeat_death(cluster, lengths, fault, name, once=False):
    end = time.monotonic() + (lengths.our_deaths if cluster.kind.is_ours else lengths.deaths)
    while True:
        die(cluster, fault, name, [cluster.pick()])
        replace(cluster)
        if once or time.monotonic() > end:
            return


def die(cluster, fault, name, victims):
    """They die at once; then everyone's verdicts are waited for."""
    time.sleep(random.random())  # At any moment of the probing.
    begun = time.monotonic_ns()
    fault(victims)
    for verdict, word in (("F", "unreachable"), ("D", "dead")):
        times = cluster.wait(LONGEST_SECONDS, lambda: cluster.verdict_of_all(victims, verdict))
        for which, part in enumerate(("first", "all")):
            cluster.sample(f"{name}_{word}_{part}",
                           None if times is None else (times[which] - begun) / 1e6)


def replace(cluster):
    """Somebody new joins, with nothing else going on."""
    time.sleep(1)
    member = cluster.start()
    time.sleep(0.2)
    begun = time.monotonic_ns()
    cluster.join(member)
    known = cluster.wait(LONGEST_SECONDS, lambda: cluster.known_by_all(member))
    cluster.sample("join", None if known is None else (known - begun) / 1e6)
    cluster.wait(LONGEST_SECONDS, cluster.all_see_all)


def mass_death(cluster, _):
    victims = random.sample(cluster.living()[1:], len(cluster.living()) // 5)
    die(cluster, cluster.silence, "mass", victims)


# ---- what must not look like death --------------------------------------------------------------

def wrong_since(cluster, mark, name, about=None, by=None):
    """Samples the wrong verdicts given since `mark`; on or by one member only, if it is given."""
    with cluster.lock:
        wrong = [each for each in cluster.wrong[mark:]
                 if (about is None or each[2] == about.index)
                 and (by is None or each[1] == by.index)]
    for verdict, word in (("F", "unreachable"), ("D", "dead")):
        cluster.sample(f"{name}_{word}", sum(each[3] == verdict for each in wrong))


def loss_at_one(cluster, lengths):
    lose(cluster, lengths, "loss_one", 30, cluster.pick())


def loss_everywhere(cluster, lengths):
    lose(cluster, lengths, "loss_all", 10)


def lose(cluster, lengths, name, percent, member=None):
    mark = len(cluster.wrong)
    cluster.lose(percent, member)
    time.sleep(lengths.loss)
    cluster.lose_nothing()
    heal(cluster, name, time.monotonic_ns())
    wrong_since(cluster, mark, name)


def heal(cluster, name, begun):
    """Samples when all see all again, after `begun`."""
    time.sleep(2)  # Verdicts may still be on their way.
    healed = cluster.wait(LONGEST_SECONDS, cluster.all_see_all)
    cluster.sample(f"{name}_heal", None if healed is None else max(0, healed - begun) / 1e6)


def stops(cluster, lengths):
    for seconds in lengths.stops:
        stop(cluster, seconds, 1)
    stop(cluster, 3, lengths.flaps)


def stop(cluster, seconds, times):
    mark, member = len(cluster.wrong), cluster.pick()
    for _ in range(times):
        os.kill(member.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(member.pid, signal.SIGCONT)
        woken = time.monotonic_ns()
        time.sleep(seconds if times > 1 else 2)
    heal(cluster, "stop", woken)
    wrong_since(cluster, mark, "stop", about=member)
    wrong_since(cluster, mark, "woken", by=member)


def starve(clusters, lengths):
    """A fifth of each cluster shares one processor with busy processes of far more weight."""
    marks = [len(cluster.wrong) for cluster in clusters]
    slow = [member for cluster in clusters
            for member in random.sample(cluster.living()[1:], cluster.size // 5)]
    pin(slow, {0})
    burners = [subprocess.Popen(["taskset", "--cpu-list", "0", "nice", "-n", "-15", "sh", "-c",
                                 "while :; do :; done"]) for _ in range(BURNERS)]
    time.sleep(lengths.starve)
    for burner in burners:
        burner.kill()
        burner.wait()
    pin(slow, set(range(os.cpu_count())))
    fed = time.monotonic_ns()
    for cluster, mark in zip(clusters, marks):
        heal(cluster, "starved", fed)
        wrong_since(cluster, mark, "starved")


def pin(members, processors):
    for member in members:
        for thread in os.listdir(f"/proc/{member.pid}/task"):
            os.sched_setaffinity(int(thread), processors)


FEW = (50,)
PHASES = (
    Phase("boot", "G9", boot, alone=True),
    Phase("idle", "G10 G11 G12", idle),
    Phase("broadcasts", "G1 G2", broadcasts, alone=True),
    Phase("broadcasts at 5 % loss", "G2", lossy_broadcasts, short_sizes=FEW),
    Phase("hosts fall silent", "G4 G5 G8", black_holes),
    Phase("a second one of three", "G6", second_deaths, sizes=(3,)),
    Phase("processes are killed", "G3 G8", kills, short_sizes=FEW),
    Phase("30 % loss at one member", "G13", loss_at_one, short_sizes=FEW),
    Phase("10 % loss everywhere", "G13", loss_everywhere, short_sizes=FEW),
    Phase("processes are stopped", "G14", stops, short_sizes=FEW),
    Phase("no processor time", "G15", starve, sizes=(50,)),
    Phase("a fifth falls silent", "G7", mass_death, sizes=(10, 50, 100, 200)),
)
