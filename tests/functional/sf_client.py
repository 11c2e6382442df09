# SPDX-License-Identifier: Apache-2.0
"""sf-client 0.7.5 as the wire sees it: a connection for each request, JSON bodies on every method, a page
read twice and a log-in before the first call, one more after a 401, and patience with a 406."""

import time

AGENT = "Mozilla/5.0 (Ubuntu; Linux x86_64) Shaken Fist/0.7.5"
PAUSE = 60  # s that the command line waits for what it began; `block` is 3600
GONE = 404


class Refused(AssertionError):
    """An answer that ends a command."""

    def __init__(self, what, answer, explain):
        super().__init__(f"{what}: {answer!r}\n{explain}")
        self.status = answer.status


class Command:
    """One invocation, up to its end, as the namespace of `client`."""

    def __init__(self, client, patience=PAUSE):
        self.client = client
        self.patience = patience
        self.statuses = []  # of all answers
        self.headers = {"User-Agent": AGENT, "Accept": "*/*"}
        self.page = self.send("GET", "", {"Accept": "*/*"}).text
        if self.send("GET", "", self.headers).status != 200:
            raise AssertionError("the second look at the page failed")
        self.log_in()

    def send(self, method, path, headers, body=None):
        answer = self.client.bare(method, path, body, headers)
        self.statuses.append(answer.status)
        return answer

    def log_in(self):
        headers = {key: value for key, value in self.headers.items() if key != "Authorization"}
        answer = self.send("POST", "/auth", headers,
                           {"namespace": self.client.namespace, "key": self.client.key})
        if answer.status != 200:
            raise Refused("POST /auth", answer, self.client.explain())
        self.headers["Authorization"] = f"Bearer {answer.json['access_token']}"

    def answer(self, method, path, body=None):
        """Any answer but a 406, as long as there is patience, or a first 401."""
        deadline = time.monotonic() + self.patience
        again = True
        while True:
            # Nothing to say, or an empty object: no body and no Content-Type.
            found = self.send(method, path, self.headers, body or None)
            if found.status == 401 and again:
                again = False
                self.log_in()
            elif found.status == 406 and time.monotonic() < deadline:
                time.sleep(1)
            else:
                return found

    def bytes(self, method, path, body=None):
        """Of an answer that is not parsed."""
        found = self.answer(method, path, body)
        if found.status != 200:
            raise Refused(f"{method} {path}", found, self.client.explain())
        return found.data

    def __call__(self, method, path, body=None):
        """The parsed answer; nothing but 200 with a body will do."""
        found = self.answer(method, path, body)
        if found.status != 200 or not found.data:
            raise Refused(f"{method} {path}", found, self.client.explain())
        return found.json

    def status(self, method, path, body=None):
        return self.answer(method, path, body).status

    def find(self, path, body=None):
        """What is there, or nothing."""
        try:
            return self("GET", path, body)
        except Refused as refused:
            if refused.status != GONE:
                raise
            return None

    # ---- waiting ---------------------------------------------------------------------------------

    def until(self, path, stops):
        """What is last seen there, once a second, at the latest when patience is over."""
        deadline = time.monotonic() + self.patience
        while not stops(view := self("GET", path)) and time.monotonic() < deadline:
            time.sleep(1)
        return view

    def create_instance(self, body):
        made = self("POST", "/instances", body)
        return self.until(f"/instances/{made['uuid']}", is_made)

    def create_network(self, body):
        made = self("POST", "/networks", body)
        return self.until(f"/networks/{made['uuid']}", is_made)

    def delete_instance(self, ref, body=None):
        uuid = self("DELETE", f"/instances/{ref}", body)["uuid"]
        return self.until(f"/instances/{uuid}", lambda view: view["state"] == "deleted")


def is_made(view):
    return view["state"] not in ("initial", "creating")


def instance(name, base, **fields):
    """What `instance create NAME 1 128 -d 1@BASE` sends."""
    return {
        "name": name, "cpus": 1, "memory": 128, "network": [],
        "disk": [{"size": 1, "base": base, "bus": None, "type": "disk"}], "ssh_key": None,
        "user_data": None, "namespace": None, "video": {"model": "cirrus", "memory": 16384},
        "configdrive": "openstack-disk", "metadata": {}, "side_channels": [], "uefi": False,
        "secure_boot": False, "nvram_template": None, **fields
    }


def network(name, netblock="10.0.0.0/24", **fields):
    """What `network create NAME NETBLOCK --no-nat` sends."""
    return {"name": name, "netblock": netblock, "provide_dhcp": True, "provide_nat": False,
            "namespace": None, **fields}
