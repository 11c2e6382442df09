# SPDX-License-Identifier: Apache-2.0
"""As much of a viewer of screens as it takes to be let in, or not: the security handshakes of VNC
(RFC 6143, 7.2.2) and of SPICE (its link stage), with openssl for what Python has no ciphers for."""

import pathlib
import socket
import struct
import subprocess
import tempfile

DEADLINE = 10


def lets_in(kind, host, port, password):
    """Whether the screen at that address takes the password."""
    with socket.create_connection((host, port), DEADLINE) as screen:
        return {"vnc": vnc, "spice": spice}[kind](screen, password.encode())


def vnc(screen, password):
    assert receive(screen, 12) == b"RFB 003.008\n"
    screen.sendall(b"RFB 003.008\n")
    kinds = receive(screen, receive(screen, 1)[0])
    assert kinds == b"\x02", f"not by password alone: {kinds}"
    screen.sendall(b"\x02")
    # DES, the bits of each byte of its key reversed; three times with one key is once.
    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in password.ljust(8, b"\0")[:8])
    screen.sendall(openssl(receive(screen, 16), "enc", "-des-ede3-ecb", "-nopad", "-K",
                           (key * 3).hex()))
    return receive(screen, 4) == bytes(4)


def spice(screen, password):
    # Of the main channel, without capabilities: the server then asks for a ticket at once.
    mess = struct.pack("<IBBIII", 0, 1, 0, 0, 0, 18)
    screen.sendall(b"REDQ" + struct.pack("<III", 2, 2, len(mess)) + mess)
    reply = receive(screen, struct.unpack("<4sIII", receive(screen, 16))[3])
    assert reply[:4] == bytes(4), reply[:4]
    with tempfile.TemporaryDirectory() as folder:
        key = pathlib.Path(folder) / "key"
        key.write_bytes(reply[4:166])
        ticket = openssl(password + b"\0", "pkeyutl", "-encrypt", "-pubin", "-keyform", "DER",
                         "-inkey", str(key), "-pkeyopt", "rsa_padding_mode:oaep")
    screen.sendall(ticket)
    return receive(screen, 4) == bytes(4)


def receive(screen, count):
    data = b""
    while len(data) < count:
        piece = screen.recv(count - len(data))
        if not piece:
            raise AssertionError(f"the screen hung up after {data!r}")
        data += piece
    return data


def openssl(data, *words):
    return subprocess.run(["openssl", *words], input=data, capture_output=True, check=True).stdout
