# SPDX-License-Identifier: Apache-2.0
"""The shapes of what the API answers, as sf-client 0.7.5 needs them: each key here must be there. More
may be; a key whose absence crashes the client is one of these."""

NUMBER = (int, float)
TEXT_OR_NULL = (str, type(None))
INT_OR_NULL = (int, type(None))
NUMBER_OR_NULL = (*NUMBER, type(None))
NULL = type(None)

TOKEN = {"access_token": str, "token_type": str, "expires_in": int}
ERROR = {"error": str, "status": int}
NAMESPACE = {
    "name": str, "state": str, "keys": [str], "trust": {"full": [str]}, "metadata": dict,
    "version": int
}
NETWORK = {
    "uuid": str, "name": str, "namespace": str, "netblock": str, "provide_dhcp": bool,
    "provide_nat": bool, "provide_dns": bool, "floating_gateway": TEXT_OR_NULL, "vxid": int,
    "state": str, "metadata": dict, "version": int
}
INTERFACE = {
    "uuid": str, "network_uuid": str, "instance_uuid": str, "macaddr": str, "ipv4": TEXT_OR_NULL,
    "order": int, "model": str, "floating": TEXT_OR_NULL, "state": str, "metadata": dict,
    "version": int
}
DISK_SPEC = {"base": TEXT_OR_NULL, "bus": TEXT_OR_NULL, "size": INT_OR_NULL, "type": TEXT_OR_NULL}
DISK = {
    "device": str, "bus": str, "size": int, "blob_uuid": TEXT_OR_NULL, "snapshot_ignores": bool
}
INSTANCE = {
    "uuid": str, "name": str, "namespace": str, "cpus": int, "memory": int,
    "disk_spec": [DISK_SPEC], "disks": [DISK], "interfaces": [INTERFACE], "ssh_key": TEXT_OR_NULL,
    "user_data": TEXT_OR_NULL, "video": {"model": str, "memory": int, "vdi": str}, "uefi": bool,
    "secure_boot": bool, "nvram_template": TEXT_OR_NULL, "machine_type": str, "configdrive": str,
    "side_channels": [str], "agent_state": str, "agent_start_time": NUMBER_OR_NULL,
    "agent_system_boot_time": NUMBER_OR_NULL, "node": str, "power_state": str, "state": str,
    "error_message": TEXT_OR_NULL, "console_port": INT_OR_NULL, "vdi_port": INT_OR_NULL,
    "vdi_tls_port": INT_OR_NULL, "metadata": dict, "version": int
}
VERSION = {
    "uuid": str, "size": int, "reference_count": int, "depends_on": TEXT_OR_NULL, "instances": [str]
}
ARTIFACT = {
    "uuid": str, "artifact_type": str, "source_url": str, "namespace": str, "state": str,
    "shared": bool, "max_versions": int, "index": int, "blob_uuid": TEXT_OR_NULL, "blobs": dict,
    "metadata": dict, "version": int
}
BLOB = {
    "uuid": str, "state": str, "size": int, "modified": NUMBER, "fetched_at": NUMBER,
    "last_used": NUMBER, "depends_on": TEXT_OR_NULL, "transcodes": dict, "locations": [str],
    "reference_count": int, "sha512": str, "instances": [str], "virtual size": int,
    "file format": TEXT_OR_NULL, "mime type": str
}
UPLOAD = {"uuid": str, "node": str, "created_at": NUMBER, "state": str}
SNAPSHOT = {"source_url": str, "artifact_uuid": str, "blob_uuid": str}  # each, by its device
SNAPSHOT_ROW = {
    "uuid": str, "blob_uuid": str, "state": str, "source_url": str, "device": str, "created": NUMBER
}
ADDRESS = {"address": str, "type": str, "user": [str], "comment": str}
PING = {"stdout": [str], "stderr": [str]}
EVENT = {
    "timestamp": NUMBER, "type": str, "fqdn": str, "duration": NUMBER_OR_NULL, "message": str,
    "extra": dict
}
NODE = {
    "name": str, "ip": str, "fqdn": str, "state": str, "lastseen": NUMBER, "version": str,
    "release": str, "is_hypervisor": bool, "is_network_node": bool, "is_etcd_master": bool,
    "is_eventlog_node": bool, "is_cluster_maintainer": bool, "metadata": dict
}
LOCK = {"pid": int, "node": str, "operation": str}


def each(shape):
    """An object whose keys are names, and whose values have this shape."""
    return lambda value: next((f"{key}: {found}" for key, one in value.items()
                               if (found := wrong(shape, one))), "")


def wrong(shape, value):
    """What is wrong with a value; nothing if all is well. A shape is a type or several, {key: shape},
    [shape of all], or a function that says itself what is wrong."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return f"{value!r} is no object"
        if missing := set(shape) - set(value):
            return f"{sorted(missing)} missing"
        return "; ".join(f"{key}: {found}" for key, one in shape.items()
                         if (found := wrong(one, value[key])))
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{value!r} is no array"
        return next((f"[{i}]: {found}" for i, one in enumerate(value)
                     if (found := wrong(shape[0], one))), "")
    kinds = shape if isinstance(shape, tuple) else (shape,)
    if not all(isinstance(kind, type) for kind in kinds):
        return shape(value)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        return f"{value!r} is none of {[kind.__name__ for kind in kinds]}"
    return ""


def check(shape, value, where="the answer"):
    """AssertionError, unless the value has the shape."""
    if found := wrong(shape, value):
        raise AssertionError(f"{where}: {found}")


def check_artifact(view):
    """What the client does with one beside reading it: version numbers become ints, and the newest is
    looked up by `index`."""
    check(ARTIFACT, view)
    versions = {int(number): one for number, one in view["blobs"].items()}
    check([VERSION], list(versions.values()))
    if view["blob_uuid"] is None:
        return "" if (view["index"], versions) == (0, {}) else f"{view} has no version"
    newest = versions.get(view["index"], {}).get("uuid")
    return "" if newest == view["blob_uuid"] == versions[max(versions)]["uuid"] else f"{view}"
