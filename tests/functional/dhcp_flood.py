#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Asks for an address without end: dhcp_flood VNI MAC SECONDS. Runs on a host that has an end of the mesh,
as a guest there that has this MAC; every second time for somebody who does not exist. Prints how many
questions it has sent."""

import socket
import sys
import time

from mesh_probe import ask_for_address_of, port_of_mesh

STRANGER = "02:53:46:00:00:01"


def main(vni, mac, seconds):
    questions = [ask_for_address_of(mac), ask_for_address_of(STRANGER)]
    sent = 0
    with port_of_mesh("flood", vni) as link:
        mesh = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        mesh.bind((link, 0))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for question in questions:
                sent += mesh.send(question) > 0
    print(sent)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
