# SPDX-License-Identifier: Apache-2.0
"""What is asked of our gossip, and how samples become rows of the table.

Goals G1 to G15: a statistic over the samples of one measure in one cluster, and the most it may be.
"""

import math
from dataclasses import dataclass

COLUMNS = ("goal", "measure", "members", "unit", "ours", "memberlist", "tuned", "serf", "ratio",
           "target", "met", "runs")
RIVALS = ("memberlist", "serf")


def percentile(samples, share):
    """The sample above this share of all; of few ones rather too high than too low. A time that
    never came is longer than any."""
    ordered = sorted(math.inf if sample is None else sample for sample in samples)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def p50(samples):
    return percentile(samples, 0.5)


def p99(samples):
    return percentile(samples, 0.99)


def worst(samples):
    return percentile(samples, 1)


def percent(samples):
    return 100 * sum(samples) / len(samples)


@dataclass(frozen=True)
class Goal:
    name: str
    text: str
    unit: str
    samples: str  # which of Cluster.samples
    statistic: object = p50
    target: float = None  # the most; without one the row is there for comparison
    sizes: tuple = ()
    of_theirs: float = None  # the target is this share of memberlist's


GOALS = (
    Goal("G1", "200 B reach all, p50", "ms", "broadcast", p50, 25),
    Goal("G1", "200 B reach all, p99", "ms", "broadcast", p99, 250),
    Goal("G2", "broadcasts that miss anyone", "%", "missed", percent, 0),
    Goal("G2", "the same, 5 % loss on every link", "%", "missed_lossy", percent, 0),
    Goal("G3", "process killed: first to know, p50", "ms", "kill_unreachable_first", p50, 150),
    Goal("G3", "process killed: unreachable at all, p50", "ms", "kill_unreachable_all", p50, 300),
    Goal("G4", "silent host: unreachable at all, p50", "ms", "silent_unreachable_all", p50, 1500),
    Goal("G4", "silent host: unreachable at all, max", "ms", "silent_unreachable_all", worst, 3000),
    Goal("G5", "silent host: dead at all, p50", "ms", "silent_dead_all", p50, 4000),
    Goal("G5", "silent host: dead at all, max", "ms", "silent_dead_all", worst, 6000),
    Goal("G6", "second silent host of three: dead at all, p50", "ms", "second_dead_all", p50, 4000),
    Goal("G7", "a fifth silent: all unreachable at all", "ms", "mass_unreachable_all"),
    Goal("G7", "a fifth silent: all dead at all", "ms", "mass_dead_all", worst, 6000),
    Goal("G8", "a joiner known by all, p50", "ms", "join", p50, 30),
    Goal("G8", "a joiner known by all, max", "ms", "join", worst, 300),
    Goal("G9", "boot: all see all after the last join, p50", "ms", "boot", p50, 150),
    Goal("G9", "boot: all see all after the last join, max", "ms", "boot", worst, 1000),
    Goal("G9", "boot: all see all after the first start", "ms", "boot_whole"),
    Goal("G10", "packets a second and member", "1/s", "packets", p50, 2.2),
    Goal("G10", "bytes a second and member, encrypted", "B/s", "bytes", p50, 200),
    Goal("G11", "CPU of a member at rest", "%", "cpu", p50, 0.03),
    Goal("G12", "RSS of a member", "MB", "rss", p50, 4),
    Goal("G13", "30 % loss at one member: unreachable", "count", "loss_one_unreachable", sum, 0),
    Goal("G13", "30 % loss at one member: dead", "count", "loss_one_dead", sum, 0),
    Goal("G13", "10 % loss everywhere: unreachable", "count", "loss_all_unreachable", sum, 0),
    Goal("G13", "10 % loss everywhere: dead", "count", "loss_all_dead", sum, 0),
    Goal("G14", "stopped process: unreachable", "count", "stop_unreachable", sum),
    Goal("G14", "stopped process: dead", "count", "stop_dead", sum, 0),
    Goal("G14", "verdicts by the woken process", "count", "woken_unreachable", sum, 0),
    Goal("G14", "stopped process: all see all again", "ms", "stop_heal", worst),
    Goal("G15", "starved: all see all again", "ms", "starved_heal", worst),
    Goal("G15", "starved: unreachable", "count", "starved_unreachable", sum, of_theirs=0.02),
    Goal("G15", "starved: dead", "count", "starved_dead", sum, of_theirs=0.02),
)
# Where all members live in one process.
SHARED_GOALS = (
    Goal("G9", "one process: all see all after the last join", "ms", "boot", worst, 1000),
    Goal("G11", "one process: CPU of a member at rest", "%", "cpu", p50, 0.015),
    Goal("G12", "one process: memory of a member (PSS)", "kB", "pss", p50, 60),
)


def rows(goals, clusters):
    """A row for each goal and size that has samples. `clusters`: {(name, size): samples}."""
    sizes = sorted({size for _, size in clusters})
    found = []
    for goal in goals:
        for size in sizes:
            values = {name: goal.statistic(samples[goal.samples])
                      for (name, members), samples in clusters.items()
                      if members == size and samples.get(goal.samples)}
            if values:
                ours = clusters.get(("ours", size), {}).get(goal.samples, [])
                found.append(row(goal, size, values, len(ours)))
    return found


def row(goal, size, values, runs):
    ours = values.get("ours")
    theirs = [values[name] for name in RIVALS if name in values]
    target = goal.target
    if goal.of_theirs is not None and "memberlist" in values:
        target = goal.of_theirs * values["memberlist"]
    met = None if target is None else "not measured" if ours is None else ours <= target
    ratio = min(theirs) / ours if theirs and ours and min(theirs) < math.inf else None
    return {"goal": goal.name, "measure": goal.text, "members": size, "unit": goal.unit,
            **{name: said(values.get(name)) for name in ("ours", "memberlist", "tuned", "serf")},
            "ratio": ratio, "target": target, "met": met, "runs": runs}


def said(value):
    return "never" if value == math.inf else value
