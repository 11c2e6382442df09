# SPDX-License-Identifier: Apache-2.0
"""A node that can be broken in more ways than the functional tests' own: its disk is small and can be
filled, and its clock is not the host's."""

import os
import pathlib
import shutil
import subprocess
import threading

from cluster import HOSTS, Node, confined

DISK_MIB = 8192  # of which next to nothing is ever written
RESERVE_GIB = 1
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


class BreakableNode(Node):
    """Its storage is a file system of its own, in a file on the host's disk: it outlives a power
    failure, and the machine's disk stays as empty as it was.

    `wanted`: whether the daemon is to run, as systemd would know it (see keep_up)."""

    def __init__(self, bed, host, **options):
        super().__init__(bed, host, DISK_RESERVE=str(RESERVE_GIB), **options)
        self.folder_there = "/" + str(self.storage.relative_to(bed.disk(host)))
        self.disk = bed.disk(host) / "srv" / f"{self.name}.ext4"
        self.clock = bed.dir / host / "clock"
        self.wanted = False
        self.lock = threading.RLock()  # of `wanted` and the process
        self.set_clock(0)
        with open(self.disk, "wb") as file:
            file.truncate(DISK_MIB << 20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", str(self.disk)],
                       check=True)
        self.plug_in_disk()

    def plug_in_disk(self):
        """After each boot. The loop device goes when the last mount of it goes, so with the host."""
        device = subprocess.run(["losetup", "--find", "--show", str(self.disk)], check=True,
                                text=True, capture_output=True).stdout.strip()
        minor = os.minor(os.stat(device).st_rdev)
        try:
            self.bed.run(self.host, "sh", "-ec", f"""
                rm -f {device}
                mknod -m 600 {device} b 7 {minor}
                mkdir -p {self.folder_there}
                mount {device} {self.folder_there}
                chmod 711 {self.folder_there}""")
        finally:
            subprocess.run(["losetup", "--detach", device], check=True)
        pid = (self.bed.dir / self.host / "pid").read_text().strip()
        self.storage = pathlib.Path(f"/proc/{pid}/root{self.folder_there}")

    def command(self, *words):
        """Children inherit it: what qemu-img or sf-services believe is no part of the test."""
        return [str(HOSTS), "exec", self.host, "--", *confined(), "env", f"LD_PRELOAD={FAKETIME}",
                f"FAKETIME_TIMESTAMP_FILE={self.clock}", "FAKETIME_CACHE_DURATION=1",
                "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1", *super().command(*words)[-1 - len(words):]]

    def environment(self, options=None, **variables):
        """An AddressSanitizer wants to be loaded before anything else; it works behind the clock, too."""
        made = super().environment(options, **variables)
        made["ASAN_OPTIONS"] = ":".join(filter(None, [made.get("ASAN_OPTIONS"),
                                                      "verify_asan_link_order=0"]))
        return made

    # ---- what systemd would do -------------------------------------------------------------------

    def bring_up(self):
        with self.lock:
            self.wanted = True
            if not self.running():
                self.start(wait=False)

    def bring_down(self, how):
        """`how` ends it; nobody starts it again before bring_up()."""
        with self.lock:
            self.wanted = False
            if self.running():
                how()

    def keep_up(self):
        """Starts it again if it has ended by itself; says how it ended."""
        with self.lock:
            if not self.wanted or self.running():
                return None
            status = self.process.returncode
            self.start(wait=False)
            return status

    def stop(self, seconds=30):
        try:
            return super().stop(seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.stacks()}") from None

    def stacks(self):
        """What its threads are at, as far as a debugger is there to tell."""
        pids = f"{self.process.pid},{self.pid}"
        said = [["ps", "-o", "pid,stat,wchan:30,args", "-p", pids]]
        if shutil.which("gdb"):
            said.append(["gdb", "-p", str(self.pid), "-batch", "-ex", "thread apply all bt 25"])
        return "".join(subprocess.run(command, text=True, stdin=subprocess.DEVNULL, check=False,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
                       for command in said)

    # ---- clock and disk --------------------------------------------------------------------------

    def set_clock(self, seconds):
        """The daemon's, beside the host's. Replaced whole, as it is read all the time."""
        new = self.clock.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.rename(self.clock)

    def fill_disk(self, to_reserve):
        """Once more: what has become free since then."""
        left = (RESERVE_GIB << 30) + (8 << 20) if to_reserve else 0
        with open(self.filler, "ab") as file:
            end, step = file.tell(), self.free() - left
            while step >= 4096:  # The file system needs some for itself: what is left is filled in halves.
                try:
                    os.posix_fallocate(file.fileno(), end, step)
                    end, step = end + step, self.free() - left
                except OSError:
                    step //= 2

    def empty_disk(self):
        self.filler.unlink(missing_ok=True)

    def free(self):
        stat = os.statvfs(self.storage)
        return stat.f_bavail * stat.f_frsize

    @property
    def filler(self):
        return self.storage / "filler"
