# SPDX-License-Identifier: Apache-2.0
"""The dashboard in a browser: what a person can see and do there, and what strangers' text cannot.
Pictures of all views are left in ui/ beside the daemons' logs."""

import json
import unittest
import uuid

from case import NodeTest, guest, user_data
from cluster import LOGS, SYSTEM_KEY, wait_for
from image_server import Slow
from in_browser import TOO_PALE, InBrowser
from three_nodes import ThreeNodes

BOOT = 90
# Markup, quotes, what turns the direction of the text behind it, and a control character.
EVIL = "<script>window.owned=1</script><img src=x onerror=window.owned=1>'\"&amp;\u202e\u2066x"
SEEN = "<script>window.owned=1</script><img src=x onerror=window.owned=1>'\"&amp;\u27e8202e\u27e9\u27e82066\u27e9x"


class Dashboard(InBrowser, NodeTest):
    def asked(self):
        return self.node

    def be_user(self):
        self.log_in(self.client.namespace, "secret")

    def with_network(self, name):
        network = self.client.call("POST", "/networks", {"name": name, "netblock": "10.0.0.0/24"})["uuid"]
        self.addCleanup(self.client.call, "DELETE", f"/networks/{network}")
        return network

    # ---- who one is ------------------------------------------------------------------------------

    def test_a_wrong_key_is_refused_in_words_and_the_right_one_is_kept_nowhere(self):
        browser = self.browser
        browser.fill("namespace", self.client.namespace)
        browser.fill("key", "wrong")
        browser.click("Log in")
        browser.wait_text("No such namespace, or the key is wrong")
        browser.fill("key", "secret")
        browser.click("Log in")
        browser.wait_text("Create instance")
        self.assertNotIn("Cluster", browser.text())  # It is for administrators.
        kept = browser.js("JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie])")
        self.assertNotIn("secret", kept)
        self.assertIn("token", kept)
        self.view("cluster")
        browser.wait("location.hash === '#/instances'")
        browser.call("Page.reload")
        browser.wait_text("Create instance")
        browser.click("Log out")
        browser.wait_text("Namespace")
        self.assertNotIn("token", browser.js("JSON.stringify({...sessionStorage})"))

    def test_a_token_that_has_ended_is_renewed_by_the_page_and_asked_for_after_a_reload(self):
        browser = self.browser
        self.be_user()
        end = "sessionStorage.setItem('shakenfist.token', 'ended')"
        browser.js(end)
        browser.wait("sessionStorage.getItem('shakenfist.token') !== 'ended'")
        browser.click("Networks")
        browser.wait_text("Create network")
        browser.js(end)
        browser.call("Page.reload")
        browser.wait_text("Your log-in has ended")
        browser.fill("key", "secret")
        browser.press("Enter")
        browser.wait_text("Create network")  # Where one was.

    # ---- what one does ---------------------------------------------------------------------------

    def test_an_instance_from_the_form_to_its_end(self):
        browser = self.browser
        self.with_network("front")
        url = self.offer("tiny", Slow(guest("tiny"), 2))
        self.be_user()
        browser.click("Create instance")
        for name, value in (("name", "web1"), ("cpus", "1"), ("memory", "128"), ("base-0", url),
                            ("size-0", ""), ("user_data", "#!/bin/sh\necho hello from ä user\n")):
            browser.fill(name, value)
        browser.choose("network", "front")
        browser.click("Create")
        browser.wait("!!document.querySelector('progress')")
        browser.wait_text("Fetching its image")
        browser.wait_text("TINY BOOTED", BOOT)
        browser.wait_text("TINY USERDATA hello from ä user")
        instance = self.client.show("web1")
        for text in (instance["uuid"], instance["interfaces"][0]["ipv4"], "front", "instance created"):
            self.assertIn(text, browser.text())
        self.assertNotIn("Fetching its image", browser.text())
        self.assertEqual("web1", browser.js("document.querySelector('h1').textContent"))
        self.press_all(browser)
        browser.click("Delete")
        browser.wait_text("Delete web1?")
        browser.click("Delete", "dialog button")
        browser.wait("document.querySelector('.states').innerText.startsWith('delete')")
        self.client.wait(instance["uuid"], "deleted")
        browser.wait("document.querySelector('.states').innerText.startsWith('deleted')")
        self.assertNotIn("Power off", browser.text())

    def press_all(self, browser):
        browser.click("Take a screenshot")
        browser.wait("document.querySelector('.screen img')?.naturalWidth > 300")
        browser.click("Power off")
        browser.wait_text("Power off web1?")
        browser.click("Cancel")
        self.assertEqual("on", self.client.show("web1")["power_state"])
        browser.click("Power off")
        browser.click("Power off", "dialog button")
        browser.wait_text("Power on")
        self.assertEqual("off", self.client.show("web1")["power_state"])
        browser.click("Power on")
        browser.click("Pause")
        browser.wait_text("Resume")
        browser.click("Resume")
        browser.wait_text("Reset")

    def test_what_is_refused_is_said_in_the_form_which_keeps_what_was_typed(self):
        browser = self.browser
        self.be_user()
        browser.click("Networks")
        browser.click("Create network")
        browser.fill("name", "large")
        browser.fill("netblock", "0.0.0.0/4")
        browser.click("Create")
        browser.wait_text("is not of a size from /8 to /29")
        browser.fill("netblock", "10.0.0.0/24")
        browser.click("Create")
        browser.wait("!!document.querySelector('tbody th a')")
        browser.click("large")
        browser.wait_text("the router")
        browser.click("Delete")
        browser.click("Delete", "dialog button")
        browser.wait_text("There are none here.")

    def test_an_artifact_is_fetched_and_events_are_chosen_by_kind(self):
        browser = self.browser
        url = self.offer("disk", Slow(guest("tiny"), 1))
        self.be_user()
        browser.click("Artifacts")
        browser.click("Fetch image")
        browser.fill("url", url)
        browser.click("Fetch")
        browser.wait("!!document.querySelector('progress')")
        browser.wait("document.querySelector('tbody .badge').textContent === 'created'")
        browser.click(url)
        browser.wait_text("SHA-256")
        browser.wait("!!document.querySelector('.events tbody tr')")
        browser.choose("type", "prune")
        browser.wait_text("Nothing has happened of this kind.")

    def test_a_namespace_and_its_keys(self):
        browser = self.browser
        name = f"t-ui-{uuid.uuid4().hex[:6]}"
        self.log_in("system", SYSTEM_KEY)
        browser.click("Namespaces")
        browser.click("Create namespace")
        for field, value in (("namespace", name), ("key_name", "first"), ("key", "a long secret")):
            browser.fill(field, value)
        browser.click("Create")
        browser.click(f"Add a key to {name}")
        browser.fill("key_name", "second")
        browser.fill("key", "another")
        browser.click("Add")
        browser.click(f"Delete the key first of {name}")
        browser.click("Delete", "dialog button")
        browser.wait_text("Key first is deleted")
        self.assertEqual(["second"], self.admin.call("GET", f"/auth/namespaces/{name}/keys"))
        browser.click(f"Delete the namespace {name}")
        browser.wait_text(f"Delete namespace {name}?")
        browser.click("Delete", "dialog button")
        browser.wait_text(f"Namespace {name} is deleted")

    # ---- what strangers say ----------------------------------------------------------------------

    def test_what_strangers_write_is_text_and_runs_nothing(self):
        browser = self.browser
        network = self.with_network(EVIL)
        says = EVIL.replace("'", "'\\''")
        instance = self.client.create(
            "named", self.offer("tiny", guest("tiny")), memory=128, network=[{"network_uuid": network}],
            user_data=user_data(f"#!/bin/sh\nprintf '%s\\n' '{says}'\nprintf '\\033[31mred\\033[0m\\007\\n'\n"),
            metadata={EVIL.replace("/", ""): EVIL})["uuid"]
        self.addCleanup(self.client.delete, instance)
        self.client.wait(instance, "created")
        self.bed.sql(self.node.database, "UPDATE events SET message = CONCAT(message, FROM_BASE64('"
                     f"{user_data(EVIL)}')), extra = JSON_OBJECT('x', FROM_BASE64('{user_data(EVIL)}'))"
                     f" WHERE object = '{instance}'")
        self.be_user()
        self.view("networks")
        browser.wait_text(SEEN)
        self.view("networks", network)
        browser.wait(f"document.querySelector('h1').textContent === {json.dumps(SEEN)}")
        self.view("instances", instance)
        browser.wait(f"[...document.querySelectorAll('dd')].some((one) => one.textContent === {json.dumps(SEEN)})")
        browser.wait(f"document.querySelector('.events')?.innerText.includes({json.dumps(SEEN)})")
        browser.wait(f"document.querySelector('.console')?.innerText.includes({json.dumps(SEEN)})", BOOT)
        browser.wait("document.querySelector('.console').innerText.includes('red\\u2407')")
        browser.wait(f"document.querySelector('.events code').textContent.includes('window.owned')")
        for kind in ("events", "instances", "artifacts"):
            self.view(kind)
            browser.wait("!!document.querySelector('h1')")
        self.view(EVIL)  # An address is a stranger's text, too.
        self.view("events", "instances", instance)
        browser.wait_text(SEEN)
        self.assertEqual(1, browser.js("document.scripts.length"))
        self.assertIsNone(browser.js("window.owned"))
        self.assertEqual(0, browser.js("document.images.length"))

    # ---- how it is seen and used -----------------------------------------------------------------

    def test_everything_by_keyboard(self):
        browser = self.browser
        browser.type(self.client.namespace)  # The focus is there.
        browser.press("Tab")
        browser.type("secret")
        browser.press("Enter")
        browser.wait_text("Log out")
        browser.call("Page.reload")
        browser.wait_text("Log out")
        browser.tab_to("Skip to content")
        browser.wait("document.activeElement.getBoundingClientRect().top >= 0")
        browser.press("Enter")
        self.assertEqual("main", browser.js("document.activeElement.id"))
        browser.call("Page.reload")
        browser.wait_text("Log out")
        browser.tab_to("Networks")
        browser.press("Enter")
        browser.wait_text("Create network")
        browser.tab_to("Create network")
        browser.press("Enter")
        browser.wait("document.activeElement.name === 'name'")
        browser.press("Escape")
        browser.wait("!document.querySelector('dialog')")
        self.assertEqual("Create network", browser.js("document.activeElement.textContent"))
        browser.press("Enter")
        browser.wait("document.activeElement.name === 'name'")
        browser.type("keyed")
        browser.tab_to("Netblock")
        browser.type("10.0.0.0/24")
        browser.tab_to("Create")
        browser.press("Enter")
        browser.wait("!!document.querySelector('tbody th a')")
        browser.tab_to("keyed")
        # What is asked for again meanwhile takes nobody's focus.
        before = len(browser.requests)
        wait_for(lambda: browser.js("1") and len(browser.requests) > before + 2, 60, "the list again")
        self.assertEqual("keyed", browser.js("document.activeElement.textContent"))
        browser.press("Enter")
        browser.wait_text("the router")
        browser.tab_to("Delete")
        browser.press("Enter")
        browser.wait_text("Delete network keyed?")
        browser.tab_to("Delete")
        browser.press("Enter")
        browser.wait_text("There are none here.")

    def test_every_view_on_any_screen_in_light_and_dark_can_be_read(self):
        browser = self.browser
        network = self.with_network("front")
        artifact = self.client.call("POST", "/artifacts", {"url": self.empty})["uuid"]
        instance = self.client.create("web1", self.empty, network=[{"network_uuid": network}])["uuid"]
        failed = self.client.create("large", disk=[
            {"base": self.offer("none", b"no image"), "size": 1, "bus": None, "type": "disk"}])["uuid"]
        for one in (instance, failed):
            self.addCleanup(self.client.delete, one)
        self.client.wait(instance, "created")
        wait_for(lambda: self.client.show(failed)["state"] == "error", 30, "the other fails")
        for scheme in ("light", "dark"):
            browser.screen(1280, scheme=scheme)
            self.look("log-in", scheme, 1280)
        self.log_in("system", SYSTEM_KEY)
        views = (("cluster",), ("instances",), ("instances", instance), ("networks",), ("networks", network),
                 ("artifacts",), ("artifacts", artifact), ("namespaces",), ("events", "instances", instance))
        for scheme, width in (("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)):
            browser.screen(width, scheme=scheme)
            for path in views:
                self.view(*path)
                browser.wait("!!document.querySelector('.view .badge, .view time')")
                self.look("-".join((path[0], *("one" for _ in path[1:2]))), scheme, width)
            self.view("instances")
            browser.click("Create instance")
            browser.wait("!!document.querySelector('dialog')")
            self.look("create", scheme, width)
            browser.press("Escape")

    def look(self, name, scheme, width):
        browser = self.browser
        with self.subTest(f"{name} {scheme} {width}"):
            seen = browser.js(TOO_PALE)
            self.assertGreater(seen["count"], 3)
            self.assertEqual([], seen["found"])
            self.assertLessEqual(browser.js("document.documentElement.scrollWidth"), width)
            self.assertEqual([], browser.js(
                "[...document.querySelectorAll('input, select, textarea, button')].filter((one) =>"
                " one.checkVisibility() && !one.labels?.length && !one.textContent.trim()"
                " && !one.getAttribute('aria-label')).map((one) => one.outerHTML)"))
            browser.picture(LOGS / "ui" / f"{name}-{scheme}-{width}.png")


class Outages(InBrowser, ThreeNodes):
    """What the page says of nodes and of the database that go away, and when they are back."""

    prefix, port = "ui", 15400

    def asked(self):
        return self.nodes[0]

    def card(self, node):
        """What is said of that node."""
        cards = self.browser.js("[...document.querySelectorAll('article')].map((one) => one.innerText)")
        return next((card for card in cards if card.startswith(node.name)), "")

    def wait_card(self, node, text, seconds=30):
        wait_for(lambda: text in self.card(node), seconds, f"{node.name} is said to be {text}",
                 self.browser.text)

    def test_the_cluster_as_gossip_sees_it(self):
        self.wait_well()
        self.log_in("system", SYSTEM_KEY)
        self.browser.wait_text("3 alive")
        holder = self.holder(self.nodes[0])[0]
        self.assertIn("network services", self.card(self.node_named(holder)))
        last = self.nodes[2]
        for verb in ("Drain", "Undrain"):
            self.browser.click(verb, f'[data-key="{last.name}"] button')
            self.wait_card(last, {"Drain": "drained", "Undrain": "Drain"}[verb])
        last.kill()
        self.wait_card(last, "dead")
        self.assertRegex(self.card(last), rf"{self.prefix}-[12] found it \w+: ")
        self.browser.picture(LOGS / "ui" / "cluster-with-a-dead-node.png")
        last.start()
        self.wait_card(last, "alive")

    def test_a_banner_says_who_is_away_and_how_old_the_picture_is(self):
        browser = self.browser
        self.log_in("system", SYSTEM_KEY)
        browser.wait_text("Networks served by")
        self.addCleanup(self.bed.hosts, "db", "start")
        self.bed.hosts("db", "stop")
        browser.wait_text("The database does not answer. What you see is as of ")
        self.assertIn("alive", self.card(self.nodes[0]))
        browser.picture(LOGS / "ui" / "cluster-without-a-database.png")
        self.bed.hosts("db", "start")
        browser.wait("document.getElementById('banner').textContent === ''")
        self.nodes[0].stop()
        browser.wait_text("This node does not answer. Trying again.")
        self.nodes[0].start()
        browser.wait("document.getElementById('banner').textContent === ''")


if __name__ == "__main__":
    unittest.main()
