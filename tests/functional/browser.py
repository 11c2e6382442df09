# SPDX-License-Identifier: Apache-2.0
"""A browser inside a test host, told what to do as a person would tell it: by keys, by clicks on what is
seen, and by looking. Chromium speaks its DevTools protocol through two pipes, JSON and a NUL byte."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
import unittest

from cluster import HOSTS, wait_for

DEADLINE = 60  # of one command, on a busy machine
# Keys that are no letters -> their code, and the text that they are.
KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), "Escape": (27, "")}

# The first element of that selector that is seen and says that text, or has it as its label.
FIND = """((selector, text) => [...document.querySelectorAll(selector)].find((one) =>
  one.checkVisibility() && (one.getAttribute("aria-label") ?? one.textContent).trim() === text))"""


def pipe():
    """One whose numbers are none that a shell would use."""
    low = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in low]
    for end in low:
        os.close(end)
    return high


class Browser:
    """One page in one browser. All that the page has asked for, broken or complained of is kept."""

    def __init__(self, bed, host):
        if not shutil.which("chromium"):
            raise unittest.SkipTest("chromium is not installed: vagrant/provision.sh install test")
        self.folder = tempfile.mkdtemp(prefix="browser.")
        hears, self.to = pipe()
        self.answers, says = pipe()
        self.process = subprocess.Popen(
            # The shell puts the pipes where chromium looks for them.
            ["bash", "-c", f'exec "$@" 3<&{hears} 4>&{says}', "-",
             str(HOSTS), "exec", host, "--", "chromium", "--headless=new", "--no-sandbox",
             "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--remote-debugging-pipe", f"--user-data-dir={self.folder}",
             "about:blank"],
            pass_fds=(hears, says), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={**os.environ, "SF_HOSTS_DIR": str(bed.dir)})
        os.close(hears)
        os.close(says)
        self.buffer, self.sent, self.session, self.page = b"", 0, None, None
        self.requests, self.failures, self.complaints = [], [], []

    def new_page(self):
        """A tab that knows nothing of the one before, which it replaces."""
        self.session, old = None, self.page
        self.page = self.call("Target.createTarget", url="about:blank")["targetId"]
        if old:
            self.call("Target.closeTarget", targetId=old)
        self.session = self.call("Target.attachToTarget", targetId=self.page, flatten=True)["sessionId"]
        self.requests, self.failures, self.complaints = [], [], []
        for domain in ("Page", "Runtime", "Network", "Log", "Audits"):
            self.call(f"{domain}.enable")

    def close(self):
        self.session = None
        try:
            self.call("Browser.close")
        finally:
            self.process.wait(DEADLINE)
            os.close(self.to)
            os.close(self.answers)
            shutil.rmtree(self.folder, ignore_errors=True)

    # ---- the protocol ----------------------------------------------------------------------------

    def call(self, method, **params):
        self.sent += 1
        message = {"id": self.sent, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + DEADLINE
        while (answer := self.receive(deadline)).get("id") != self.sent:
            self.note(answer.get("method"), answer.get("params", {}))
        if "error" in answer:
            raise AssertionError(f"{method} {params}: {answer['error']}")
        return answer["result"]

    def receive(self, deadline):
        while b"\0" not in self.buffer:
            if not select.select([self.answers], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError("the browser does not answer")
            piece = os.read(self.answers, 1 << 20)
            if not piece:
                raise AssertionError("the browser has ended")
            self.buffer += piece
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def note(self, event, params):
        if event == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif event == "Network.loadingFailed":
            self.failures.append(params)
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(params["exceptionDetails"])
        elif event == "Audits.issueAdded" and params["issue"]["code"] == "ContentSecurityPolicyIssue":
            self.complaints.append(params["issue"])
        elif event == "Page.javascriptDialogOpening":
            self.complaints.append(params)
        elif event == "Log.entryAdded" and params["entry"]["source"] in ("security", "javascript"):
            self.complaints.append(params["entry"])

    # ---- looking ---------------------------------------------------------------------------------

    def js(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise AssertionError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def text(self):
        return self.js("document.body?.innerText ?? ''")

    def wait(self, expression, seconds=DEADLINE):
        return wait_for(lambda: self.js(expression), seconds, expression, self.text)

    def wait_text(self, text, seconds=DEADLINE):
        wait_for(lambda: text in self.text(), seconds, f"the page says {text!r}", self.story)

    def story(self):
        return "\n".join(map(str, [self.text(), "asked for:", *self.requests, "failed:", *self.failures,
                                   "complaints:", *self.complaints]))

    def screen(self, width, height=900, scheme="light"):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, path):
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    # ---- doing -----------------------------------------------------------------------------------

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def click(self, text, selector="button, a"):
        """A click in the middle of what says `text`, as soon as it is there and nothing covers it."""
        found = f"{FIND}({json.dumps(selector)}, {json.dumps(text)})"
        place = self.wait(f"""(() => {{
          const found = {found};
          found?.scrollIntoView({{block: "center"}});
          const box = found?.getBoundingClientRect();
          const place = box && [box.x + box.width / 2, box.y + box.height / 2];
          return place && found.contains(document.elementFromPoint(...place)) && place;
        }})()""")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left",
                      clickCount=1)

    def fill(self, name, value):
        """Types into the field of that name, in place of what is there."""
        self.wait(f"(() => {{ const one = document.querySelector('[name=\"{name}\"]');"
                  " one?.focus(); one?.select?.(); return !!one; })()")
        self.type(value)

    def choose(self, name, label):
        """What a list of a person's own browser would do with that option."""
        self.wait(f"""(() => {{
          const list = document.querySelector('[name="{name}"]');
          const option = [...list?.options ?? []].find((one) => one.label.startsWith({json.dumps(label)}));
          if (!option) return false;
          list.value = option.value;
          list.dispatchEvent(new Event("change", {{bubbles: true}}));
          return true;
        }})()""")

    def type(self, text):
        self.call("Input.insertText", text=text)

    def press(self, key):
        code, text = KEYS[key]
        for kind, typed in (("keyDown", text), ("keyUp", "")):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, text=typed,
                      windowsVirtualKeyCode=code)

    def tab_to(self, text, limit=60):
        """Goes on by the tab key until the focus is on what says `text`."""
        for _ in range(limit):
            self.press("Tab")
            if self.js("(document.activeElement.getAttribute('aria-label') ??"
                       " (document.activeElement.labels?.[0] ?? document.activeElement).textContent).trim()") == text:
                return
        raise AssertionError(f"no way to {text!r} by the tab key\n{self.text()}")
