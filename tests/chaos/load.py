# SPDX-License-Identifier: Apache-2.0
"""People who use the cloud meanwhile, by all nodes, and write down what they were promised."""

import http.client
import random
import threading
import time

import disk_images
from client import Client, WrongAnswer
from ledger import DONE, EITHER, NO, REFUSED, UNKNOWN, YES

PATIENCE = 8        # seconds for an answer: nobody waits longer when there is so much else to do
POWER_PATIENCE = 40  # likewise of a power call, which waits for what is going on with its instance
INSTANCES, NETWORKS = 3, 1  # that each may have
FRESH = 5           # seconds after which each node knows of a deletion, unless it says that it does not
EMPTY = disk_images.qcow2()
AFTER_ALL = "may or may not"  # an error that cannot tell


class HastyClient(Client):
    patience = PATIENCE

    def connect(self):
        return http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=self.patience)


class Person:
    """Has instances and networks that nobody else changes."""

    def __init__(self, number, ledger, nodes, images, tell):
        self.number = number
        self.ledger = ledger
        self.nodes = nodes
        self.images = images
        self.tell = tell
        self.clients = {node.name: HastyClient(node.url, "system", node.client().key)
                        for node in nodes}
        self.things = []
        self.made = 0

    def mine(self, kind):
        return [thing for thing in self.things if thing.kind == kind and thing.exists != NO]

    def live(self, kind, built=False):
        return [thing for thing in self.things if thing.kind == kind and thing.exists == YES
                and (thing.built or not built)]

    def work(self, choices, over):
        """Until it is over."""
        self.choices = choices
        acts = [(self.make_instance, 5), (self.delete_instance, 3), (self.switch, 4), (self.read, 8),
                (self.make_network, 2), (self.delete_network, 1), (self.float_nic, 2),
                (self.plug_nic, 1)]
        while not over.is_set():
            act, = choices.choices([act for act, _ in acts], [weight for _, weight in acts])
            if not act():
                over.wait(0.05)
            over.wait(choices.uniform(0.02, 0.2))

    # ---- acts: true if there was something to do -------------------------------------------------

    def make_instance(self):
        if len(self.mine("instances")) >= INSTANCES:
            return False
        networks = self.live("networks")
        wanted = self.choices.sample(networks, min(len(networks), self.choices.randrange(3)))
        placed = self.choice_of_node().name if self.choices.random() < 0.4 else None
        self.made += 1
        thing = self.begin("instances", f"i{self.number}-{self.made}")
        outcome, view = self.change(thing, "POST", "/instances", {
            "name": thing.name, "cpus": 1, "memory": 64, "placed_on": placed,
            "disk": [{"base": self.choice_of_image(), "size": 1}],
            "network": [{"network_uuid": network.uuid} for network in wanted]})
        self.ledger.created(thing, outcome, view)
        thing.power = True if outcome == DONE else None
        return True

    def delete_instance(self):
        return self.delete(self.live("instances"))

    def make_network(self):
        if len(self.mine("networks")) >= NETWORKS:
            return False
        self.made += 1
        thing = self.begin("networks", f"n{self.number}-{self.made}")
        outcome, view = self.change(thing, "POST", "/networks", {
            "name": thing.name, "netblock": "10.14.0.0/24",
            "provide_dhcp": self.choices.random() < 0.5, "provide_nat": self.choices.random() < 0.7})
        self.ledger.created(thing, outcome, view)
        return True

    def float_nic(self):
        """Gives an interface a floating address, or takes it away: 400 where the network has no NAT."""
        nics = [(thing, nic) for thing in self.live("instances") for nic in thing.nics]
        if not nics:
            return False
        (thing, nic), call = self.choices.choice(nics), self.choices.choice(("float", "defloat"))
        outcome, _ = self.change(thing, "POST", f"/interfaces/{nic}/{call}")
        self.ledger.floated(thing, nic, call == "float", outcome)
        return True

    def plug_nic(self):
        """Gives an instance another interface."""
        things, networks = self.live("instances", built=True), self.live("networks")
        if not things or not networks:
            return False
        thing, network = self.choices.choice(things), self.choices.choice(networks)
        outcome, view = self.change(thing, "POST", f"/instances/{thing.uuid}/interfaces",
                                    {"network": {"network_uuid": network.uuid}})
        if outcome == DONE:
            self.ledger.promise_nics(thing, {"interfaces": [view]})
        return True

    def delete_network(self):
        return self.delete(self.live("networks"))

    def delete(self, things):
        if not things:
            return False
        thing = self.choices.choice(things)
        self.ledger.deleted(thing, self.change(thing, "DELETE", f"/{thing.kind}/{thing.uuid}")[0])
        return True

    def switch(self):
        things = self.live("instances", built=True)
        if not things:
            return False
        thing, call = self.choices.choice(things), self.choices.choice(
            ("poweroff", "poweron", "reboothard"))
        outcome, _ = self.change(thing, "POST", f"/instances/{thing.uuid}/{call}", power=True)
        if call != "reboothard":
            self.ledger.powered(thing, call == "poweron", outcome)
        return True

    def read(self):
        things = [thing for thing in self.things if thing.uuid and thing.exists != EITHER]
        if not things:
            return False
        thing, node = self.choices.choice(things[-12:]), self.choice_of_node()
        began = time.monotonic()
        exists, gone_at = thing.exists, thing.gone_at
        answer = self.ask(thing, node, "GET", f"/{thing.kind}/{thing.uuid}")
        if answer is None:
            return True
        if answer.status == 404 and exists == YES:
            self.ledger.break_promise(thing, f"{node.name} says that it is not there: {answer!r}")
        if answer.status != 200:
            return True
        view = answer.json
        if view["state"] == "created" and exists == YES and not thing.built:
            thing.built = thing.kind == "instances"
            self.ledger.say(thing, f"{node.name} shows it created")
        if exists == YES and not answer.headers["Warning"]:
            self.ledger.promise_nics(thing, view)
        fresh = began - gone_at > FRESH and not answer.headers["Warning"]
        if exists == NO and gone_at and fresh and view["state"] not in ("delete-wait", "deleted"):
            self.ledger.break_promise(thing, f"{node.name} shows it {view['state']}")
        return True

    # ---- calls -----------------------------------------------------------------------------------

    def choice_of_image(self):
        """Mostly the one that is in every cache; else one that no node has yet."""
        if self.choices.random() < 0.8:
            return self.images.offer("/chaos/empty.qcow2", EMPTY)
        return self.images.offer(f"/chaos/{self.choices.randrange(1 << 48):x}.qcow2", EMPTY)

    def choice_of_node(self):
        return self.choices.choice(self.nodes)

    def begin(self, kind, name):
        thing = self.ledger.asked(kind, name)
        self.things.append(thing)
        return thing

    def change(self, thing, method, path, body=None, power=False):
        """(what came of it, the view that was answered)"""
        node = self.choice_of_node()
        what = f"{method} {path} at {node.name}"
        answer = self.ask(thing, node, method, path, body)
        if answer is None:
            outcome = UNKNOWN if self.sent else REFUSED
        elif answer.status == 200:
            self.ledger.say(thing, f"{what}: done")
            return DONE, answer.json
        else:
            vague = answer.status in (500, 504) or AFTER_ALL in answer.text \
                or power and answer.status == 503
            outcome = UNKNOWN if vague else REFUSED
            if answer.status == 404 and thing.exists == YES:
                self.ledger.break_promise(thing, f"{what}: {answer!r}")
        said = "no answer" if answer is None else f"{answer.status} {answer.text[:200].strip()}"
        self.ledger.say(thing, f"{what}: {outcome}: {said}")
        return outcome, None

    def ask(self, thing, node, method, path, body=None):
        """None when no answer came; self.sent tells whether the call may have been heard."""
        client, self.sent = self.clients[node.name], False
        client.patience = POWER_PATIENCE if "/power" in path or "/reboot" in path else PATIENCE
        began = time.monotonic()
        try:
            if not client.token:
                client.log_in()
            self.sent = True
            answer = client.request(method, path, body)
        except ConnectionRefusedError:
            self.sent = False
            return self.count(method, "refused a connection")
        except (OSError, http.client.HTTPException):
            return self.count(method, "no answer")
        except WrongAnswer:
            self.sent = False
            return self.count(method, "no log-in")
        self.count(method, answer.status)
        if answer.status == 401:  # One of the clocks has jumped.
            client.token = None
        if answer.status == 500:
            self.ledger.break_promise(thing, f"{method} {path} at {node.name}: {answer!r}")
        if (took := time.monotonic() - began) > 6:
            self.tell(f"slow:  {method} {path} at {node.name}: {answer.status} after {took:.1f} s")
        return answer

    def count(self, method, result):
        with self.ledger.lock:
            self.ledger.calls[f"{method} {result}"] += 1


class Load:
    def __init__(self, people, ledger, nodes, images, tell):
        self.people = [Person(number, ledger, nodes, images, tell) for number in range(people)]

    def begin(self, seed):
        self.over = threading.Event()
        self.threads = [threading.Thread(target=person.work, args=(
            random.Random(f"{seed} {person.number}"), self.over)) for person in self.people]
        for thread in self.threads:
            thread.start()

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()
