#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""A client that wants too much: flood KIND ADDRESS PORT SECONDS CONNECTIONS, with what it sends on standard
input, as JSON: `head` first, then `part` as often as there is time for it.

    hold    opens connections, and another for each that is closed
    drip    sends a byte a second on each
    ask     sends requests without end, and reads the answers
    deaf    sends requests, and reads nothing
    pour    sends without end, whatever is answered, and reads that at the end
    udp     sends datagrams of random bytes

Prints as JSON how many connections it opened, how many were closed, the bytes sent and received, and of the
answers how many began with which status."""

import collections
import json
import os
import re
import resource
import select
import socket
import sys
import time

PIECE = 1 << 16


class Flood:
    def __init__(self, kind, address, port, count, head, part):
        self.kind = kind
        self.target = (address, port)
        self.count = count
        self.head = head
        self.part = part
        self.open = {}  # by descriptor: [socket, what is still to be sent]
        self.poll = select.epoll()
        self.figures = collections.Counter()
        self.statuses = collections.Counter()

    def run(self, seconds):
        end = time.monotonic() + seconds
        due = time.monotonic()
        while time.monotonic() < end:
            # A burst at a time, as the kernel's backlog is no longer than that.
            for _ in range(min(500, self.count - len(self.open))):
                self.connect()
            for number, events in self.poll.poll(0.05, 1000):
                self.go_on(number, events)
            if self.kind == "drip" and time.monotonic() >= due:
                due += 1
                for number in list(self.open):
                    self.send(number, 1)

    def connect(self):
        one = socket.socket()
        one.setblocking(False)
        if self.kind == "deaf":
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect_ex(self.target)
        self.open[one.fileno()] = [one, self.head]
        wanted = 0 if self.kind == "deaf" else select.EPOLLIN
        self.poll.register(one, wanted | (0 if self.kind in ("hold", "drip") else select.EPOLLOUT))
        self.figures["opened"] += 1

    def go_on(self, number, events):
        if number not in self.open:
            return
        if events & (select.EPOLLERR | select.EPOLLHUP):
            return self.close(number)
        if events & select.EPOLLOUT:
            self.send(number, PIECE)
        if events & select.EPOLLIN and number in self.open:
            self.receive(number)

    def send(self, number, most):
        one, left = self.open[number]
        if not left:
            left = self.part
        if not left:
            return self.poll.modify(number, 0 if self.kind == "deaf" else select.EPOLLIN)
        try:
            sent = one.send(left[:most])
        except BlockingIOError:
            return None
        except OSError:
            return self.receive(number) if self.kind == "pour" else self.close(number)
        self.figures["sent"] += sent
        self.open[number][1] = left[sent:]

    def receive(self, number):
        try:
            data = self.open[number][0].recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.figures["received"] += len(data)
        for status in re.findall(rb"HTTP/1\.1 (\d+)", data):
            self.statuses[status.decode()] += 1
        if not data:
            self.close(number)

    def close(self, number):
        self.figures["closed"] += 1
        self.poll.unregister(number)
        self.open.pop(number)[0].close()


def send_datagrams(target, seconds):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end, sent = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        for size in (1, 40, 200, 1400):
            try:
                one.sendto(os.urandom(size), target)
                sent += 1
            except OSError:
                pass
    return {"sent": sent}


def main(kind, address, port, seconds, count):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    words = json.load(sys.stdin)
    if kind == "udp":
        print(json.dumps(send_datagrams((address, int(port)), float(seconds))))
        return
    flood = Flood(kind, address, int(port), int(count), words.get("head", "").encode(),
                  words.get("part", "").encode() * words.get("times", 1))
    flood.run(float(seconds))
    print(json.dumps({**flood.figures, "statuses": flood.statuses}))


if __name__ == "__main__":
    main(*sys.argv[1:])
