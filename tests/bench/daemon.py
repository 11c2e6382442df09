# SPDX-License-Identifier: Apache-2.0
"""sf-node as a benchmark sees it: started here, asked by HTTP, and listened to.

The ends of jobs are taken from its log, as each line arrives. To ask for the state until it has
changed would take processor time from the very thing that is measured.
"""

import http.client
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

from figures import now
import processes

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1] / "functional"))
from client import Client

ADDRESS, PORT = "127.0.0.1", 13000
KEY = "benchmark"
STORAGE = pathlib.Path("/srv/shakenfist")
SECONDS = 60  # Longer than anything here lasts.


@dataclass
class Job:
    """A create or a delete: when it was answered and done, and what it took."""
    uuid: str
    answer_ms: float
    total_ms: float
    job_ms: float = 0  # what the daemon says that the job itself took
    steps: dict = field(default_factory=dict)
    statements: int = 0
    commits: int = 0


class Daemon:
    @staticmethod
    def bootstrap(build):
        subprocess.run([build / "node/sf-node", "bootstrap-system-key"], check=True,
                       stdout=subprocess.DEVNULL, env={**os.environ, "SHAKENFIST_SYSTEM_KEY": KEY})

    def __init__(self, build):
        self.changed = threading.Condition()
        self.lines = []  # (when, text) of its log, guarded by changed
        self.ended = False
        begun = now()
        self.process = subprocess.Popen([build / "node/sf-node", "run"], text=True,
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        threading.Thread(target=self.listen, daemon=True).start()
        self.start_ms = self.wait_for_answer() - begun
        self.client = Client(f"http://{ADDRESS}:{PORT}", "system", KEY, self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(SECONDS)

    # ---- listening -------------------------------------------------------------------------------

    def listen(self):
        for line in self.process.stderr:
            with self.changed:
                self.lines.append((now(), line))
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def log(self):
        with self.changed:
            return "".join(line for _, line in self.lines[-20:])

    def said(self, text):
        """When the first line with `text` in it came, and what follows the text there."""
        def find():
            return next(((when, line.partition(text)[2]) for when, line in self.lines
                         if text in line), None)
        with self.changed:
            self.changed.wait_for(lambda: self.ended or find(), SECONDS)
            if found := find():
                return found
        raise RuntimeError(f"sf-node did not say '{text}'\n{self.log()}")

    def wait_for_answer(self):
        deadline = now() + SECONDS * 1000
        while now() < deadline and self.process.poll() is None:
            connection = http.client.HTTPConnection(ADDRESS, PORT, timeout=SECONDS)
            try:
                connection.request("GET", "/")
                if connection.getresponse().status == 200:
                    return now()
            except OSError:
                time.sleep(0.002)
            finally:
                connection.close()
        raise RuntimeError(f"sf-node does not answer\n{self.log()}")

    # ---- instances -------------------------------------------------------------------------------

    def post(self, name):
        return self.client.create(name, os.environ["SF_BENCH_IMAGE"])["uuid"]

    def created_at(self, uuid):
        return self.said(f"instance created instance={uuid} seconds=")[0]

    def removed_at(self, uuid):
        return self.said(f"instance removed instance={uuid} seconds=")[0]

    def create(self, name, observe=None):
        return (observe or self.observe)("build", "created", lambda: self.post(name))

    def delete(self, instance, observe=None):
        def ask():
            self.client.call("DELETE", f"/instances/{instance.uuid}")
            return instance.uuid
        return (observe or self.observe)("remove", "removed", ask)

    def observe(self, operation, word, ask):
        """A job, at once: whoever rests first also measures how long a machine takes to wake up."""
        before = self.metrics()
        begun = now()
        uuid = ask()
        answered = now()
        done, seconds = self.said(f"instance {word} instance={uuid} seconds=")
        after = self.metrics()
        job = Job(uuid, answered - begun, done - begun, float(seconds.split()[0]) * 1000)
        for key, milliseconds in after["steps"].items():
            if key[0] == operation:
                job.steps[key[1]] = milliseconds - before["steps"].get(key, 0)
        return job

    def count(self, operation, word, ask):
        """A job with all that it asks of the database, until that is left alone again."""
        before = self.settle()
        job = self.observe(operation, word, ask)
        after = self.settle()
        job.statements = after["statements"] - before["statements"]
        job.commits = after["commits"] - before["commits"]
        return job

    def instance_folder(self, uuid):
        return STORAGE / "instances" / uuid

    # ---- figures ---------------------------------------------------------------------------------

    def metrics(self):
        """Counters, and the milliseconds that each (operation, step) has taken in all."""
        text = self.client.bare("GET", "/metrics").text
        steps = re.findall(r'^shakenfist_instance_step_seconds_sum\{operation="(\w+)",'
                           r'step="(\w+)"\} (\S+)', text, re.MULTILINE)
        counters = dict(re.findall(r"^shakenfist_database_(\w+) (\S+)", text, re.MULTILINE))
        return {"statements": float(counters["statement_seconds_count"]),
                "commits": float(counters["commits_total"]),
                "steps": {(operation, step): float(seconds) * 1000
                          for operation, step, seconds in steps}}

    def settle(self):
        """The metrics, as soon as the database has not been asked for a while."""
        deadline = now() + SECONDS * 1000
        before = self.metrics()
        while now() < deadline:
            time.sleep(0.3)
            after = self.metrics()
            if after == before:
                return after
            before = after
        raise RuntimeError(f"sf-node does not come to rest\n{self.log()}")

    def cpu_ms(self):
        return processes.cpu_seconds(self.process.pid) * 1000

    def memory(self):
        return processes.memory_of(self.process.pid)
