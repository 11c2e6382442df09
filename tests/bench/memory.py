# SPDX-License-Identifier: Apache-2.0
"""What processes have of the machine's memory, in MB."""

import re


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


def of_programs(bed, host, *names):
    """Of all processes on a host that run one of these."""
    script = 'for pid in $(pidof "$@"); do cat /proc/$pid/smaps_rollup; done'
    return Memory(bed.run(host, "sh", "-c", script, "sh", *names))


def of_process(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return Memory(file.read())
