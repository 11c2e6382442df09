# SPDX-License-Identifier: Apache-2.0
"""Whether what a cluster's rows say and what is on its hosts agree, once it has come to rest.

Asked of the database, libvirt, the kernel, Docker and the disks themselves, never of the API.
"""

import json
import re

from cluster import wait_for

ALL_MACS = "00:00:00:00:00:00"
ROWS_THAT_CONTRADICT = {
    "instance in passing": "SELECT uuid, state FROM instances"
        " WHERE state NOT IN ('created', 'deleted', 'error')",
    "network that waits for nobody": "SELECT n.uuid, n.state FROM networks n"
        " WHERE n.state NOT IN ('created', 'deleted')"
        " AND NOT EXISTS (SELECT 1 FROM interfaces f WHERE f.live = 1 AND f.network_uuid = n.uuid)",
    "interface without its instance or network": "SELECT f.uuid, i.state, n.state FROM interfaces f"
        " LEFT JOIN instances i ON i.uuid = f.instance_uuid"
        " LEFT JOIN networks n ON n.uuid = f.network_uuid"
        " WHERE f.live = 1 AND (i.uuid IS NULL OR i.state = 'deleted'"
        " OR n.uuid IS NULL OR n.state = 'deleted')",
    "interface whose address is not its own": "SELECT f.uuid, f.ipv4 FROM interfaces f"
        " WHERE f.live = 1 AND f.ipv4 <> '' AND NOT EXISTS (SELECT 1 FROM addresses a"
        " WHERE a.owner_uuid = f.uuid AND a.network_uuid = f.network_uuid"
        " AND a.address = INET_ATON(f.ipv4))",
    "address of nobody": "SELECT a.network_uuid, INET_NTOA(a.address), a.owner_uuid FROM addresses a"
        " LEFT JOIN interfaces f ON f.uuid = a.owner_uuid AND f.live = 1"
        " AND a.address IN (INET_ATON(f.ipv4), INET_ATON(f.floating))"
        " LEFT JOIN networks n ON n.uuid = a.owner_uuid AND n.state <> 'deleted'"
        " AND a.address = INET_ATON(n.floating_gateway)"
        " WHERE f.uuid IS NULL AND n.uuid IS NULL",
    "port of no instance on that node": "SELECT p.node, p.port, p.instance_uuid FROM ports p"
        " LEFT JOIN instances i ON i.uuid = p.instance_uuid AND i.node = p.node"
        " WHERE i.uuid IS NULL OR i.state = 'deleted'",
    "node with more than its limit": "SELECT n.name, SUM(i.cpus), SUM(i.memory_mb) FROM nodes n"
        " JOIN instances i ON i.node = n.name AND (i.state NOT IN ('deleted', 'error')"
        " OR i.lost_from <> '') GROUP BY n.name"
        " HAVING SUM(i.cpus) > MAX(n.cpu_limit) OR SUM(i.memory_mb) > MAX(n.memory_limit_mb)",
}


def wait_agreed(nodes, seconds):
    """Until all agrees, with all of these running, and no other node in the cluster."""
    wait_for(lambda: not disagreements(nodes), seconds, "rows and hosts agree",
             lambda: "\n".join(disagreements(nodes) + [node.tail() for node in nodes]))


def disagreements(nodes):
    """In words, each on one line."""
    sql = lambda statement: nodes[0].bed.sql(nodes[0].database, statement)
    found = [f"{what}: {' '.join(row)}" for what, query in ROWS_THAT_CONTRADICT.items()
             for row in sql(query)]
    wanted = Wanted(sql)
    for node in nodes:
        peers = {node.bed.address(other.host) for other in nodes if other is not node}
        found += [f"{node.name}: {said}" for said in Host(node, wanted).disagreements(peers)]
    return found


class Wanted:
    """What the rows want of hosts."""

    def __init__(self, sql):
        self.cluster = sql("SELECT value FROM cluster WHERE name = 'id'")[0][0]
        self.holder = sql("SELECT holder FROM roles")[0][0]
        rows = sql("SELECT uuid, vni, provide_nat FROM networks WHERE state <> 'deleted' AND vni <> 0")
        self.networks = {uuid: int(vni) for uuid, vni, _ in rows}
        self.nat = {uuid for uuid, _, nat in rows if nat == "1"}
        self.instances = {}  # by node, {uuid: whether it is to run}
        for uuid, node, state, power in sql("SELECT uuid, node, state, power_wanted FROM instances"
                                            " WHERE state IN ('created', 'error')"):
            # One in error is a person's to decide about: it may be there or not.
            runs = power == "1" if state == "created" else None
            self.instances.setdefault(node, {})[uuid] = runs
        self.nics = {}  # by instance, {(MAC, bridge)}
        for uuid, mac, network in sql("SELECT instance_uuid, mac, network_uuid FROM interfaces"
                                      " WHERE live = 1"):
            nic = mac, f"br-vxlan-{self.networks.get(network, 0):06x}"
            self.nics.setdefault(uuid, set()).add(nic)


class Host:
    """What is on the host of a node, and how that differs from what is wanted."""

    def __init__(self, node, wanted):
        self.node = node
        self.wanted = wanted
        self.serves = node.name == wanted.holder
        self.instances = wanted.instances.get(node.name, {})

    def disagreements(self, peers):
        return [*self.of_domains(), *self.of_files(), *self.of_links(peers), *self.of_services()]

    def of_domains(self):
        prefix = f"sf-{self.wanted.cluster[:8]}-"
        running = set(self.ours(self.node.domains("--state-running"), prefix))
        known = set(self.ours(self.node.domains(), prefix))
        for uuid in known - set(self.instances):
            yield f"domain of no instance here: {uuid}"
        for uuid, runs in self.instances.items():
            if runs is not None and (uuid in running) != runs:
                yield f"instance {uuid} should{'' if runs else ' not'} run"
        bridges = {link["ifname"]: link.get("master") for link in self.links()}
        plugged = self.plugged([prefix + uuid for uuid in running & set(self.instances)])
        for name, lines in plugged.items():
            uuid = name.removeprefix(prefix)
            nics = {(words[4], bridges.get(words[0])) for words in map(str.split, lines)
                    if len(words) == 5}
            if nics != self.wanted.nics.get(uuid, set()):
                yield f"instance {uuid} has the NICs {nics}, and not {self.wanted.nics.get(uuid)}"

    def plugged(self, names):
        """What virsh says of the NICs of these domains, by their names; asked all at once."""
        said = self.node.bed.run(self.node.host, "sh", "-c", "for name; do echo \"= $name\";"
                                 " virsh -q -c qemu:///system domiflist $name || true; done", "sh", *names)
        parts = (part.splitlines() for part in said.split("= ")[1:])
        return {name: lines for name, *lines in parts}

    @staticmethod
    def ours(names, prefix):
        return (name[len(prefix):] for name in names if name.startswith(prefix))

    def of_files(self):
        folders = {path.name for path in (self.node.storage / "instances").glob("*")}
        for uuid in folders - set(self.instances):
            yield f"folder of no instance here: {uuid}"
        for uuid in {uuid for uuid, runs in self.instances.items() if runs is not None} - folders:
            yield f"instance {uuid} has no folder"
        for path in self.node.downloads():
            yield f"a download is left: {path}"

    def of_links(self, peers):
        """Each mesh has its bridge and its device, floods to all peers, and has its legs where it is
        served; and there is no other link of this cluster."""
        alias = f"shakenfist {self.wanted.cluster} "
        found = {link["ifname"]: link["ifalias"].removeprefix(alias) for link in self.links()
                 if link.get("ifalias", "").startswith(alias)}
        for name, uuid in [(name, uuid) for name, uuid in found.items() if "/" in uuid]:
            if uuid.partition("/")[0] not in self.instances:
                yield f"NIC of no instance here: {name} {uuid}"
            del found[name]
        expected = {f"{kind}{vni:06x}": uuid for uuid, vni in self.wanted.networks.items()
                    for kind in self.kinds_of_links(uuid)}
        for name, uuid in found.items() - expected.items():
            yield f"link of no network here: {name} {uuid}"
        for name, uuid in expected.items() - found.items():
            yield f"a link is missing: {name} {uuid}"
        flooded = {f"vxlan-{vni:06x}": set() for vni in self.wanted.networks.values()}
        for line in self.node.bed.run(self.node.host, "bridge", "fdb", "show").splitlines():
            entry = re.match(rf"{ALL_MACS} dev (vxlan-\w+) dst (\S+) self permanent", line)
            if entry and entry[1] in flooded:
                flooded[entry[1]].add(entry[2])
        for name, addresses in flooded.items():
            if addresses != peers:
                yield f"{name} floods to {sorted(addresses)}, and not to {sorted(peers)}"

    def links(self):
        return json.loads(self.node.bed.run(self.node.host, "ip", "-j", "link") or "[]")

    def kinds_of_links(self, network):
        return ["br-vxlan-", "vxlan-"] + ["sf-leg-"] * self.serves + \
            ["sf-out-"] * (self.serves and network in self.wanted.nat)

    def of_services(self):
        name = f"shakenfist-services-{self.wanted.cluster[:8]}"
        listed = self.node.bed.run(self.node.host, "docker", "ps", "-a", "--format",
                                   "{{.Names}} {{.State}}").splitlines()
        found = [line for line in listed if line.split()[0] == name]
        expected = [f"{name} running"] * self.serves
        if found != expected:
            yield f"containers {found}, and not {expected}"
