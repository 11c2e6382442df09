# SPDX-License-Identifier: Apache-2.0
"""The contract with sf-client 0.7.5 as a table: each method, path and status that it promises, and what
must be in the answer. {names} stand for objects that test_contract.py makes, or that a row has kept."""

import collections
import re

from shapes import (ADDRESS, ARTIFACT, BLOB, DISK_SPEC, EVENT, INSTANCE, INTERFACE, LOCK, NAMESPACE,
                    NETWORK, NODE, NULL, SNAPSHOT, SNAPSHOT_ROW, TOKEN, UPLOAD, VERSION,
                    check_artifact, each)

# who: "team" (whose objects these are), "admin" or "nobody". shape: of an answer of status 200; `bytes` is
# no JSON.
# keep: this key of the answer (or all of it, as "") is {name} from then on.
Row = collections.namedtuple("Row", "method path body status shape who keep")
UNKNOWN = "8c1f2c3e-0000-4000-8000-000000000000"


def ok(method, path, body=None, shape=object, who="team", **keep):
    return Row(method, path, body, 200, shape, who, keep)


def no(status, method, path, body=None, who="team"):
    return Row(method, path, body, status, None, who, {})


def metadata(path, who="team"):
    """The four calls that every object has."""
    own = f"{path}/metadata"
    return [
        ok("PUT", f"{own}/k", {"value": "v"}, NULL, who),
        ok("POST", own, {"key": "any", "value": {"of": ["json", 1]}}, NULL, who),
        ok("GET", own, None, lambda found: "" if (
            found["k"], found["any"]) == ("v", {"of": ["json", 1]}) else f"{found}", who),
        ok("DELETE", f"{own}/k", None, NULL, who),
        ok("DELETE", f"{own}/k", None, NULL, who),  # what is not there is gone already
        ok("DELETE", f"{own}/any", None, NULL, who),
        no(400, "PUT", f"{own}/k", None, who),
        no(400, "PUT", f"{own}/k", {"value": ""}, who),
        no(400, "POST", own, {"value": "v"}, who),
        no(400, "POST", own, {"key": "k", "value": None}, who)
    ]


def events(path, who="team"):
    """The limit comes as text."""
    return [
        ok("GET", f"{path}/events", None, [EVENT], who),
        ok("GET", f"{path}/events", {"event_type": "audit", "limit": "5"}, lambda found: "" if len(
            found) <= 5 and {one["type"] for one in found} <= {"audit"} else f"{found}", who)
    ]


def is_state(state):
    return lambda view: "" if view["state"] == state else f"its state is {view['state']}"


SESSION = [  # sections 3 and 4
    ok("GET", "", None, bytes, "nobody"),
    ok("POST", "/auth", {"namespace": "{team}", "key": "secret"}, TOKEN, "nobody"),
    no(400, "POST", "/auth", {"namespace": None, "key": None}, "nobody"),
    no(400, "POST", "/auth", {"namespace": "{team}"}, "nobody"),
    no(400, "POST", "/auth", {"namespace": "{team}", "key": 7}, "nobody"),
    no(401, "POST", "/auth", {"namespace": "{team}", "key": "wrong"}, "nobody"),
    no(401, "POST", "/auth", {"namespace": "no-such", "key": "secret"}, "nobody"),
    no(401, "GET", "/instances", None, "nobody"),
    no(404, "GET", "/nothing/of/the/kind"),
]

NAMESPACES = [  # section 8
    ok("GET", "/auth/namespaces", None, [NAMESPACE]),
    ok("POST", "/auth/namespaces", {"namespace": "{team}-made", "key_name": "k", "key": "x"},
       NAMESPACE, "admin"),
    ok("POST", "/auth/namespaces", {"namespace": "{team}-made"}, NAMESPACE, "admin"),
    no(400, "POST", "/auth/namespaces", {}, "admin"),
    no(400, "POST", "/auth/namespaces", {"namespace": "x1", "key_name": "k"}, "admin"),
    no(400, "POST", "/auth/namespaces", {"namespace": "x1", "key_name": "k", "key": 7}, "admin"),
    no(403, "POST", "/auth/namespaces",
       {"namespace": "x1", "key_name": "_service_key_x", "key": "x"}, "admin"),
    no(401, "POST", "/auth/namespaces", {"namespace": "x1"}),
    ok("GET", "/auth/namespaces/{team}", None, NAMESPACE),
    no(404, "GET", "/auth/namespaces/no-such", None, "admin"),
    no(404, "GET", "/auth/namespaces/{team}-made"),
    ok("GET", "/auth/namespaces/{team}/keys", None, [str]),
    ok("POST", "/auth/namespaces/{team}/keys", {"key_name": "ci", "key": "x"}, str),
    ok("POST", "/auth/namespaces/{team}/keys", {"key_name": "ci", "key": "y"}, str),
    no(400, "POST", "/auth/namespaces/{team}/keys", {"key_name": "ci"}),
    no(400, "POST", "/auth/namespaces/{team}/keys", {"key": "y"}),
    no(403, "POST", "/auth/namespaces/{team}/keys", {"key_name": "_service_key", "key": "y"}),
    ok("PUT", "/auth/namespaces/{team}/keys", {"key_name": "ci", "key": "z"}, str),
    no(404, "PUT", "/auth/namespaces/{team}/keys", {"key_name": "other", "key": "z"}),
    ok("PUT", "/auth/namespaces/{team}/keys/ci", {"key": "z"}, str),
    no(404, "PUT", "/auth/namespaces/{team}/keys/other", {"key": "z"}),
    ok("DELETE", "/auth/namespaces/{team}/keys/ci"),
    no(404, "DELETE", "/auth/namespaces/{team}/keys/ci"),
    *metadata("/auth/namespaces/{team}"),
    ok("POST", "/auth/namespaces/{team}/trust", {"external_namespace": "{team}-made"}, NAMESPACE),
    no(400, "POST", "/auth/namespaces/{team}/trust", {}),
    no(404, "POST", "/auth/namespaces/{team}/trust", {"external_namespace": "no-such"}),
    ok("DELETE", "/auth/namespaces/{team}/trust/{team}-made", None, NAMESPACE),
    no(401, "DELETE", "/auth/namespaces/{team}"),
    no(403, "DELETE", "/auth/namespaces/system", None, "admin"),
    no(400, "DELETE", "/auth/namespaces/{team}", None, "admin"),  # its instances are there
    no(404, "DELETE", "/auth/namespaces/no-such", None, "admin"),
    ok("DELETE", "/auth/namespaces/{team}-made", None, who="admin"),
    ok("GET", "/auth/namespaces/{team}-made", None, is_state("deleted"), "admin"),
]


def network(**fields):
    return {"name": "made", "netblock": "10.7.0.0/24", "provide_dhcp": False, "provide_nat": False,
            "namespace": None, **fields}


NETWORKS = [  # section 9
    ok("POST", "/networks", network(), NETWORK, made_network="uuid"),
    ok("POST", "/networks", network(), NETWORK, twin="uuid"),  # names may be taken twice
    no(400, "GET", "/networks/made"),
    no(400, "POST", "/networks", network(netblock="ten")),
    no(400, "POST", "/networks", network(netblock="10.7.0.1/24")),  # host bits
    no(400, "POST", "/networks", network(netblock="10.7.0.0/30")),  # fewer than 8 addresses
    no(400, "POST", "/networks", network(netblock=None)),
    no(401, "POST", "/networks", network(namespace="system")),
    no(404, "POST", "/networks", network(namespace="no-such"), "admin"),
    ok("GET", "/networks", {"all": False}, [NETWORK]),
    ok("GET", "/networks/{front}", None, NETWORK),
    ok("GET", "/networks/front", {"namespace": "{team}"}, NETWORK),
    no(404, "GET", "/networks/front", {"namespace": "system"}),
    no(404, "GET", "/networks/no-such"),
    no(404, "GET", f"/networks/{UNKNOWN}"),
    ok("GET", "/networks/front/interfaces", None, [INTERFACE]),
    *metadata("/networks/front"),
    *events("/networks/front"),
    ok("DELETE", "/networks/{twin}", {"namespace": None}, is_state("deleted")),
    ok("GET", "/networks/{twin}", None, is_state("deleted")),
    ok("GET", "/networks", {"all": True}, [NETWORK]),
    no(404, "DELETE", "/networks/{twin}"),
    no(404, "DELETE", "/networks/made", {"namespace": "system"}),
    no(403, "DELETE", "/networks/floating", None, "admin"),
    no(400, "DELETE", "/networks", {"namespace": None}),  # confirm is missing
    no(400, "DELETE", "/networks", {"confirm": True}, "admin"),
    no(401, "DELETE", "/networks", {"confirm": True, "namespace": "system"}),
    ok("DELETE", "/networks/leaving", None, is_state("delete-wait")),
    ok("DELETE", "/networks/leaving", None, is_state("delete-wait")),  # repeating is fine
    no(400, "GET", "/networks/front/ping/nowhere"),
    no(400, "GET", "/networks/front/ping/10.9.9.9"),
    no(406, "GET", "/networks/leaving/ping/10.0.1.2"),
    ok("GET", "/networks/front/addresses", None, [ADDRESS]),
    ok("POST", "/networks/front/route", None, str, routed=""),
    no(406, "POST", "/networks/leaving/route"),
    no(403, "DELETE", "/networks/greedy/route/{routed}"),
    ok("DELETE", "/networks/front/route/{routed}", None, NULL),
    no(404, "DELETE", "/networks/front/route/{routed}"),
]

INTERFACES = [  # section 10; the pool of floating addresses is emptied in between
    ok("GET", "/interfaces/{interface}", None, INTERFACE),
    no(404, "GET", f"/interfaces/{UNKNOWN}"),
    ok("POST", "/interfaces/{interface}/float", None, NULL),
    ok("GET", "/interfaces/{interface}", None, lambda view: "" if view["floating"] else f"{view}"),
    ok("POST", "/interfaces/{interface}/defloat", None, NULL),
    ok("GET", "/interfaces/{interface}", None, lambda view: f"{view}" if view["floating"] else ""),
    *metadata("/interfaces/{interface}"),
]


def instance(**fields):
    """As the command line sends it. The image never comes, so nothing is built."""
    return {
        "name": "made", "cpus": 1, "memory": 64, "network": [], "disk": [disk()], "ssh_key": None,
        "user_data": None, "namespace": None, "video": {"model": "cirrus", "memory": 16384},
        "configdrive": "openstack-disk", "metadata": {}, "side_channels": [], "uefi": False,
        "secure_boot": False, "nvram_template": None, **fields
    }


def disk(**fields):
    return {"size": 1, "base": "{never}", "bus": None, "type": "disk", **fields}


def nic(**fields):
    return {"network_uuid": "{front}", "macaddress": None, "model": "virtio", **fields}


INSTANCES = [  # section 11
    ok("POST", "/instances", instance(), INSTANCE, made="uuid"),
    ok("GET", "/instances/{made}", None, is_state("initial")),
    ok("POST", "/instances", instance(video={"model": "vga", "memory": "8192"}, user_data="aGk=",
                                      side_channels=None, configdrive=None, metadata=None),
       lambda view: "" if (view["video"], view["side_channels"], view["user_data"], view[
           "configdrive"], view["metadata"]) == ({"model": "vga", "memory": 8192, "vdi": "spice"}, [
               "sf-agent"], "aGk=", "openstack-disk", {}) else f"{view}"),
    no(400, "GET", "/instances/made"),  # there are two now
    *(no(400, "POST", "/instances", instance(**wrong)) for wrong in (
        {"name": "under_score"}, {"name": "n" * 64}, {"name": ""}, {"disk": []},
        {"disk": [disk(bus="ide")]}, {"video": {"model": "cirrus"}}, {"video": {"memory": 16384}},
        {"configdrive": "floppy"}, {"metadata": []}, {"metadata": {"k": ""}},
        {"metadata": {"tags": "web"}}, {"metadata": {"affinity": {"web": "much"}}},
        {"secure_boot": True}, {"nvram_template": "label:no-such"}, {"network": ["front"]}, {"network": [{"model": "virtio"}]},
        {"network": [nic(network_uuid="twins")]}, {"network": [nic(address="10.9.9.9")]})),
    *(no(404, "POST", "/instances", instance(**missing)) for missing in (
        {"namespace": "system"}, {"namespace": "no-such"}, {"placed_on": "nobody"},
        {"network": [nic(network_uuid="no-such")]}, {"network": [nic(network_uuid="floating")]},
        {"disk": [disk(base="label:no-such")]}, {"disk": [disk(base="sf://label/{team}/no-such")]},
        {"disk": [disk(base="sf://upload/{team}/no-such")]},
        {"disk": [disk(base=f"sf://snapshot/{UNKNOWN}")]},
        {"disk": [disk(base=f"sf://blob/{UNKNOWN}")]},
        {"uefi": True, "nvram_template": "label:no-such"})),
    no(406, "POST", "/instances", instance(network=[nic(network_uuid="leaving")])),
    no(409, "POST", "/instances", instance(network=[nic(address="10.0.0.20")])),
    no(507, "POST", "/instances", instance(memory=16_000_000)),
    no(507, "POST", "/instances", instance(network=[nic(network_uuid="full")])),
    ok("GET", "/instances", {"all": False}, [INSTANCE]),
    ok("GET", "/instances", {"all": True}, [INSTANCE]),
    ok("GET", "/instances/web", None, INSTANCE),
    ok("GET", "/instances/web", {"namespace": "{team}"}, lambda view: "" if set(
        view["disk_spec"][0]) == set(DISK_SPEC) else f"{view}"),
    no(404, "GET", "/instances/web", {"namespace": "system"}),
    no(404, "GET", "/instances/no-such"),
    no(404, "GET", f"/instances/{UNKNOWN}"),
    no(400, "DELETE", "/instances/made"),
    no(404, "DELETE", "/instances/{made}", {"namespace": "system"}),
    ok("DELETE", "/instances/{made}", None, {"uuid": str}),
    no(400, "DELETE", "/instances", {"namespace": "{team}"}),
    no(400, "DELETE", "/instances", {"confirm": True}, "admin"),
    no(401, "DELETE", "/instances", {"confirm": True, "namespace": "system"}),
    ok("GET", "/instances/web/interfaces", None, [INTERFACE]),
    ok("POST", "/instances/web/interfaces", {"network": nic()}, INTERFACE),
    no(400, "POST", "/instances/web/interfaces", {}),
    no(400, "POST", "/instances/web/interfaces", {"network": nic(address="10.9.9.9")}),
    no(404, "POST", "/instances/web/interfaces", {"network": nic(network_uuid="no-such")}),
    no(406, "POST", "/instances/web/interfaces", {"network": nic(network_uuid="leaving")}),
    no(409, "POST", "/instances/web/interfaces", {"network": nic(address="10.0.0.20")}),
    no(507, "POST", "/instances/web/interfaces", {"network": nic(network_uuid="full")}),
    *metadata("/instances/web"),
    no(400, "PUT", "/instances/web/metadata/tags", {"value": "web"}),
    no(400, "PUT", "/instances/web/metadata/affinity", {"value": {"web": "much"}}),
    *events("/instances/web"),
]

POWER = ("rebootsoft", "reboothard", "poweroff", "poweron", "pause", "unpause")
HOSTS = [  # section 12: what only the host can do
    *(no(406, "POST", f"/instances/waiting/{verb}") for verb in POWER),
    ok("POST", "/instances/web/pause", None, NULL),
    ok("POST", "/instances/web/unpause", None, NULL),
    ok("POST", "/instances/web/poweroff", None, NULL),
    no(409, "POST", "/instances/web/pause"),
    ok("POST", "/instances/web/poweron", None, NULL),
    ok("POST", "/instances/web/reboothard", None, NULL),
    ok("POST", "/instances/web/rebootsoft", None, NULL),
    ok("GET", "/instances/web/consoledata", None, bytes),
    ok("GET", "/instances/web/consoledata", {"length": -1}, bytes),
    no(400, "GET", "/instances/web/consoledata", {"length": "much"}),
    ok("DELETE", "/instances/web/consoledata"),
    ok("GET", "/instances/web/vdiconsolehelper", None, bytes),
    no(406, "GET", "/instances/waiting/vdiconsolehelper"),
    ok("GET", "/instances/web/screenshot", None, str),
    no(406, "GET", "/instances/waiting/screenshot"),
]

SNAPSHOTS = [  # section 13
    ok("POST", "/instances/web/snapshot", {"all": True, "device": None, "thin": False},
       each(SNAPSHOT)),
    ok("POST", "/instances/web/snapshot", {"all": False, "device": "vdz"},
       lambda found: "" if found == {} else f"{found}"),
    no(406, "POST", "/instances/waiting/snapshot", {"all": False, "device": None, "thin": False}),
    ok("GET", "/instances/web/snapshot", None, [SNAPSHOT_ROW]),
    ok("POST", "/label/gold", {"blob_uuid": "{blob}"}, check_artifact),
    ok("POST", "/label/{team}/gold", {"blob_uuid": "{blob}"}, check_artifact),
    no(400, "POST", "/label/gold", {}),
    no(404, "POST", "/label/gold", {"blob_uuid": UNKNOWN}),
    no(404, "POST", "/label/system/gold", {"blob_uuid": "{blob}"}),
    ok("GET", "/label/gold", None, check_artifact),
    ok("GET", "/label/{team}/gold", None, check_artifact),
    ok("DELETE", "/label/{team}/gold", None, is_state("deleted")),
    no(404, "DELETE", "/label/gold"),
    no(404, "GET", "/label/gold"),
]

ARTIFACTS = [  # section 14
    ok("POST", "/artifacts", {"url": "{image}?again", "shared": False, "namespace": None},
       check_artifact, cached="uuid"),
    no(400, "POST", "/artifacts", {}),
    no(403, "POST", "/artifacts", {"url": "{image}", "shared": True, "namespace": None}),
    no(404, "POST", "/artifacts", {"url": "{image}", "shared": False, "namespace": "no-such"}),
    ok("GET", "/artifacts", {"node": None}, lambda found: next(filter(None, map(
        check_artifact, found)), "")),
    ok("GET", "/artifacts", {"node": "no-such"}, lambda found: f"{found}" if found else ""),
    ok("GET", "/artifacts/{artifact}", None, check_artifact),
    ok("GET", "/artifacts/{image_in_path}", None, check_artifact),
    no(400, "GET", "/artifacts/{image_in_path}", None, "admin"),  # another team has it, too
    no(404, "GET", "/artifacts/no-such"),
    no(404, "GET", f"/artifacts/{UNKNOWN}"),
    *metadata("/artifacts/{artifact}"),
    *events("/artifacts/{artifact}"),
    ok("GET", "/artifacts/{artifact}/versions", None, [{**VERSION, "index": int}]),
    ok("POST", "/artifacts/{artifact}/versions", {"max_versions": 2}, NULL),
    no(400, "POST", "/artifacts/{artifact}/versions", {}),
    no(400, "POST", "/artifacts/{artifact}/versions", {"max_versions": "many"}),
    no(403, "POST", "/artifacts/{artifact}/share"),
    no(403, "POST", "/artifacts/{artifact}/unshare"),
    ok("POST", "/artifacts/{systems}/share", None, lambda view: "" if view["shared"] else f"{view}",
       "admin"),
    ok("POST", "/artifacts/{systems}/unshare", None, ARTIFACT, "admin"),
    no(403, "POST", "/artifacts/{systems}/unshare", None, "admin"),
    ok("DELETE", "/artifacts/{cached}", None, {"uuid": str}),
    ok("DELETE", "/artifacts/{cached}", None, {"uuid": str}),  # not an error
    no(400, "DELETE", "/artifacts", {"namespace": None}),
    no(400, "DELETE", "/artifacts", {"confirm": True}, "admin"),
    no(401, "DELETE", "/artifacts", {"confirm": True, "namespace": "system"}),
    ok("POST", "/upload", None, UPLOAD, upload="uuid"),
    ok("POST", "/upload/{upload}", b"x" * 4096, lambda total: "" if total == 4096 else f"{total}"),
    ok("POST", "/upload/{upload}", b"y" * 4096, lambda total: "" if total == 8192 else f"{total}"),
    ok("POST", "/upload/{upload}/truncate/4096", None, NULL),
    ok("POST", "/upload/{upload}", b"z" * 4096, lambda total: "" if total == 8192 else f"{total}"),
    no(404, "POST", f"/upload/{UNKNOWN}", b"x"),
    no(400, "POST", "/artifacts/upload/new", {"upload_uuid": "{upload}", "blob_uuid": "{blob}"}),
    no(404, "POST", "/artifacts/upload/new", {"upload_uuid": UNKNOWN}),
    no(404, "POST", "/artifacts/upload/new", {"blob_uuid": UNKNOWN}),
    no(403, "POST", "/artifacts/upload/new", {"upload_uuid": "{upload}", "shared": True}),
    ok("POST", "/artifacts/upload/new", {"upload_uuid": "{upload}", "source_url": None,
                                         "shared": False, "namespace": None}, check_artifact,
       given="uuid", given_blob="blob_uuid"),
    ok("GET", "/blobs/{given_blob}", None, BLOB, digest="sha512"),
    no(404, "GET", f"/blobs/{UNKNOWN}"),
    ok("GET", "/blobs/{given_blob}/data?offset=0", None, bytes),
    *metadata("/blobs/{given_blob}"),
    ok("GET", "/blob_checksums/sha512/{digest}", None, BLOB),
    ok("GET", f"/blob_checksums/sha512/{'0' * 128}", None, NULL),
    no(400, "DELETE", "/artifacts/{given}/versions/newest"),
    no(404, "DELETE", "/artifacts/{given}/versions/99"),
    ok("DELETE", "/artifacts/{given}/versions/1", None, is_state("deleted")),  # it was the last
    ok("GET", "/blobs", {"node": None}, [BLOB], "admin"),
    ok("GET", "/blobs", {"node": "no-such"}, lambda found: f"{found}" if found else "", "admin"),
    no(401, "GET", "/blobs"),
]

NODES = [  # sections 16 and 17; that one is deleted: test_node_lost.py
    ok("GET", "/nodes", None, [NODE], "admin"),
    ok("GET", "/nodes/{node}", None, NODE, "admin"),
    no(404, "GET", "/nodes/nobody", None, "admin"),
    no(404, "DELETE", "/nodes/nobody", None, "admin"),
    ok("POST", "/nodes/{node}/drain", None, [INSTANCE], "admin"),
    ok("POST", "/nodes/{node}/drain", None, [INSTANCE], "admin"),  # not an error
    ok("POST", "/nodes/{node}/undrain", None, NODE, "admin"),
    no(404, "POST", "/nodes/nobody/drain", None, "admin"),
    no(401, "POST", "/nodes/{node}/drain"),
    *events("/nodes/{node}", "admin"),
    ok("GET", "/nodes/{node}/events", {"event_type": "resources", "limit": 1},
       [{**EVENT, "extra": each(int)}], "admin"),
    *metadata("/nodes/{node}", "admin"),
    ok("GET", "/nodes/{node}/processmetrics", None, each((int, float)), "admin"),
    ok("GET", "/admin/locks", None, each(LOCK), "admin"),
    *(no(401, "GET", path) for path in (
        "/nodes", "/nodes/{node}", "/nodes/{node}/events", "/nodes/{node}/metadata", "/admin/locks",
        "/nodes/{node}/processmetrics")),
    no(401, "DELETE", "/nodes/{node}"),
]

EMPTY_POOL = [  # no floating address is left
    no(507, "POST", "/networks/front/route"),
    no(507, "POST", "/interfaces/{interface}/float"),
    no(507, "POST", "/instances", instance(network=[nic(float=True)])),
    ok("DELETE", "/networks/greedy", None, is_state("deleted")),
]

END = [  # everything of a namespace
    no(403, "DELETE", "/networks", {"confirm": True, "namespace": None, "clean_wait": False}),
    ok("DELETE", "/instances", {"confirm": True, "namespace": None}, [str]),
    ok("DELETE", "/networks", {"confirm": True, "namespace": None, "clean_wait": True}, [str]),
    ok("DELETE", "/artifacts", {"confirm": True, "namespace": None}, [str]),
]

ALL = {
    "session": SESSION, "namespaces": NAMESPACES, "networks": NETWORKS, "interfaces": INTERFACES,
    "instances": INSTANCES, "the host's": HOSTS, "snapshots": SNAPSHOTS, "artifacts": ARTIFACTS,
    "nodes": NODES, "an empty pool": EMPTY_POOL, "the end": END
}


def is_asked_for(method, pattern):
    """Whether a row asks for this route, as /openapi.json names it."""
    path = re.compile(re.sub(r"\{\w+\}", "[^/]+", pattern) + r"(\?.*)?")
    return any(row.method == method and path.fullmatch(row.path or "/")
               for rows in ALL.values() for row in rows)
