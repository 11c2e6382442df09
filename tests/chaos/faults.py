# SPDX-License-Identifier: Apache-2.0
"""Has faults happen, as they were dealt: each hand plays one after the other, all hands at once."""

import contextlib
import threading
import time

from schedule import PARTS


class Faults:
    """`log(text)` is told what begins and what has ended."""

    def __init__(self, nodes, log):
        self.nodes = {node.host: node for node in nodes}
        self.bed = nodes[0].bed
        self.log = log
        self.whole = {"database": threading.Lock()}
        self.whole.update((f"{host}/{part}", threading.Lock())
                          for host in self.nodes for part in PARTS)
        self.hurt = {}   # by what faults need: when it was last broken; "inf" while it is
        self.called_off = threading.Event()
        self.failed = []  # what our own tools could not do

    def play(self, hands, until):
        """Until all are played, or it is late; everything is whole again then."""
        threads = [threading.Thread(target=self.play_hand, args=(hand, until)) for hand in hands]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        finally:  # All is called off: what is broken is mended first.
            self.called_off.set()
            for thread in threads:
                thread.join()

    def play_hand(self, hand, until):
        for fault in hand:
            if self.called_off.wait(fault.pause) or time.monotonic() >= until:
                return
            try:
                self.play_fault(fault)
            except Exception as error:  # pylint: disable=broad-except
                self.failed.append(f"{fault}: {error!r}")

    def play_fault(self, fault):
        begin, end = self.acts(fault)
        with contextlib.ExitStack() as held:
            for name in fault.needs():
                held.enter_context(self.whole[name])
            self.log(f"fault: {fault}")
            self.mark(fault, float("inf"))
            try:
                begin()
                self.called_off.wait(fault.seconds)
            finally:
                end()
                self.mark(fault, time.monotonic())
                self.log(f"over:  {fault}")

    def mark(self, fault, when):
        for name in fault.needs():
            self.hurt[name] = when

    def untouched(self, names, seconds):
        """Whether none of these was broken within the last so many seconds."""
        now = time.monotonic()
        return all(now - self.hurt.get(name, 0) > seconds for name in names)

    # ---- what each one does ----------------------------------------------------------------------

    def acts(self, fault):
        """(begin, end)"""
        node, host, hosts = self.nodes[fault.host], fault.host, self.bed.hosts
        what, _, how = fault.name.partition(" ")
        if what in ("libvirtd", "virtlogd", "dockerd"):
            if how == "frozen":
                return lambda: hosts("freeze", host, what), lambda: hosts("thaw", host, what)
            return lambda: hosts("kill", host, what), lambda: hosts("start", host, what)
        if what == "database":
            verb, undo = {"killed": ("kill", "start"), "stopped": ("stop", "start"),
                          "frozen": ("freeze", "thaw")}[how]
            return lambda: hosts("db", verb), lambda: hosts("db", undo)
        if fault.kind.needs == ("net",):
            return lambda: hosts("cut", host, *self.cut(fault)), lambda: hosts("heal", host)
        if fault.name == "host frozen":
            return lambda: self.freeze_host(node), lambda: hosts("thaw", host)
        return {
            "power failure": (lambda: self.power_off(node), lambda: self.power_on(node)),
            "sf-node killed": (lambda: node.bring_down(node.kill), node.bring_up),
            "sf-node stopped": (lambda: node.bring_down(lambda: node.stop(60)), node.bring_up),
            "sf-node frozen": (lambda: self.freeze(node), node.thaw),
            "QEMU killed": (lambda: self.kill_qemu(node, fault), lambda: None),
            "disk at its reserve": (lambda: node.fill_disk(True), node.empty_disk),
            "disk full": (lambda: node.fill_disk(False), node.empty_disk),
            "clock jumps": (lambda: node.set_clock(fault.jump), lambda: node.set_clock(0)),
        }[fault.name]

    def cut(self, fault):
        return {
            "cut off": (), "cut off, hears nothing": ("--in",), "cut off, not heard": ("--out",),
            "cut off from gossip": ("--port", self.nodes[fault.host].options["GOSSIP_PORT"]),
            "cut off from the database": ("infra", "--port", "3306"),
            "cut off from one other": (fault.peer,),
            "a third of all frames lost": ("--percent", "33"),
        }[fault.name]

    def kill_qemu(self, node, fault):
        """Of one of the instances there."""
        if running := self.bed.run(node.host, "sh", "-c", "pgrep qemu-system || true").split():
            victim = running[int(fault.pause * 1000) % len(running)]
            self.bed.run(node.host, "sh", "-c", f"kill -KILL {victim} || true")

    def freeze(self, node):
        with node.lock:
            if node.running():
                node.freeze()

    def freeze_host(self, node):
        with node.lock:  # Nobody is just being started there.
            self.bed.hosts("freeze", node.host)

    def power_off(self, node):
        def fail():
            self.bed.hosts("crash", node.host)
            node.ended()

        with node.lock:
            if node.running():
                node.bring_down(fail)
            else:
                node.wanted = False
                self.bed.hosts("crash", node.host)

    def power_on(self, node):
        self.bed.hosts("boot", node.host)
        node.plug_in_disk()
        node.bring_up()
