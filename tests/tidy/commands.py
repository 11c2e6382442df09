# SPDX-License-Identifier: Apache-2.0
"""Each command that the README shows is run by a test: by one that reads the section, and follows it as
it stands; or at least by one that does the same in its own words."""

import re

# Sections -> the test that follows them. It names the section.
FOLLOWED = {
    "A first instance by hand": "tests/functional/test_readme.py",
    "The command line": "tests/functional/test_sf.py",
    "sf-client": "tests/functional/test_readme.py",
    "Ansible": "tests/functional/test_readme.py",
    "HTTPS": "tests/functional/test_tls.py",
    "Backup and restore": "tests/functional/test_backup.py",
    "Upgrades": "tests/functional/test_upgrade.py",
}
# Takes a whole machine, and looks itself whether what it has started answers.
NOT_RUN = "vagrant/quickstart"
# What else is shown -> where it is done, and by which words.
DONE = {
    "tests/run": (".ci/run", "tests/run"),
    "/auth/namespaces/team1/trust": ("tests/functional/test_trust.py", "/trust\""),
    "sf artifact upload": ("tests/functional/test_sf.py", '"artifact", "upload"'),
    "sf label set": ("tests/functional/test_sf.py", '"label", "set"'),
    "/agent/execute": ("tests/functional/test_agent.py", 'ask("execute"'),
    "/agent/put": ("tests/functional/test_agent.py", 'ask("put"'),
    "/agent/get": ("tests/functional/test_agent.py", 'ask("get"'),
    "-s sf-agent": ("tests/functional/test_agent.py", "sf-agent"),
    "sf instance execute": ("tests/functional/test_agent.py", 'sf("instance", "execute"'),
    "sf instance upload": ("tests/functional/test_agent.py", 'sf("instance", "upload"'),
    "sf instance download": ("tests/functional/test_agent.py", 'sf("instance", "download"'),
    "cmake --preset release": ("tests/run", "build release deb"),
    "cmake --preset dev": ("tests/run", "build \"$preset\" unit_tests"),
    "vagrant/provision.sh install": ("tests/run", "vagrant/provision.sh install"),
    "apt install ./build/release/": ("tests/package/run", "dpkg -i /package.deb"),
    "sf-node check": ("tests/functional/test_lifecycle.py", 'tool("check"'),
    "sf-node bootstrap-system-key": ("tests/functional/cluster.py", 'tool("bootstrap-system-key"'),
    "sf-node run": ("tests/functional/cluster.py", 'command("run")'),
    "systemctl stop sf-node": ("tests/functional/test_clear_host.py", "node.stop()"),
    "sf-node clear-host": ("tests/functional/test_clear_host.py", 'tool("clear-host")'),
    "sf node delete": ("tests/functional/test_sf.py", '"node", "delete"'),
    "sf-node members": ("tests/functional/three_nodes.py", 'tool("members"'),
}

COMMAND = re.compile(r"    (?:\$ |sudo |\w+=\S+ )*"
                     r"(?:sf|sf-node|sf-client|curl|cmake|apt|openssl|journalctl|systemctl|vagrant/\w+|tests/run)\b")


def shown(readme):
    """(line, section, command) of each that stands in a block of its own."""
    heading = ""
    for number, line in enumerate(readme.split("\n"), 1):
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif COMMAND.match(line):
            yield number, heading, line.strip()


def check_commands(readme, read):
    """`read` gives the text of a file, and nothing if there is none."""
    sections, done = set(), set()
    for number, heading, command in shown(readme):
        sections.add(heading)
        words = [words for words in DONE if words in command]
        done.update(words)
        if heading not in FOLLOWED and not words and NOT_RUN not in command:
            yield number, f"no test runs '{command}': see tests/tidy/commands.py"
    for heading, path in FOLLOWED.items():
        if heading not in sections:
            yield 1, f"'{heading}' shows no commands any more: see tests/tidy/commands.py"
        elif heading not in read(path):
            yield 1, f"{path} does not follow '{heading}': see tests/tidy/commands.py"
    for words, (path, text) in DONE.items():
        if words not in done:
            yield 1, f"'{words}' is not shown any more: see tests/tidy/commands.py"
        elif text not in read(path):
            yield 1, f"{path} does not do '{words}' by '{text}' any more: see tests/tidy/commands.py"
