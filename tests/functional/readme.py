# SPDX-License-Identifier: Apache-2.0
"""What the README shows, for tests that do it as it stands there."""

import re
import shlex

from cluster import ROOT


def examples(heading):
    """The indented blocks of a section."""
    text = (ROOT / "README.md").read_text()
    section = re.split(rf"(?m)^##+ {re.escape(heading)}\n", text)[1]
    section = re.split(r"(?m)^##+ ", section)[0]
    return [re.sub(r"(?m)^    ", "", block).lstrip("\n")
            for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", section, re.M)]


def commands(heading):
    """The words of each command in it, one a line."""
    lines = "".join(examples(heading)).splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]
