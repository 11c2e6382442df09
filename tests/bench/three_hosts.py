# SPDX-License-Identifier: Apache-2.0
"""What three nodes take together, each on a host of its own: a network until all of them are in its
mesh, an instance until it runs on the node that was asked or on another.

The ends are taken from the nodes' logs, which have milliseconds. To ask for the state until it has
changed would take processor time from the very thing that is measured.
"""

import datetime
import pathlib
import subprocess
import time

import suite  # before what it finds
import cluster

IMAGE = "cluster.qcow2"
RUNS, LONG_RUNS = 9, 100
SECONDS = 30  # Longer than anything here lasts.


def measure(figures, long):
    bed = cluster.Bed(3)
    nodes = [cluster.Node(bed, f"h{i}", name=f"bench-{i}", database="sf_bench_cluster", port=14500,
                          storage="/srv/bench", IMAGE_CHECK_INTERVAL="3600") for i in (1, 2, 3)]
    # Nothing to boot: a guest that gets to work would take the processors from what is measured.
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2",
                    pathlib.Path(bed.settings["BED_WWW_DIR"]) / IMAGE, "64M"], check=True)
    nodes[0].bootstrap()
    begun = time.time()
    with suite.stopped_afterwards(*nodes):
        for node in nodes:
            node.start()
        for node in nodes:
            said(node, "a node joined", begun)
        measure_networks(figures, nodes, LONG_RUNS if long else RUNS)
        measure_instances(figures, nodes, LONG_RUNS if long else RUNS)


def measure_networks(figures, nodes, runs):
    client = nodes[0].client()
    answers, here, everywhere = [], [], []
    for _ in range(runs):
        begun = time.time()
        uuid = client.call("POST", "/networks", {"name": "bench", "netblock": "10.0.0.0/24",
                                                 "provide_dhcp": False, "provide_nat": False})["uuid"]
        answers.append(milliseconds(begun, time.time()))
        ends = [said(node, "meshes changed networks=1 ", begun) for node in nodes]
        here.append(milliseconds(begun, ends[0]))
        everywhere.append(milliseconds(begun, max(ends)))
        begun = time.time()
        client.call("DELETE", f"/networks/{uuid}")
        for node in nodes:
            said(node, "meshes changed networks=1 ", begun)
    figures.add("network: POST answers", "ms", answers)
    figures.add("network: POST to joined by the node asked", "ms", here)
    figures.add("network: POST to joined by all three nodes", "ms", everywhere)


def measure_instances(figures, nodes, runs):
    client = nodes[0].client()
    image = f"{nodes[0].bed.settings['BED_WWW_URL']}/{IMAGE}"
    for node, where in ((nodes[0], "the node asked"), (nodes[1], "another node")):
        times = []
        for _ in range(runs + 1):
            begun = time.time()
            uuid = client.create("bench", image, placed_on=node.name)["uuid"]
            times.append(milliseconds(begun, said(node, f"instance created instance={uuid} ", begun)))
            client.call("DELETE", f"/instances/{uuid}")
            said(node, f"instance removed instance={uuid} ", begun)
        figures.add(f"instance: POST to running on {where}", "ms", times[1:])  # with its image here


def said(node, words, begun):
    """When a node first said this after `begun`, in seconds since the epoch."""
    def find():
        for line in node.log.read_text().splitlines():
            stamp, _, rest = line.partition(" ")
            if words in rest and (when := datetime.datetime.fromisoformat(stamp).timestamp()) > begun:
                return when
        return None

    deadline = time.monotonic() + SECONDS
    while not (when := find()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{node.name} did not say '{words}'\n{node.tail()}")
        time.sleep(0.01)
    return when


def milliseconds(begun, ended):
    return (ended - begun) * 1000
