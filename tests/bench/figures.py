# SPDX-License-Identifier: Apache-2.0
"""Samples on their way to the rows of a suite; see table.py for what a row is."""

import json
import statistics
import time


def now():
    """Milliseconds of the clock that all samples are taken by."""
    return time.monotonic() * 1000


class Figures:
    def __init__(self):
        self.rows = []

    def add(self, name, unit, ours, beside=None, theirs=None, target=None, least=None, times=None):
        """`ours` and `theirs` are samples, one of each run; `target` is the most that ours may be, or
        `least` the least, `times` the most that it may be as a multiple of theirs."""
        ours_median = statistics.median(ours)
        theirs_median = statistics.median(theirs) if theirs else None
        if times is not None:
            target = round(times * theirs_median, 4)
        self.rows.append({
            "name": name, "unit": unit, "ours": round(ours_median, 4), "beside": beside,
            "theirs": round(theirs_median, 4) if theirs_median else None,
            "ratio": round(ours_median / theirs_median, 3) if theirs_median else None,
            "target": target if least is None else least,
            "met": ours_median <= target if target is not None
                   else ours_median >= least if least is not None else None,
            "runs": len(ours)})

    def write(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.rows, indent=1) + "\n")
