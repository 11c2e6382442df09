# SPDX-License-Identifier: Apache-2.0
"""The control groups of test hosts: BED/HOST in every hierarchy the machine has, version 1 or 2.

They do more than account. A process cannot leave its cgroup by forking, so they know every process
of a host, whatever became of the programs that started it: this is what makes `down` complete.
"""

import os
import pathlib
import signal
import time
from typing import NamedTuple

# A version 2 cgroup holds processes or passes controllers on to its children, never both. A host
# must do the latter, for libvirt's and Docker's own cgroups, so what runs in it directly lives in
# a leaf.
LEAF = "init"


class Hierarchy(NamedTuple):
    mount: pathlib.Path
    version: int
    options: str  # what mount(8) needs to mount it a second time

    @property
    def type(self):
        return "cgroup" if self.version == 1 else "cgroup2"


def hierarchies():
    found = []
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        mount, (kind, _, options) = fields.split()[4], rest.split()
        if not mount.startswith("/sys/fs/cgroup") or kind not in ("cgroup", "cgroup2"):
            continue
        if kind == "cgroup2":
            found.append(Hierarchy(pathlib.Path(mount), 2, ""))
            continue
        common = ("rw", "ro", "xattr", "noprefix", "clone_children", "cpuset_v2_mode")
        own = [o for o in options.split(",") if o not in common and not o.startswith("release_")]
        named = own[0].startswith("name=")
        found.append(Hierarchy(pathlib.Path(mount), 1, ",".join(["none"] * named + own)))
    if not found:
        raise RuntimeError("no cgroup file system below /sys/fs/cgroup: hosts cannot be kept apart")
    return found


def make(group):
    """Makes BED/HOST in every hierarchy."""
    for hierarchy in hierarchies():
        path = hierarchy.mount
        for part in pathlib.Path(group).parts:
            if hierarchy.version == 2:
                pass_controllers_on(path)
            path = path / part
            path.mkdir(exist_ok=True)
            # A version 1 cpuset is born empty and refuses tasks until it is told what it may use.
            for file in ("cpuset.cpus", "cpuset.mems"):
                if hierarchy.version == 1 and (path / file).exists():
                    (path / file).write_text((path.parent / file).read_text())
        # From here on it is told so at once: libvirt, whose first two domains are started together,
        # would put one into a group that is still empty, "No space left on device".
        if (path / "cpuset.cpus").exists() and hierarchy.version == 1:
            (path / "cgroup.clone_children").write_text("1")


def pass_controllers_on(path):
    for controller in (path / "cgroup.controllers").read_text().split():
        try:
            (path / "cgroup.subtree_control").write_text("+" + controller)
        except OSError:
            pass  # In use by version 1, or not ours to give: the host does without.


def enter(group):
    """Moves the calling process into the group."""
    for hierarchy in hierarchies():
        top = hierarchy.mount / group
        leaf = top / LEAF
        ((leaf if leaf.exists() else top) / "cgroup.procs").write_text("0")


def settle(group):
    """Moves what runs in the group to its leaf, once the group is a cgroup namespace's root."""
    for hierarchy in hierarchies():
        if hierarchy.version == 2:
            top = hierarchy.mount / group
            (top / LEAF).mkdir()
            for pid in (top / "cgroup.procs").read_text().split():
                (top / LEAF / "cgroup.procs").write_text(pid)
            pass_controllers_on(top)


def holds(group, pid):
    try:
        return f"/{group}/" in pathlib.Path(f"/proc/{pid}/cgroup").read_text().replace("\n", "/\n")
    except OSError:
        return False


def processes(group):
    found = set()
    for hierarchy in hierarchies():
        # Groups go away while they are read: os.walk bears it, rglob does not.
        for folder, _, _ in os.walk(hierarchy.mount / group):
            try:
                text = pathlib.Path(folder, "cgroup.procs").read_text()
            except OSError:
                continue
            found.update(int(pid) for pid in text.split())
    return found


def kill_and_remove(group, seconds=20):
    """Ends every process of the group and removes it, with all groups below it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for pid in processes(group):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if remove(group):
            return
        time.sleep(0.02)
    raise RuntimeError(f"processes {sorted(processes(group))} of {group} do not end")


def remove(group):
    gone = True
    for hierarchy in hierarchies():
        top = hierarchy.mount / group
        for path in sorted((top, *top.rglob("*/")), reverse=True):  # children before their parents
            try:
                path.rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                gone = False
    return gone
