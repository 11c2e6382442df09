# SPDX-License-Identifier: Apache-2.0
"""What processes take of the machine: memory, in MB, and time of its processors."""

import pathlib
import re
import time


class Memory:
    """Of one process or several, by the texts of their smaps_rollup."""

    def __init__(self, *rollups):
        self.rollups = rollups

    def sum(self, kind):
        return sum(int(kilobytes) for text in self.rollups
                   for kilobytes in re.findall(rf"^{kind}: +(\d+) kB", text, re.MULTILINE)) / 1024

    @property
    def rss(self):
        return self.sum("Rss")

    @property
    def pss(self):
        """What is shared counts in parts."""
        return self.sum("Pss")

    @property
    def private(self):
        return self.sum("Private_Clean") + self.sum("Private_Dirty")


def memory_of_programs(bed, host, *names):
    """Of all processes on a host that run one of these."""
    script = 'for pid in $(pidof "$@"); do cat /proc/$pid/smaps_rollup; done'
    return Memory(bed.run(host, "sh", "-c", script, "sh", *names))


def memory_of(*pids):
    return Memory(*(pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
                    for pid in pids))


def cpu_seconds(pid):
    """Of all its threads. The process's clock by its number, as clock_getcpuclockid() makes it: /proc
    counts in 10 ms, which is coarse beside what a daemon at rest takes."""
    return time.clock_gettime(~pid << 3 | 2)
