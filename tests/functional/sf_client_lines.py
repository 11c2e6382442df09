# SPDX-License-Identifier: Apache-2.0
"""How sf-client 0.7.5 makes lines of what it has read. Each of these raises what would be its traceback: a key
that is missing, or a value of another kind."""

import datetime
import time


def moment(seconds):
    return datetime.datetime.fromtimestamp(seconds)


def print_instance_row(view):
    addresses = ";".join(f"{one['order']}:{one['ipv4']}" for one in view["interfaces"])
    return "{uuid},{name},{namespace},{cpus},{memory},{node},{state}".format_map(view) + addresses


def print_instance(view):
    for disk in view["disk_spec"]:
        "{type},{bus},{size},{base}".format_map(disk)
    "{model},{memory}".format_map(view["video"])
    return "{ssh_key},{user_data},".format_map(view) + " ".join(view["side_channels"])


def print_interface(view):
    return "{uuid},{network_uuid},{macaddr},{order},{ipv4},{floating},{model}".format_map(view)


def print_network(view):
    return ("{uuid},{name},{netblock},{provide_dhcp},{provide_nat},{floating_gateway},{namespace},"
            "{state},{vxid}").format_map(view)


def print_namespace(view):
    return f"{view['name']},{view['state']},{','.join(view['keys'])},{','.join(view['trust']['full'])}"


def print_event(view):
    return f"{moment(view['timestamp'])}" + "{fqdn},{duration},{message}".format_map(view)


def print_artifact_row(view):
    return "{uuid},{artifact_type},{source_url},{state}".format_map(view) + "%d of %d" % (
        len(view["blobs"]), view["index"])


def print_artifact(view):
    for number, one in view["blobs"].items():
        "%d: %s %0.1f %s" % (int(number), one["uuid"], int(one["size"]), ",".join(one["instances"]))
    return "{uuid},{artifact_type},{state},{source_url},{blob_uuid},{max_versions}".format_map(view)


def print_blob(view):
    sizes = "%.02f %.02f" % (int(view["size"]), int(view["virtual size"]))
    return (f"{sizes} {moment(view['fetched_at'])} {moment(view['last_used'])}"
            f"{view['reference_count']:d} {' '.join(sorted(view['locations']))}"
            f"{' '.join(view['transcodes'])} {' '.join(view['instances'])}")


def print_snapshot(view):
    return f"{view['uuid']},{view['device']},{moment(view['created'])}"


def print_node_row(view):
    return f"{view['name']},{view['ip']},{time.time() - view['lastseen']:.0f} seconds ago"


def print_node(view):
    return print_node_row(view) + (
        "{version},{release},{is_etcd_master},{is_hypervisor},{is_network_node},{is_eventlog_node},"
        "{is_cluster_maintainer}").format_map(view)
