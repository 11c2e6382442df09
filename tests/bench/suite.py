# SPDX-License-Identifier: Apache-2.0
"""What suites have in common that ask whole nodes: where these are found, and how the rows are written."""

import argparse
import contextlib
import os
import pathlib
import re
import sys

from figures import Figures

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("SF_BUILD", str(ROOT / "build/release"))
BUILD = pathlib.Path(os.environ["SF_BUILD"])
sys.path.insert(1, str(ROOT / "tests/functional"))


def run(about, measure):
    """The program OUT.json, whose rows are what `measure` adds to the figures."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("out", type=pathlib.Path)
    options = parser.parse_args()
    figures = Figures()
    measure(figures)
    figures.write(options.out)


def figure(node, name):
    """One of the node's figures, without labels, as it is now."""
    text = node.client().bare("GET", "/metrics").text
    return float(re.search(rf"^shakenfist_{name} (\S+)", text, re.MULTILINE)[1])


@contextlib.contextmanager
def stopped_afterwards(*nodes):
    try:
        yield
    finally:
        for node in nodes:
            if node.running():
                node.stop()
