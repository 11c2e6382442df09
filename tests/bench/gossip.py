#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Measures our gossip beside HashiCorp's memberlist and serf: gossip.py OUT.json.

What is measured, and how, is told in README.md beside it. Needs root. All that it makes lives in
namespaces of its own and is gone when it ends, however it ends.
"""

import argparse
import base64
import concurrent.futures
import contextlib
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time

import gossip_goals
import table
from gossip_cluster import Cluster, Kind
from gossip_phases import LONG, PHASES, Lengths, boot, idle, starve

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SF_BUILD", ROOT / "build/release")).absolute()
RIVALS = ROOT / "build/bench/rivals"
PACKAGES = ("golang-github-hashicorp-memberlist-dev", "golang-github-hashicorp-serf-dev",
            "golang-go")
KEY = base64.b64encode(bytes(range(32))).decode()
SIZES = (3, 50)
LONG_SIZES = (3, 10, 50, 100, 200)
SHARED_SIZE, LONG_SHARED_SIZE = 200, 500
# Above, an implementation has the machine to itself: a boot of theirs takes all of it.
MOST_SIDE_BY_SIDE = 100
# Above, memberlist's ticks at our periods need a processor, and it is measured in long runs only.
MOST_TUNED = 50


def main():
    options = parse()
    if os.getpid() != 1:
        move_inside()
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))  # And all others with this one.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # Two pipes to each member.
    build_rivals()
    run = Run(options)
    for size in options.sizes:
        for kinds in groups(options, KINDS, size):
            run.measure([Kind(**KINDS[name]) for name in kinds], size)
        run.write(options.out)  # What there is, if it is ended before its time.
    run.measure_shared()
    run.write(options.out)
    if options.print:
        print("\n".join(table.lines(gossip_goals.COLUMNS, run.rows())))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--sizes", type=numbers, help="members, e.g. 3,10; as a rule 3 and 50, and 10, 100"
                        " and 200 in long runs")
    parser.add_argument("--goals", type=words, default=(), help="only these, e.g. G1,G4")
    parser.add_argument("--only", type=words, default=(), help=f"of {', '.join(KINDS)}")
    parser.add_argument("--alone", action="store_true", help="one implementation after the other")
    parser.add_argument("--long", action="store_true",
                        help="all goals at all sizes, for as long as they ask: some hours")
    parser.add_argument("--print", action="store_true", help="print the table, too")
    options = parser.parse_args()
    options.sizes = options.sizes or (LONG_SIZES if options.long else SIZES)
    return options


def words(text):
    return tuple(text.split(","))


def numbers(text):
    return tuple(map(int, words(text)))


def move_inside():
    """Goes on as the first process of a pid namespace, which ends with the process out here."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    inside = subprocess.Popen([
        "setpriv", "--pdeathsig", "KILL",
        "unshare", "--pid", "--fork", "--mount-proc", "--kill-child=KILL",
        sys.executable, "-B", os.path.abspath(__file__), *sys.argv[1:]])
    sys.exit(inside.wait())


def build_rivals():
    say("building the programs that host memberlist and serf")
    subprocess.run(["go", "build", "-o", RIVALS, "."], check=True, cwd=pathlib.Path(
        __file__).resolve().parent / "rivals", env={
            **os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode",
            "GOFLAGS": "-trimpath", "GOCACHE": str(ROOT / "build/bench/go-cache")})


KINDS = {
    "ours": {"name": "ours", "is_ours": True,
             "command": (str(BUILD / "tests/bench/gossip_adapter"),)},
    "memberlist": {"name": "memberlist", "command": (str(RIVALS), "-key", KEY)},
    "tuned": {"name": "tuned", "command": (str(RIVALS), "-key", KEY, "-tuned")},
    "serf": {"name": "serf", "command": (str(RIVALS), "-key", KEY, "-serf")},
}


def groups(options, names, size):
    """Who is measured side by side."""
    chosen = [name for name in names if name in (options.only or names)]
    if size > MOST_TUNED and "tuned" in chosen and not options.long:
        chosen.remove("tuned")
    if options.alone or size > MOST_SIDE_BY_SIDE:
        return [[name] for name in chosen]
    together = [name for name in chosen if name != "tuned" or size <= MOST_TUNED]
    return [together] + [[name] for name in chosen if name not in together]


class Run:
    def __init__(self, options):
        self.options = options
        self.lengths = LONG if options.long else Lengths()
        self.begun = time.monotonic()
        self.clusters = {}  # (name, size): samples
        self.shared = {}
        self.phases = []

    # ---- phases ----------------------------------------------------------------------------------

    def measure(self, kinds, size):
        for kind in kinds:
            for _ in range(self.other_boots(kind, size)):
                with self.up([kind], size, self.clusters) as clusters:
                    self.act(PHASES[0], clusters)
        with self.up(kinds, size, self.clusters) as clusters:
            for phase in PHASES:
                if clusters and (phase.act is boot or self.is_wanted(phase, size)):
                    clusters = self.act(phase, clusters)

    def measure_shared(self):
        """All members in one process: what they cost when there is only one program."""
        goals = self.options.goals
        if goals and not {goal.name for goal in gossip_goals.SHARED_GOALS}.intersection(goals):
            return
        sizes = [SHARED_SIZE] * (SHARED_SIZE in self.options.sizes)
        for size in sizes + [LONG_SHARED_SIZE] * self.options.long:
            for names in groups(self.options, ("ours", "memberlist"), size):
                kinds = [Kind(**KINDS[name], is_shared=True) for name in names]
                with self.up(kinds, size, self.shared) as clusters:
                    for phase in PHASES:
                        if clusters and phase.act in (boot, idle):
                            clusters = self.act(phase, clusters)

    @contextlib.contextmanager
    def up(self, kinds, size, kept):
        clusters = []
        try:
            clusters += [Cluster(kind, size) for kind in kinds]
            yield clusters
        finally:
            for cluster in clusters:
                samples = kept.setdefault((cluster.kind.name, size), {})
                for measure, values in cluster.samples.items():
                    samples.setdefault(measure, []).extend(values)
                cluster.close()

    def other_boots(self, kind, size):
        """How many boots there are that nothing else follows."""
        boots = self.lengths.our_boots if kind.is_ours else self.lengths.boots
        return boots - 1 if self.is_wanted(PHASES[0], size) else 0

    def is_wanted(self, phase, size):
        sizes = phase.sizes or (() if self.options.long else phase.short_sizes)
        goals = self.options.goals
        return (not sizes or size in sizes) and (
            not goals or not set(goals).isdisjoint(phase.goals.split()))

    def act(self, phase, clusters):
        """Returns the clusters that can go on."""
        before, begun = os.getloadavg()[0], time.monotonic()
        crew = concurrent.futures.ThreadPoolExecutor(1 if phase.alone else len(clusters))
        if phase.act is starve:
            acts = [(clusters, crew.submit(starve, clusters, self.lengths))]
        else:
            acts = [([each], crew.submit(phase.act, each, self.lengths)) for each in clusters]
        broken = []
        for concerned, done in acts:
            try:
                done.result()
            except (RuntimeError, OSError) as error:
                say(f"{phase.name}: {error}")
                broken += concerned
        size, after = clusters[0].size, os.getloadavg()[0]
        who = [cluster.kind.name for cluster in clusters]
        self.phases.append({
            "phase": phase.name, "members": size, "who": who, "load_before": before,
            "load_after": after, "broken": [cluster.kind.name for cluster in broken]})
        say(f"{time.monotonic() - self.begun:5.0f} s  {size:3} members  {phase.name} "
            f"({', '.join(who)}): {time.monotonic() - begun:.1f} s, "
            f"load {before:.1f} to {after:.1f}")
        return [cluster for cluster in clusters if cluster not in broken]

    # ---- what comes of it ------------------------------------------------------------------------

    def rows(self):
        found = gossip_goals.rows(gossip_goals.GOALS, self.clusters)
        found += gossip_goals.rows(gossip_goals.SHARED_GOALS, self.shared)
        return sorted(found, key=lambda row: int(row["goal"][1:]))

    def write(self, path):
        def raw(clusters):
            return [{"who": name, "members": size, "samples": samples}
                    for (name, size), samples in clusters.items()]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({
            "command": sys.argv, "processors": os.cpu_count(), "kernel": os.uname().release,
            "packages": versions(), "seconds": round(time.monotonic() - self.begun),
            "kinds": KINDS, "phases": self.phases, "clusters": raw(self.clusters),
            "shared": raw(self.shared), "columns": gossip_goals.COLUMNS, "rows": self.rows(),
        }, indent=1) + "\n")


def versions():
    listed = subprocess.run(["dpkg-query", "-W", *PACKAGES], check=True, capture_output=True,
                            text=True)
    return dict(line.split("\t") for line in listed.stdout.splitlines())


def say(text):
    print(text, flush=True)


main()
