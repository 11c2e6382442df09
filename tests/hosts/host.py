# SPDX-License-Identifier: Apache-2.0
"""One test host: a tree of processes below a pid 1 of its own, in namespaces of its own.

Having its own pid namespace, a host ends by one SIGKILL to its pid 1: QEMU, containers, daemons,
mounts, links and tunnels all go with it, as if the power had failed. Its disk, a directory, stays.
"""

import os
import pathlib
import select
import signal
import subprocess
import time

import cgroups

HERE = pathlib.Path(__file__).resolve().parent
FREEZE_SECONDS = 20  # Longer than it takes on a machine that does much else.
NAMESPACES = ("pid", "mount", "uts", "net", "ipc", "cgroup")


class HostError(Exception):
    """What went wrong, in words for whoever typed the command."""


class Host:
    def __init__(self, bed, name):
        self.bed = bed
        self.name = name
        self.dir = bed.dir / name
        self.address = bed.address(name)
        self.cgroup = f"{bed.cgroup}/{name}"
        self.process = None  # of `unshare`, while this very program boots the host

    # ---- power ---------------------------------------------------------------------------------

    def boot(self):
        self.switch_on()
        self.plug_in()
        self.wait_until_up()

    def switch_on(self):
        """Starts pid 1, which makes the host's view of the machine and then waits for its cable."""
        if self.pid():
            raise HostError(f"{self.name} is up already")
        (self.dir / "log").mkdir(parents=True, exist_ok=True)
        cgroups.make(self.cgroup)
        with open(self.dir / "log/init.log", "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--fork", "--kill-child=KILL", *(f"--{n}" for n in NAMESPACES),
                 "--propagation", "private",
                 str(HERE.parent.parent / "vagrant/without-dead-kvm"), str(HERE / "init")],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd="/",
                env=self.environment(), start_new_session=True,
                preexec_fn=lambda: cgroups.enter(self.cgroup))

    def plug_in(self):
        """Connects the host to the underlay, as soon as it is there to be connected."""
        pid = int(self.expect("ready", 20))
        (self.dir / "pid").write_text(str(pid))
        cgroups.settle(self.cgroup)
        if self.name == "infra":
            self.in_network(f"""
                ip link add under address {self.mac} type bridge stp_state 0 forward_delay 0
                ip addr add {self.address}/24 dev under
                ip link set under up""")
            return
        self.bed.host("infra").in_network(f"""
            ip link del {self.cable} 2>/dev/null || true
            ip link add {self.cable} type veth peer name eth0 address {self.mac} netns {pid}
            ip link set {self.cable} master under up""")
        self.in_network(f"""
            ip addr add {self.address}/24 dev eth0
            ip link set eth0 up
            ip route add default via {self.bed.address("infra")}""")

    def wait_until_up(self):
        self.process.stdin.write(b"go\n")
        self.process.stdin.flush()
        self.expect("up", 60)

    def crash(self):
        """The power fails."""
        pid = self.pid()
        if not pid:
            raise HostError(f"{self.name} is not up")
        if self.frozen():
            self.bed.cuts().heal(self)
        os.kill(pid, signal.SIGKILL)
        cgroups.kill_and_remove(self.cgroup)
        (self.dir / "pid").unlink()

    def freeze(self):
        """Stops every process, and the kernel's part, too: what answers by itself is cut off."""
        if not self.pid():
            raise HostError(f"{self.name} is not up")
        self.bed.cuts().add(self)
        deadline = time.monotonic() + FREEZE_SECONDS
        # Some fork meanwhile. Whoever has entered the host stops itself with what it runs there: if we
        # stopped it, just before that, it would do so after the thaw, for good.
        while going := {pid for pid in cgroups.processes(self.cgroup) if not is_stopped(pid)}:
            signal_all({pid for pid in going if command_name(pid) != "nsenter"}, signal.SIGSTOP)
            if time.monotonic() > deadline:
                raise HostError(f"{self.name}: these go on: {sorted(map(command_name, going))}")
            time.sleep(0.005)

    def thaw(self):
        """Lets it go on, and heals all that is cut of it."""
        signal_all(cgroups.processes(self.cgroup), signal.SIGCONT)
        self.bed.cuts().heal(self)

    def thaw_daemon(self, name):
        self.daemons("thaw", name)
        # Whoever has entered the host to run it has stopped itself with it.
        signal_all([pid for pid in cgroups.processes(self.cgroup)
                    if command_name(pid) == "nsenter"], signal.SIGCONT)

    def frozen(self):
        pid = self.pid()
        return pid and is_stopped(pid)

    def expect(self, word, seconds):
        """The rest of the line with which pid 1 says `word`; its silence or end is an error."""
        deadline, line = time.monotonic() + seconds, b""
        pipe = self.process.stdout.fileno()
        while not line.endswith(b"\n"):
            if not select.select([pipe], [], [], max(0, deadline - time.monotonic()))[0]:
                raise HostError(f"{self.name} not {word} after {seconds} s\n{self.last_words()}")
            piece = os.read(pipe, 1)
            if not piece:
                raise HostError(f"{self.name} ended before it was {word}\n{self.last_words()}")
            line += piece
        said, _, rest = line.decode().strip().partition(" ")
        if said != word:
            raise HostError(f"{self.name} said '{said}' instead of '{word}'\n{self.last_words()}")
        return rest

    def last_words(self):
        logs = sorted((self.dir / "log").glob("*.log"))
        return "\n".join(f"-- {log}\n{log.read_text(errors='replace')[-2000:]}" for log in logs)

    # ---- what it is, and what is run in it -----------------------------------------------------

    @property
    def mac(self):
        """The same after a reboot, as on any host: its neighbours remember it. (A bridge without an
        address of its own takes that of one of its ports, and changes it when they come and go.)"""
        return "02:53:46:{:02x}:{:02x}:{:02x}".format(*map(int, self.address.split(".")[1:]))

    @property
    def cable(self):
        """The infra end of its underlay cable."""
        return f"u-{self.name}"

    def pid(self):
        """The pid 1 of the host as the machine knows it, or None when it is down."""
        try:
            pid = int((self.dir / "pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if cgroups.holds(self.cgroup, pid) else None  # a pid may have been used again

    def environment(self):
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "HOST_NAME": self.name,
            "HOST_DIR": str(self.dir),
            "HOST_ADDRESS": self.address,
            "HOST_DOCKER": "1" if self.bed.docker and self.name != "infra" else "",
            "HOST_CGROUPS": " ".join(f"{h.mount}:{h.type}:{h.options}"
                                     for h in cgroups.hierarchies()),
            "BED_HOSTS": " ".join(f"{h.address}={h.name}" for h in self.bed.all()),
            "BED_SUBNET": self.bed.prefix + ".%",
        }

    def in_network(self, script, **options):
        """Runs shell lines in the host's network namespace, but with the machine's files and pids."""
        pid = self.pid()
        if not pid:
            raise HostError(f"{self.name} is not up")
        return self.run(["nsenter", "--target", str(pid), "--net", "sh", "-ec", script], **options)

    def daemons(self, *words, script="daemons"):
        """Has `daemons`, or another script beside it, do something inside the host."""
        self.run(self.entering([str(HERE / script), *words]), env=self.environment(),
                 preexec_fn=lambda: cgroups.enter(self.cgroup))

    def run(self, command, **options):
        done = subprocess.run(command, **options)
        if done.returncode != 0:
            raise HostError(f"{self.name}: this failed: {' '.join(command)}")
        return done

    def exec(self, command):
        """Becomes `command`, inside the host, in the same directory."""
        argv = self.entering(command, os.getcwd())
        cgroups.enter(self.cgroup)
        os.execvp(argv[0], argv)

    def entering(self, command, directory="/"):
        pid = self.pid()
        if not pid:
            raise HostError(f"{self.name} is not up")
        return ["nsenter", "--target", str(pid), *(f"--{n}" for n in NAMESPACES),
                f"--wdns={directory}", "--", *command]


def signal_all(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def is_stopped(pid):
    """Or gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "TZX"
    except OSError:
        return True


def command_name(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
