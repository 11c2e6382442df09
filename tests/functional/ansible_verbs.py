# SPDX-License-Identifier: Apache-2.0
"""What `sf-client ansible namespace|network|instance` does with a task: the same calls in the same order, and
the same comparisons of what is there with what is wanted. Each returns whether it says "changed"."""

import json
import time

from sf_client import GONE, Command, Refused

PATIENCE = 180  # s, after which a verb reports that it failed
PAUSE = 1


class Failed(AssertionError):
    """The task is reported as failed."""


class Verbs:
    """As the namespace of `client`; each verb is a process, and so a session, of its own."""

    def __init__(self, client):
        self.client = client

    # ---- namespaces ------------------------------------------------------------------------------

    def namespace_present(self, name):
        command = Command(self.client)
        if command.find(f"/auth/namespaces/{name}"):  # a deleted one as well
            return False
        command("POST", "/auth/namespaces", {"namespace": name})
        return True

    def namespace_absent(self, name):
        command = Command(self.client)
        path = f"/auth/namespaces/{name}"
        found = command.find(path)
        if not found:
            return False
        if found["state"] == "deleted":
            raise Failed("it prints nothing, and that is a failure to Ansible")
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                command.bytes("DELETE", path)
                time.sleep(PAUSE)
                if command("GET", path)["state"] == "deleted":
                    return True
            except Refused as refused:
                # Here it asks again and again, without a pause, until its patience is over.
                raise Failed(f"it spins on {refused}") from refused
        raise Failed("it was not deleted in time")

    # ---- networks --------------------------------------------------------------------------------

    def network_present(self, name, netblock, **task):
        command = Command(self.client)
        given = self.named(task)
        found = command.find(f"/networks/{name}", given)
        wanted = {"name": name, "netblock": netblock,
                  **{f"provide_{key}": task[key] for key in ("dhcp", "nat", "dns") if key in task}}
        if found and all(found[key] == value for key, value in wanted.items()):
            return False
        if found:
            self.end(command, f"/networks/{found['uuid']}", given)
        # It hands nat and dhcp to its library in the wrong order.
        body = {"name": name, "netblock": netblock, "namespace": task.get("namespace"),
                "provide_dhcp": task.get("nat", True), "provide_nat": task.get("dhcp", True)}
        if task.get("dns"):
            body["provide_dns"] = True
        command.create_network(body)
        return True

    def network_absent(self, name, **task):
        command = Command(self.client)
        if not command.find(f"/networks/{name}", self.named(task)):
            return False
        self.end(command, f"/networks/{name}", self.named(task))
        return True

    # ---- instances -------------------------------------------------------------------------------

    def instance_present(self, name, cpu, ram, **task):
        command = Command(self.client)
        found = command.find(f"/instances/{name}", self.named(task)) or {}
        nics = self.nics(task)
        disks = self.disks(task)
        # The calls are made before anything is compared.
        there = [command("GET", f"/interfaces/{one['uuid']}") for one in found.get("interfaces", [])]
        same = ((found.get("name"), found.get("cpus"), found.get("memory")) == (name, cpu, ram)
                and [one["network_uuid"] for one in there] == [one["network_uuid"] for one in nics]
                and self.text(found.get("disk_spec", [])) == self.text(disks))
        echoed = ("ssh_key", "user_data", "video", "nvram_template", "configdrive", "namespace",
                  "uefi")
        same = same and all(found.get(key) == task[key] for key in echoed if key in task)
        same = same and found.get("side_channels") == task.get("side_channels", [])
        if same:
            return False
        self.end(command, f"/instances/{name}", self.named(task), wait=True)
        body = {"name": name, "cpus": cpu, "memory": ram, "network": nics, "disk": disks,
                "ssh_key": None, "user_data": None, "namespace": None, "video": None, "uefi": False,
                "configdrive": None, "secure_boot": False, "nvram_template": None, "metadata": {},
                "side_channels": task.get("side_channels", [])}
        made = command.create_instance(body | {key: task[key] for key in echoed if key in task})
        if made["state"] != "created":
            raise Failed(f"{made}")
        return True

    def instance_absent(self, name, **task):
        command = Command(self.client)
        if not command.find(f"/instances/{name}", self.named(task)):
            return False
        self.end(command, f"/instances/{name}", self.named(task), wait=True)
        return True

    @staticmethod
    def nics(task):
        """Those of `networks`, by UUID, and then of `networkspecs`."""
        nics = [{"network_uuid": one, "model": "virtio", "float": False}
                for one in task.get("networks", [])]
        for spec in task.get("networkspecs", []):
            pairs = dict(pair.split("=") for pair in spec.split(","))
            nics.append({key: bool(value) if key == "float" else value
                         for key, value in pairs.items()})
        return nics

    @staticmethod
    def disks(task):
        """Those of `disks`, SIZE@BASE, and then of `diskspecs`."""
        disks = []
        for size, _, base in (disk.partition("@") for disk in task.get("disks", [])):
            disks.append({"base": base or None, "bus": None, "size": int(size), "type": "disk"})
        for spec in task.get("diskspecs", []):
            disk = {"base": None, "bus": None, "size": None, "type": "disk",
                    **dict(pair.split("=", 1) for pair in spec.split(","))}
            disks.append({**disk, "size": disk["size"] and int(disk["size"])})
        return disks

    @staticmethod
    def text(disks):
        """As it compares them; one more key is a difference, but for this."""
        return json.dumps([{key: value for key, value in disk.items() if key != "disk_base"}
                           for disk in disks], sort_keys=True)

    # ---- what they share -------------------------------------------------------------------------

    @staticmethod
    def named(task):
        return {"namespace": task["namespace"]} if task.get("namespace") else None

    @staticmethod
    def end(command, path, body, wait=False):
        """Deletes until it is gone, or is shown as deleted."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                uuid = command("DELETE", path, body)["uuid"]
                if wait:
                    command.until(f"/instances/{uuid}", lambda view: view["state"] == "deleted")
                time.sleep(PAUSE)
                if command("GET", path, body)["state"] == "deleted":
                    return
            except Refused as refused:
                if refused.status != GONE:
                    raise Failed(str(refused)) from refused
                return
        raise Failed(f"{path} was not deleted in time")
