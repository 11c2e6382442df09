# SPDX-License-Identifier: Apache-2.0
"""Rows of very many objects, made of one of each behind a daemon's back: it must not run meanwhile, and
reads them all when it starts again."""

FAR = "far-away"  # the node of all instances, which is not there, so that nobody builds them


def uuid(kind):
    """In SQL: the UUID of the n-th of its kind, a digit."""
    return f"CONCAT('{kind * 8}-0000-4000-8000-', LPAD(LOWER(HEX(s.seq)), 12, '0'))"


class Crowd:
    """Copies of one instance that has an interface, and of the objects around it."""

    def __init__(self, node):
        self.node = node

    def sql(self, statement):
        return self.node.bed.sql(self.node.database, statement)

    def copy(self, table, which, numbers, **changes):
        """Copies of the one row, for the first to the last of these numbers, each with these columns as
        SQL makes them of `s.seq`."""
        columns = [row[0] for row in self.sql(f"SHOW COLUMNS FROM {table}")]
        # As if long ago: else they would all be news to the daemon for half a minute.
        changes = {"changed_at": "'2020-01-01'", **changes}
        values = ", ".join(changes.get(name, f"t.{name}") for name in columns)
        self.sql(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values}"
                 f" FROM {table} t JOIN seq_{numbers[0]}_to_{numbers[1]} s WHERE t.{which}")

    def send_far(self, instance):
        """The one that the others are copies of, and a node for all of them."""
        self.copy("nodes", f"name = '{self.node.name}'", (1, 1), name=f"'{FAR}'",
                  heartbeat="t.heartbeat + 1e6", gossip_port="1")
        self.sql(f"UPDATE instances SET node = '{FAR}', state = 'created', power_state = 'on'"
                 f" WHERE uuid = '{instance['uuid']}'")

    def copy_networks(self, network, numbers):
        self.copy("networks", f"uuid = '{network}'", numbers, uuid=uuid("a"),
                  name="CONCAT('net-', s.seq)", vni="s.seq")

    def copy_instances(self, instance, numbers):
        """With their disks, and interfaces and addresses from 10.0.1.0 on."""
        of_one = f"instance_uuid = '{instance['uuid']}'"
        interface = instance["interfaces"][0]["uuid"]
        address = "INET_ATON('10.0.1.0') + s.seq"
        self.copy("instances", f"uuid = '{instance['uuid']}'", numbers, uuid=uuid("b"),
                  name="CONCAT('vm-', s.seq)")
        self.copy("instance_disks", of_one, numbers, instance_uuid=uuid("b"))
        self.copy("interfaces", of_one, numbers, uuid=uuid("c"), instance_uuid=uuid("b"),
                  mac="CONCAT('02:00:00:01:', LPAD(HEX(s.seq DIV 256), 2, '0'), ':',"
                      " LPAD(HEX(s.seq MOD 256), 2, '0'))", ipv4=f"INET_NTOA({address})")
        self.copy("addresses", f"owner_uuid = '{interface}'", numbers, address=address,
                  owner_uuid=uuid("c"))
