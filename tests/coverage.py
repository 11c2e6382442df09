# SPDX-License-Identifier: Apache-2.0
"""Prints how much of each folder was run, from a summary of gcovr: coverage.py SUMMARY.json."""

import collections
import json
import pathlib
import sys

COUNTS = ("line_total", "line_covered", "branch_total", "branch_covered")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        files = json.load(file)["files"]
    folders = collections.defaultdict(collections.Counter)
    for one in files:
        for folder in (str(pathlib.PurePath(one["filename"]).parent), "in all"):
            folders[folder].update({name: one[name] for name in COUNTS})
    print(f"{'':16}{'lines':>9}{'run':>8}{'branches':>11}{'taken':>8}")
    for folder in sorted(folders, key=lambda name: (name == "in all", name)):
        lines, run, branches, taken = (folders[folder][name] for name in COUNTS)
        print(f"{folder:16}{lines:9}{share(run, lines)}{branches:11}{share(taken, branches)}")


def share(part, whole):
    return f"{100 * part / whole:7.1f}%" if whole else f"{'-':>8}"


main()
