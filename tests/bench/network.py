# SPDX-License-Identifier: Apache-2.0
"""What it costs a node to be in meshes: see meshes.cc."""

import json
import subprocess

# (networks, peers, runs)
CASES = ((1, 2, 30), (1, 10, 30), (1, 100, 15), (10, 2, 15), (100, 2, 5), (1000, 2, 1))
LONG_CASES = ((1, 2, 200), (1, 10, 200), (1, 100, 100), (10, 2, 100), (100, 2, 20), (1000, 2, 5),
              (1000, 100, 3))
MOST_TIMES_BARE = 1.2


def measure(figures, build, long):
    for networks, peers, runs in LONG_CASES if long else CASES:
        done = subprocess.run([build / "tests/bench/bench_meshes", str(networks), str(peers),
                               str(runs)], check=True, capture_output=True, text=True)
        times = json.loads(done.stdout)
        what = f"{networks} mesh{'es' if networks > 1 else ''}, {peers} peers"
        figures.add(f"join {what}", "ms", times["ours"], "the same netlink calls", times["bare"],
                    times=MOST_TIMES_BARE)
        figures.add(f"join {what}", "ms", times["ours"], "ip and bridge -batch", times["commands"])
        figures.add(f"nothing to do in {what}", "ms", times["unchanged"])
        figures.add(f"join one more beside {what}", "ms", times["one_more"])
