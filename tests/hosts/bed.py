# SPDX-License-Identifier: Apache-2.0
"""A bed: some test hosts, and `infra` with database and web server, on one underlay network."""

import contextlib
import fcntl
import json
import os
import pathlib
import subprocess
import time

import cgroups
from cuts import Cuts
from host import Host, HostError

CLAIMS = pathlib.Path("/run")  # shakenfist-bed-NUMBER is a link to the directory of its owner
SQL_USER, SQL_PASSWORD, SQL_DATABASE = "sf", "sfpass", "sf"


class Bed:
    """The bed whose state is in `directory`: every command begins by reading it from there.

    Several beds may be up at once: all that two of them could quarrel about (addresses, cgroups,
    links) is named after a number, and each holds a number of its own while it is up.
    """

    def __init__(self, directory):
        self.dir = pathlib.Path(directory).resolve()
        try:
            kept = json.loads((self.dir / "bed.json").read_text())
        except (OSError, ValueError):
            kept = {}
        self.number = kept.get("number")
        self.size = kept.get("size", 0)
        self.docker = kept.get("docker", False)
        self.linked = kept.get("linked", False)

    # ---- verbs ---------------------------------------------------------------------------------

    def clear(self):
        """Removes what is left of a bed that is no longer up; one that is up is an error."""
        if any(host.pid() for host in self.all()):
            raise HostError(f"the bed in {self.dir} is up already")
        self.down()

    def up(self, size, docker, linked):
        self.size, self.docker, self.linked = size, docker, linked
        self.claim_number()
        (self.dir / "infra/www").mkdir(parents=True)
        infra, *hosts = self.all()
        infra.boot()
        if linked:
            self.link_machine()
        # Each step for all of them, so that they boot side by side.
        for step in (Host.switch_on, Host.plug_in, Host.wait_until_up):
            for host in hosts:
                step(host)

    def down(self):
        """Ends everything and removes its traces, whatever state a crash may have left them in."""
        if self.number is None:
            return
        if self.holds_number():  # Else nothing that bears our number is ours.
            cgroups.kill_and_remove(self.cgroup)
            subprocess.run(["ip", "link", "del", self.machine_link], stderr=subprocess.DEVNULL)
            self.claim_link.unlink()
        # No mount of the hosts is seen from here; --one-file-system is for the day when that is
        # wrong.
        subprocess.run(["rm", "-rf", "--one-file-system", str(self.dir)], check=True)
        self.number = None

    # ---- names and addresses -------------------------------------------------------------------

    @property
    def cgroup(self):
        return f"shakenfist-bed-{self.number}"

    @property
    def prefix(self):
        return f"10.213.{self.number}"

    @property
    def machine_link(self):
        """The end, in the machine's own network namespace, of the cable that `--link` lays."""
        return f"sf-bed-{self.number}"

    def address(self, name):
        return f"{self.prefix}.{ {'infra': 254, 'machine': 253}.get(name) or int(name[1:])}"

    def host(self, name):
        if name not in [host.name for host in self.all()]:
            raise HostError(f"there is no host {name} in {self.dir}")
        return Host(self, name)

    def all(self):
        """`infra` first: the others need its bridge."""
        if self.number is None:
            return []
        return [Host(self, "infra"), *(Host(self, f"h{i}") for i in range(1, self.size + 1))]

    def cuts(self):
        return Cuts(self)

    def settings(self):
        """What scripts want to know, as shell variables."""
        infra = self.address("infra")
        return {
            "BED_DIR": str(self.dir),
            "BED_INFRA": infra,
            "BED_MACHINE": self.address("machine") if self.linked else "",
            "BED_HOSTS": " ".join(host.address for host in self.all()[1:]),
            "BED_SQL_URL": f"mysql://{SQL_USER}:{SQL_PASSWORD}@{infra}/{SQL_DATABASE}",
            "BED_WWW_URL": f"http://{infra}",
            "BED_WWW_DIR": str(self.dir / "infra/www"),
        }

    # ---- making it -----------------------------------------------------------------------------

    @property
    def claim_link(self):
        return CLAIMS / self.cgroup

    def holds_number(self):
        return self.claim_link.is_symlink() and self.claim_link.readlink() == self.dir

    def claim_number(self):
        self.dir.mkdir(parents=True, exist_ok=True)  # clear() may just have removed it
        if any(self.dir.iterdir()):
            raise HostError(f"{self.dir} is not empty and not a bed: choose another SF_HOSTS_DIR")
        with lock(CLAIMS):
            for self.number in range(1, 250):
                # The number is written down first: a claim whose owner does not say so is left
                # over.
                self.save()
                if self.claim_link.is_symlink():
                    if Bed(self.claim_link.readlink()).number == self.number:
                        continue
                    self.claim_link.unlink()
                self.claim_link.symlink_to(self.dir)
                return
        raise HostError("no bed number is free: see /run/shakenfist-bed-*")

    def save(self):
        kept = {name: getattr(self, name) for name in ("number", "size", "docker", "linked")}
        (self.dir / "bed.json").write_text(json.dumps(kept))

    def link_machine(self):
        infra, link = self.host("infra"), self.machine_link
        for command in (f"link add {link} type veth peer name u-machine netns {infra.pid()}",
                        f"addr add {self.address('machine')}/24 dev {link}",
                        f"link set {link} up"):
            subprocess.run(["ip", *command.split()], check=True)
        infra.in_network("ip link set u-machine master under up")


@contextlib.contextmanager
def lock(directory, seconds=180):
    """Holds the one lock of a directory; waits for whoever holds it now."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    deadline = time.monotonic() + seconds
    try:
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise HostError(f"another command is busy with {directory} for {seconds} s now")
                time.sleep(0.05)
        yield
    finally:
        os.close(fd)
