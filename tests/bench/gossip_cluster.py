# SPDX-License-Identifier: Apache-2.0
"""A cluster of one implementation, as tests/bench/gossip.py sees it: from outside.

Each cluster has a network namespace of its own, with nothing in it but the loopback device, where
member i is 127.1.x.y:7946. The program that hosts a member (README.md tells of its protocol) stamps
what the member sees; all that is done to members is done by the kernel.
"""

import concurrent.futures
import ctypes
import itertools
import json
import os
import random
import re
import selectors
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field

import processes

CLONE_NEWNET = 0x40000000
PORT = 7946
JOINERS = 8  # members that are started at the same time
JOIN_SECONDS = 60
ANSWER_SECONDS = 30
# What the kernel has thrown away at the receiving side; at the sending side, the sender would know.
RULES = """
table ip bench {
  counter udp_sent { }
  counter tcp_sent { }
  chain silent { }
  chain loss { }
  chain sent {
    type filter hook output priority 0;
    meta l4proto udp counter name udp_sent
    meta l4proto tcp counter name tcp_sent
  }
  chain received { type filter hook input priority 0; jump silent; jump loss; }
}
"""


@dataclass(frozen=True)
class Kind:
    """An implementation, and the command that hosts a member of it (or all, if shared)."""
    name: str
    command: tuple
    is_shared: bool = False
    is_ours: bool = False


@dataclass
class Member:
    index: int
    process: subprocess.Popen
    pid: int = 0
    is_living: bool = False
    sees: dict = field(default_factory=dict)  # whom, since when
    verdicts: dict = field(default_factory=dict)  # of whom: {"F" or "D": when}

    @property
    def address(self):
        return f"127.1.{self.index // 200}.{self.index % 200 + 1}"


class Cluster:
    def __init__(self, kind, size):
        self.kind, self.size = kind, size
        self.members = []
        self.heard = {}  # of a broadcast: {member: when}
        self.wrong = []  # (when, observer, subject, "F" or "D"): verdicts on the living
        self.samples = {}
        self.lock = threading.Lock()  # of all the above
        self.answers, self.tags = {}, itertools.count()
        self.remainders, self.selector = {}, selectors.DefaultSelector()
        self.is_open, self.host = True, None
        with concurrent.futures.ThreadPoolExecutor(1) as maker:
            self.namespace = maker.submit(make_namespace).result()
        # What has to happen in the namespace.
        self.inside = concurrent.futures.ThreadPoolExecutor(JOINERS, initializer=self.enter)
        self.nft(RULES)
        threading.Thread(target=self.listen, daemon=True).start()

    def enter(self):
        system_call("setns", self.namespace, CLONE_NEWNET)

    def close(self):
        self.is_open = False
        processes = {id(m.process): m.process for m in self.members if m.process}.values()
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
        self.inside.shutdown()
        os.close(self.namespace)

    def sample(self, measure, value):
        self.samples.setdefault(measure, []).append(value)

    # ---- members -----------------------------------------------------------------------------

    def living(self):
        return [m for m in self.members if m.is_living]

    def pick(self):
        """Anyone but the seed."""
        return random.choice(self.living()[1:])

    def start(self):
        with self.lock:
            member = Member(len(self.members), self.host)
            self.members.append(member)
        if member.process is None:
            member.process = self.inside.submit(self.spawn).result()
        answer = self.ask(member, "START", f"m{member.index} {member.address} {PORT}")
        member.pid = int(re.search(r"pid=(\d+)", answer)[1])
        member.is_living = True
        return member

    def spawn(self):
        process = subprocess.Popen(self.kind.command, stdin=subprocess.PIPE, bufsize=0,
                                   stdout=subprocess.PIPE)
        self.selector.register(process.stdout.fileno(), selectors.EVENT_READ, process)
        if self.kind.is_shared:
            self.host = process
        return process

    def join(self, member):
        """Again and again: under load, theirs give up now and then."""
        deadline = time.monotonic() + JOIN_SECONDS
        while True:
            try:
                return self.ask(member, "JOIN", f"{self.members[0].address}:{PORT}")
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.25)

    def ask(self, member, verb, arguments):
        question = f"{verb} {member.index} {arguments}"
        tag, answer = str(next(self.tags)), concurrent.futures.Future()
        self.answers[tag] = answer
        member.process.stdin.write(f"{tag} {question}\n".encode())
        try:
            text = answer.result(ANSWER_SECONDS)
        except concurrent.futures.TimeoutError:
            text = "no answer"
        if not text.startswith("OK"):
            raise RuntimeError(f"{self.kind.name}: {question}: {text}")
        return text

    # ---- listening ---------------------------------------------------------------------------

    def listen(self):
        while self.is_open:
            for key, _ in self.selector.select(0.5):
                arrived = os.read(key.fd, 1 << 16)
                if not arrived:
                    self.selector.unregister(key.fd)
                    self.remainders.pop(key.fd, None)
                    continue
                whole = self.remainders.get(key.fd, b"") + arrived
                *lines, self.remainders[key.fd] = whole.split(b"\n")
                with self.lock:
                    for line in lines:
                        self.take(line.decode())

    def take(self, line):
        words = line.split(" ", 4)
        if words[0] == "R":
            self.answers.pop(words[1]).set_result(" ".join(words[2:]))  # asked by ask()
        elif words[0] == "E":
            when, observer, kind, what = int(words[1]), int(words[2]), words[3], words[4]
            if kind == "M":
                self.heard.setdefault(what, {}).setdefault(observer, when)
            elif what != f"m{observer}":
                self.see(when, self.members[observer], kind, int(what[1:]))

    def see(self, when, observer, kind, subject):
        if kind == "J":
            observer.sees[subject] = when
            observer.verdicts.pop(subject, None)
            return
        observer.sees.pop(subject, None)
        verdicts = observer.verdicts.setdefault(subject, {})
        # Who has one verdict only gives both at once; who is dead cannot be reached either.
        for verdict in "FD" if kind == "D" or not self.kind.is_ours else "F":
            if verdict not in verdicts:
                verdicts[verdict] = when
                if observer.is_living and self.members[subject].is_living:
                    self.wrong.append((when, observer.index, subject, verdict))

    # ---- waiting -----------------------------------------------------------------------------

    def wait(self, seconds, find):
        """What `find` returns as soon as it is something, or None."""
        deadline = time.monotonic() + seconds
        while True:
            with self.lock:
                found = find()
            if found is not None or time.monotonic() > deadline:
                return found
            time.sleep(0.01)

    def all_see_all(self):
        """Since when every living member sees every other."""
        living = self.living()
        others = [m.index for m in living]
        last = 0
        for member in living:
            if len(member.sees) < len(living) - 1:
                return None
            for index in others:
                if index != member.index:
                    if index not in member.sees:
                        return None
                    last = max(last, member.sees[index])
        return last

    def known_by_all(self, subject):
        times = [m.sees.get(subject.index) for m in self.living() if m is not subject]
        return None if None in times else max(times)

    def verdict_of_all(self, subjects, verdict):
        """(first, last) time of it, if every living member has given it on each of them."""
        times = []
        for member in self.living():
            for subject in subjects:
                when = member.verdicts.get(subject.index, {}).get(verdict)
                if when is None:
                    return None
                times.append(when)
        return min(times), max(times)

    # ---- what is done to members ---------------------------------------------------------------

    def kill(self, victims):
        """Ends processes; their kernel lives and answers for them."""
        for victim in victims:
            victim.is_living = False
        for victim in victims:
            os.kill(victim.pid, signal.SIGKILL)

    def silence(self, victims):
        """Ends hosts: nothing comes from there any more, not even an error."""
        for victim in victims:
            victim.is_living = False
        addresses = ", ".join(victim.address for victim in victims)
        self.nft(f"add rule ip bench silent ip saddr {{ {addresses} }} drop\n"
                 f"add rule ip bench silent ip daddr {{ {addresses} }} drop")
        for victim in victims:
            os.kill(victim.pid, signal.SIGKILL)

    def lose(self, percent, member=None):
        """Loss on every link, or on all that lead to and from one member."""
        ends = [f"ip {end} {member.address}" for end in ("saddr", "daddr")] if member else [""]
        self.nft("\n".join(f"add rule ip bench loss {end} numgen random mod 100 < {percent} drop"
                           for end in ends))

    def lose_nothing(self):
        self.nft("flush chain ip bench loss")

    def nft(self, script):
        self.inside.submit(run, ["nft", "-f", "-"], script).result()

    # ---- what they cost -------------------------------------------------------------------------

    def sent(self):
        """{"udp_sent" or "tcp_sent": (packets, bytes of IP)} of all members since they began."""
        listed = json.loads(self.inside.submit(run, ["nft", "-j", "list", "counters"]).result())
        counters = [each["counter"] for each in listed["nftables"] if "counter" in each]
        return {c["name"]: (c["packets"], c["bytes"]) for c in counters}

    def pids(self):
        return {m.pid for m in self.living()}

    def cpu_seconds(self):
        return sum(processes.cpu_seconds(pid) for pid in self.pids())

    def memory(self, kind):
        """Of all its processes, in kB: Rss or Pss."""
        return int(processes.memory_of(*self.pids()).sum(kind) * 1024)


def make_namespace():
    system_call("unshare", CLONE_NEWNET)
    run(["ip", "link", "set", "lo", "up"])
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def system_call(name, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


def run(command, text=""):
    return subprocess.run(command, input=text, check=True, stdout=subprocess.PIPE, text=True).stdout
