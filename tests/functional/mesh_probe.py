#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Asks a mesh what guests ask, five times a second, and prints who answers: mesh_probe VNI GATEWAY MAC.

Runs on a host that has an end of the mesh, until its standard input is closed. It asks by ARP for
the gateway, and by DHCP for the address of a guest, who has this MAC and does not notice. Each
answer is a line of JSON, [seconds of CLOCK_MONOTONIC, "arp" or "dhcp", node]: the address of the
node that it came from through VXLAN, or "here" if it came from this host's own leg.
"""

import contextlib
import ctypes
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time

PERIOD = 0.2
ALL, PROBE = b"\xff" * 6, bytes.fromhex("025346ffffff")
XID = os.urandom(4)  # tells our answers from those to the guest itself
ETH_IP, ETH_ARP, VXLAN_PORT = 0x0800, 0x0806, 4789
SO_ATTACH_FILTER = 26


def main(vni, gateway, mac):
    everything = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    take_only_answers(everything, vni)
    questions = [ask_where_is(gateway), ask_for_address_of(mac)]
    with port_of_mesh("ask", vni) as link:
        ask(everything, link, questions, f"sf-leg-{vni:06x}", vni)


@contextlib.contextmanager
def port_of_mesh(name, vni):
    """A port of the mesh's bridge, by the link at its far end."""
    ends = f"{name}-{vni:06x}", f"sf-{name}-{vni:06x}"
    subprocess.run(["ip", "-batch", "-"], check=True, text=True, input=f"""
        link add {ends[0]} type veth peer name {ends[1]} address {PROBE.hex(":")}
        link set {ends[0]} addrgenmode none master br-vxlan-{vni:06x} up
        link set {ends[1]} addrgenmode none up""")
    try:
        yield ends[1]
    finally:
        subprocess.run(["ip", "link", "del", ends[0]], check=True)


def ask(everything, link, questions, leg, vni):
    due = time.monotonic()
    while True:
        readable = select.select([everything, sys.stdin], [], [], max(0, due - time.monotonic()))[0]
        if sys.stdin in readable:
            return
        if everything in readable:
            frame, (name, _, kind, *_) = everything.recvfrom(2048)
            if kind != socket.PACKET_OUTGOING and (answer := read(frame, name, leg, vni)):
                print(json.dumps([round(time.monotonic(), 3), *answer]), flush=True)
        if time.monotonic() >= due:
            due += PERIOD
            for question in questions:
                everything.sendto(question, (link, 0))


def take_only_answers(everything, vni):
    """A flood of another mesh that passes by would fill the socket's buffer, and its answers be lost there."""
    program = subprocess.run(
        ["tcpdump", "-y", "EN10MB", "-ddd",
         f"ether[0:4] = 0x{PROBE[:4].hex()} or (udp src port 67 and udp[12:4] = 0x{XID.hex()}) or"
         f" (udp dst port {VXLAN_PORT} and udp[12:4] >> 8 = {vni})"],
        check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines()[1:]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *map(int, line.split()))
                                                for line in program))
    everything.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                          struct.pack("HP", len(program), ctypes.addressof(code)))


# ---- frames ------------------------------------------------------------------------------------


def ask_where_is(gateway):
    """From nobody's address, so that nobody learns one."""
    return ALL + PROBE + struct.pack("!HHHBBH6s4s6s4s", ETH_ARP, 1, ETH_IP, 6, 4, 1, PROBE,
                                     bytes(4), bytes(6), socket.inet_aton(gateway))


def ask_for_address_of(mac):
    """A DHCPDISCOVER. Its answer is to be broadcast, as it is the guest's."""
    broadcast = 0x8000
    message = struct.pack("!BBBB4sHH16s16s192s4s", 1, 1, 6, 0, XID, 0, broadcast, bytes(16),
                          bytes.fromhex(mac.replace(":", "")), bytes(192), b"\x63\x82\x53\x63")
    message += b"\x35\x01\x01\xff"
    udp = struct.pack("!HHHH", 68, 67, 8 + len(message), 0) + message
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0,
                     bytes(4), ALL[:4])
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return ALL + PROBE + struct.pack("!H", ETH_IP) + ip + udp


def checksum(header):
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def read(frame, name, leg, vni):
    """What a frame on link `name` is: ("arp" or "dhcp", who sent it), or None."""
    if name == leg:
        kind = answer_in(frame)
        return kind and (kind, "here")
    udp = payload(frame)
    if udp and struct.unpack("!H", udp[2:4])[0] == VXLAN_PORT and \
            int.from_bytes(udp[12:15], "big") == vni and (kind := answer_in(udp[16:])):
        return kind, socket.inet_ntoa(frame[26:30])
    return None


def answer_in(frame):
    if frame[12:14] == struct.pack("!H", ETH_ARP):
        return "arp" if frame[20:22] == b"\0\2" and frame[:6] == PROBE else None
    udp = payload(frame)
    return "dhcp" if udp and udp[:2] == b"\0\x43" and udp[12:16] == XID else None


def payload(frame):
    """The UDP datagram in an Ethernet frame, header and all, or None."""
    if frame[12:14] != struct.pack("!H", ETH_IP) or len(frame) < 42 or frame[23] != 17:
        return None
    return frame[14 + (frame[14] & 15) * 4:]


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
