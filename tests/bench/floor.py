# SPDX-License-Identifier: Apache-2.0
"""bench_floor, set up to make the same domain that sf-node makes."""

import json
import pathlib
import shutil
import subprocess
import uuid
import xml.etree.ElementTree

FOLDER = pathlib.Path("/srv/floor")
PORTS = {"service": "29001", "port": "29002"}  # outside of sf-node's own


class Floor:
    """Takes over domain, disk and config drive of an instance of `daemon`, under other names."""

    def __init__(self, program, daemon, instance):
        source = daemon.instance_folder(instance.uuid)
        FOLDER.mkdir(mode=0o711, parents=True, exist_ok=True)
        for name in ("disk0.qcow2", "config.iso"):
            shutil.copy(source / name, FOLDER)
        (FOLDER / "domain.xml").write_text(renamed(source))
        described = subprocess.run(["qemu-img", "info", "--output=json", FOLDER / "disk0.qcow2"],
                                   check=True, capture_output=True).stdout
        base = json.loads(described)["full-backing-filename"]
        self.process = subprocess.Popen([program, FOLDER, base], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def round(self):
        """{step: milliseconds} of one domain made and removed."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"bench_floor ended: {self.process.wait()}")
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def renamed(source):
    """The domain.xml in `source`, so that both domains can be there at the same time."""
    root = xml.etree.ElementTree.fromstring((source / "domain.xml").read_text())
    root.find("uuid").text = str(uuid.uuid4())
    root.find("name").text = "floor"  # Not our prefix: sf-node would remove it as a stray.
    for element in root.find("devices").iter():
        for key, value in element.attrib.items():
            if value.startswith(f"{source}/"):
                element.set(key, value.replace(str(source), str(FOLDER)))
            elif key in PORTS and element.tag in ("source", "graphics"):
                element.set(key, PORTS[key])
    return xml.etree.ElementTree.tostring(root, encoding="unicode")
