# SPDX-License-Identifier: Apache-2.0
"""Prints the rows of one build/bench/SUITE.json as a table: table.py FILE.

A row is {name, unit, ours, beside, theirs, ratio, target, met, runs}: `ours` and `theirs` are
medians over `runs` runs, `beside` names what was measured beside us in the same run, `ratio` is
ours / theirs, `target` the most that ours may be,
or, of what is counted by the second, the least. What does not apply is null. A suite with other
columns names them: {columns, rows}.
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


def lines(columns, rows):
    cells = [columns, *(tuple(cell(row.get(column)) for column in columns) for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    for row in cells:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip()


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        suite = json.load(file)
    if isinstance(suite, list):
        suite = {"columns": COLUMNS, "rows": suite}
    for line in lines(suite["columns"], suite["rows"]):
        print(line)


if __name__ == "__main__":
    main()
