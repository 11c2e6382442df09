# SPDX-License-Identifier: Apache-2.0
"""A real Debian with its cloud-init takes name, ssh key and user data from our config drive."""

import unittest

from case import NodeTest, guest, user_data
from cluster import cluster

SECONDS = 400  # 80 on an idle machine without KVM; here it boots while other tests run
KEY = ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGVCcjsxFTc6TkGRMpmySDXv0oXzd9nYXCcGnHzWlXSa "
       "me@functional\n")
CONFIG = """#cloud-config
write_files:
- path: /run/from-user-data
  content: cloud-init was here
"""
started = {}


def begin():
    """Starts the guest, which takes more than a minute to boot."""
    if not started:
        client = cluster().node.client()
        url = cluster().images.offer("/debian.qcow2", guest("debian"))
        started.update(client.create("debian-12", memory=512, disk=[{"base": url, "size": 4}],
                                     ssh_key=KEY, user_data=user_data(CONFIG)))


class CloudInit(NodeTest):
    def test_cloud_init_took_host_name_key_and_user_data_from_the_config_drive(self):
        begin()
        self.addCleanup(self.admin.delete, started["uuid"])
        self.admin.wait(started["uuid"], "created", 120)
        line = self.admin.wait_console(started["uuid"], r"DEB BOOTED .*", SECONDS).group()
        self.assertIn("hostname=debian-12 ", line)
        self.assertIn("key=me@functional ", line)
        self.assertIn("userdata=cloud-init was here ", line)
        self.assertRegex(line, r"ds=(openstack|configdrive)")


if __name__ == "__main__":
    unittest.main()
