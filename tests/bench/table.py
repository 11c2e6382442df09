# SPDX-License-Identifier: Apache-2.0
"""Prints the rows of one build/bench/SUITE.json as a table: table.py FILE.

A row is {name, unit, ours, beside, theirs, ratio, target, met, runs}: `ours` and `theirs` are
medians over `runs` runs, `beside` names what was measured beside us in the same run, `ratio` is
ours / theirs, `target` the most that ours may be. What does not apply is null.
"""

import json
import sys

COLUMNS = ("name", "unit", "ours", "beside", "theirs", "ratio", "target", "met", "runs")


def cell(value):
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return str(value)


def main():
    with open(sys.argv[1]) as file:
        rows = [COLUMNS]
        rows += [tuple(cell(row.get(column)) for column in COLUMNS) for row in json.load(file)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())


main()
