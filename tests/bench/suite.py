# SPDX-License-Identifier: Apache-2.0
"""What suites have in common that ask whole nodes: where these are found, and how the rows are written."""

import argparse
import contextlib
import os
import pathlib
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


@contextlib.contextmanager
def stopped_afterwards(*nodes):
    try:
        yield
    finally:
        for node in nodes:
            if node.running():
                node.stop()
