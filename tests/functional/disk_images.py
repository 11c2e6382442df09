# SPDX-License-Identifier: Apache-2.0
"""Disk images to offer, as bytes: small ones that nothing boots from, and a stranger's."""

import bz2
import functools
import gzip
import lzma
import pathlib
import struct
import subprocess
import tempfile


@functools.lru_cache(maxsize=None)
def qcow2(size="1M", *options):
    """What qemu-img makes; `options` are its own. Its domain starts in half a second and idles."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "image.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *options, str(path), size],
                       check=True, cwd=folder)
        return path.read_bytes()


def raw(mark=b"", size=1 << 20):
    """A raw disk with a partition table's signature; `mark` makes its content its own."""
    disk = bytearray(size)
    disk[510:512] = b"\x55\xaa"
    disk[700:700 + len(mark)] = mark
    return bytes(disk)


def compressed(data):
    """The same bytes by each of the compressions that are unpacked, by their file name's ending."""
    zstd = subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True)
    return {"gz": gzip.compress(data), "xz": lzma.compress(data), "bz2": bz2.compress(data),
            "zst": zstd.stdout}


def gzip_bomb(gigabytes):
    """A small gzip file that unpacks to so much: a member of zeros, again and again."""
    return gzip.compress(bytes(64 << 20)) * (gigabytes * 16)


def backing_file(path):
    return qcow2("1M", "-u", "-F", "raw", "-b", path)


def external_data_file():
    """Says of itself that its data are in another file, here /etc/passwd."""
    with tempfile.TemporaryDirectory() as folder:
        path, data = pathlib.Path(folder) / "image.qcow2", pathlib.Path(folder) / "data.raw"
        command = ["qemu-img", "create", "-q", "-f", "qcow2", "-o", f"data_file={data}"]
        subprocess.run([*command, str(path), "1M"], check=True)
        # The name is in a header extension: its length, the text, padding to 8 bytes.
        image, name = path.read_bytes(), str(data).encode()
        at = image.index(name)
        padded = len(name) + -len(name) % 8
        return (image[:at - 4] + struct.pack(">I", len(b"/etc/passwd"))
                + b"/etc/passwd".ljust(padded, b"\0") + image[at + padded:])
