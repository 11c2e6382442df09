# SPDX-License-Identifier: Apache-2.0
"""What functional tests run against: test hosts, sf-node on them, and a place to offer images from.

One bed of hosts serves a whole run (see `cluster()`). On h1 runs the node that tests share; h2 is
for tests that break things: its node belongs to a cluster of its own.
"""

import atexit
import functools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
import urllib.request

from against import ReachedCluster
from client import SLOW, Client
from image_server import ImageServer

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SF_BUILD", ROOT / "build/dev")).resolve()
AGAINST = bool(os.environ.get("SF_AGAINST"))  # a cluster that is there already
SF = BUILD / "node/cli/sf"
if AGAINST and not SF.exists():
    SF = pathlib.Path("/usr/bin/sf")
GUESTS = ROOT / "build/guests"
# So that runs with builds of their own, and lanes of one run, do not meet.
LOGS = BUILD / "-".join(filter(None, ("functional", os.environ.get("SF_LANE"))))
HOSTS = ROOT / "tests/hosts/hosts"
LONG = bool(os.environ.get("SF_LONG"))  # outages as long as real ones
SYSTEM_KEY = "functional-tests"


def wait_for(condition, seconds, what, show=lambda: ""):
    """The first true value of condition(). `show` tells, when there was none, how things stand."""
    deadline = time.monotonic() + seconds * SLOW
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}; last: {value!r}\n{show()}")
        time.sleep(0.1)
    return value


@functools.cache
def confined():
    """What runs a program with the capabilities that sf-node's unit for systemd leaves it."""
    unit = (ROOT / "templates/sf-node.service").read_text()
    left, = re.findall("^CapabilityBoundingSet=(.*)$", unit, re.MULTILINE)
    kept = [f"+{name.removeprefix('CAP_').lower()}" for name in left.split()]
    return ["setpriv", f"--bounding-set={','.join(['-all', *kept])}"]


class Bed:
    """The test hosts, made by tests/hosts, and linked to this machine, so that tests can call."""

    def __init__(self, size):
        self.dir = pathlib.Path(os.environ.setdefault(
            "SF_HOSTS_DIR", f"/var/tmp/shakenfist-tests.{os.getpid()}"))
        if not self.dir.exists():
            atexit.register(self.hosts, "down")  # first, as it may be half up when all is called off
            self.hosts("up", "-n", str(size), "--link", "--docker")
        lines = self.hosts("env").stdout.splitlines()
        pairs = (line.partition("=") for line in lines)
        self.settings = {name: value.strip("'") for name, _, value in pairs}
        self.addresses = self.settings["BED_HOSTS"].split()
        if len(self.addresses) < size or not self.settings["BED_MACHINE"]:
            raise RuntimeError(f"the bed in {self.dir} is not one of 'hosts up -n {size} --link'")

    def hosts(self, *words, **options):
        """Runs tests/hosts/hosts; what it says is an error if it fails."""
        done = subprocess.run([str(HOSTS), *words], text=True, capture_output=True,
                              stdin=subprocess.DEVNULL, **options)
        if done.returncode != 0:
            raise RuntimeError(
                f"hosts {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def run(self, host, *command):
        """The output of a command inside a host."""
        return self.hosts("exec", host, "--", *command).stdout

    def sql(self, database, statement):
        """The rows of a query, each a list of texts."""
        lines = self.hosts("db", "sql", f"USE `{database}`; {statement}").stdout.splitlines()
        return [line.split("\t") for line in lines[1:]]

    def disk(self, host):
        """The root of a host's own disk, as this machine sees it."""
        return self.dir / host / "disk"

    def address(self, host):
        return self.addresses[int(host[1:]) - 1]


class Node:
    """sf-node on a host: its process, its settings, and what it has made there."""

    def __init__(self, bed, host, *, name=None, database=None, port=13000,
                 storage="/srv/shakenfist", **options):
        self.bed = bed
        self.host = host
        self.name = name or host
        self.database = database or f"sf_{self.name}"
        self.address = f"{bed.address(host)}:{port}"
        self.program = "node/sf-node"
        self.trust = None  # an ssl.SSLContext, for a node that speaks HTTPS
        self.storage = bed.disk(host) / storage.lstrip("/")
        self.log = LOGS / f"{self.name}.log"
        self.process = None
        sql_url = bed.settings["BED_SQL_URL"].rpartition("/")[0]
        self.options = {
            "SQL_URL": f"{sql_url}/{self.database}", "NODE_NAME": self.name, "API_PORT": str(port),
            "GOSSIP_PORT": str(port + 2),
            "STORAGE_PATH": storage, "VIRT_TYPE": "qemu", "CONSOLE_ADDRESS": bed.address(host),
            # Short, so that tests see what happens when time is up.
            "IMAGE_CHECK_INTERVAL": "2", "IMAGE_STALL_TIMEOUT": "1", "IMAGE_MAX_SIZE": "3",
            "DISK_RESERVE": "1", "RAM_OVERCOMMIT_RATIO": "4", **options}
        LOGS.mkdir(parents=True, exist_ok=True)
        bed.hosts("db", "create", self.database)

    @property
    def url(self):
        return f"{'https' if self.options.get('API_TLS_CERT') else 'http'}://{self.address}"

    # ---- the process -----------------------------------------------------------------------------

    def command(self, *words):
        return [str(HOSTS), "exec", self.host, "--", *confined(), str(BUILD / self.program), *words]

    def environment(self, options=None, **variables):
        merged = {**self.options, **(options or {})}
        return {
            "PATH": os.environ["PATH"], "SF_HOSTS_DIR": str(self.bed.dir),
            **{name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")},
            **{f"SHAKENFIST_{key}": value for key, value in merged.items() if value is not None},
            **variables
        }

    def tool(self, *words, options=None, **variables):
        """Runs a subcommand of sf-node to its end, however it ends."""
        return subprocess.run(self.command(*words), env=self.environment(options, **variables),
                              stdin=subprocess.DEVNULL, text=True, capture_output=True, timeout=120)

    def bootstrap(self):
        done = self.tool("bootstrap-system-key", SHAKENFIST_SYSTEM_KEY=SYSTEM_KEY)
        if done.returncode != 0:
            raise AssertionError(
                f"bootstrap-system-key: {done.returncode}\n{done.stdout}{done.stderr}")

    def start(self, options=None, wait=True, **variables):
        """Starts the daemon; `options` are its own, `variables` the environment's."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command("run"), env=self.environment(options, **variables),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if wait:
            wait_for(self.answers, 20, f"sf-node on {self.name} answers", self.tail)

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(
                f"sf-node on {self.name} ended: {self.process.returncode}\n{self.tail()}")
        try:
            return urllib.request.urlopen(self.url, timeout=2, context=self.trust).status == 200
        except OSError:
            return False

    @property
    def pid(self):
        """The daemon's own pid: the process we started only waits for it."""
        outer = self.process.pid
        children = pathlib.Path(f"/proc/{outer}/task/{outer}/children")
        return int(wait_for(lambda: children.read_text().split(), 5, "sf-node has been started")[0])

    def running(self):
        return self.process is not None and self.process.poll() is None

    def ended(self, seconds=60):
        """Waits for the end, and returns the exit status; negative: the signal that ended it."""
        wait_for(lambda: not self.running(), seconds, f"sf-node on {self.name} ends", self.tail)
        return self.process.returncode

    def stop(self, seconds=30):
        if self.running():
            os.kill(self.pid, signal.SIGTERM)
        return self.ended(seconds)

    def kill(self):
        if self.running():
            os.kill(self.pid, signal.SIGKILL)
            self.thaw()
        return self.ended()

    def freeze(self):
        os.kill(self.pid, signal.SIGSTOP)
        stopped = lambda: pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(") T ")[1]
        wait_for(lambda: not self.running() or stopped(), 20, f"sf-node on {self.name} stands still")

    def thaw(self):
        """By the process we started: it stops and goes on with the daemon."""
        os.kill(self.process.pid, signal.SIGCONT)

    def tail(self, lines=25):
        """The end of its log."""
        try:
            text = self.log.read_text(errors="replace")
        except OSError:
            return ""
        return f"-- {self.log}\n" + "\n".join(text.splitlines()[-lines:])

    def client(self, namespace="system", key=SYSTEM_KEY):
        return Client(self.url, namespace, key, self.tail, self.trust)

    # ---- what it has made ------------------------------------------------------------------------

    def virsh(self, *words):
        return self.bed.run(self.host, "virsh", "-q", "-c", "qemu:///system", *words)

    def domains(self, state="--all"):
        """The names of its cluster's domains: running ones with state "--state-running". Nodes of
        other clusters, on the same host, have theirs."""
        return [name for name in self.virsh("list", "--name", state).split()
                if name.startswith(f"sf-{self.cluster_id[:8]}-")]

    @functools.cached_property
    def cluster_id(self):
        return self.bed.sql(self.database, "SELECT value FROM cluster WHERE name = 'id'")[0][0]

    def domain(self, uuid):
        """The one domain of an instance."""
        found = [name for name in self.domains() if name.endswith(uuid)]
        if len(found) != 1:
            raise AssertionError(f"instance {uuid} has these domains: {found}\n{self.tail()}")
        return found[0]

    def folder(self, uuid):
        return self.storage / "instances" / uuid

    def qemu(self, uuid):
        """The pid of an instance's QEMU, as this machine knows it; None without one."""
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"qemu-system" in words[0] and uuid.encode() in words:
                return int(entry.name)
        return None

    def leftovers(self, uuid=""):
        """What is left of an instance, or of all of them: domains, folders, rows of what it had."""
        left = [f"domain {name}" for name in self.domains() if name.endswith(uuid)]
        left += [str(path) for path in (self.storage / "instances").glob(f"*{uuid}")]
        of = f"instance_uuid = '{uuid}'" if uuid else "1"
        for kind, rows in (("port", f"ports WHERE {of}"),
                           ("interface", f"interfaces WHERE live = 1 AND {of}"),
                           ("address", f"addresses a JOIN interfaces f ON f.uuid = a.owner_uuid WHERE {of}")):
            left += [f"{kind} {row}"
                     for row in self.bed.sql(self.database, f"SELECT * FROM {rows}")]
        return left

    def services(self):
        """What its sf-services last reported; nothing when it never ran."""
        try:
            return json.loads((self.storage / "services/status.json").read_text())
        except (OSError, ValueError):
            return {"serving": False, "networks": {}}

    def downloads(self):
        """Files of images that are being fetched, or that a crash has left."""
        return [str(path) for path in (self.storage / "images/incoming").rglob("*")]


class Cluster:
    def __init__(self):
        shutil.rmtree(LOGS, ignore_errors=True)
        self.bed = Bed(4)
        self.images = ImageServer(self.bed.settings["BED_MACHINE"])
        self.nodes = []
        atexit.register(self.down)

    def begin(self, host, **settings):
        """A node by itself: of the cluster that all share, unless it is called otherwise."""
        node = Node(self.bed, host, **settings)
        self.nodes.append(node)
        node.bootstrap()
        node.start()
        return node

    @functools.cached_property
    def node(self):
        """The node that tests share."""
        return self.begin("h1")

    @functools.cached_property
    def victim(self):
        """The node that tests may break; each leaves it running."""
        return self.begin("h2")

    def down(self):
        for node in self.nodes:
            if node.running():
                node.kill()
        self.images.close()


@functools.lru_cache(maxsize=None)
def cluster():
    """The one cluster of this run, made when it is first asked for, unless it is there already."""
    return ReachedCluster() if AGAINST else Cluster()
