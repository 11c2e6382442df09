#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""sf-client, for machines that have none: Debian does not. Nouns and verbs are those of sf, which takes the
same words; what an ansible verb does is in ansible_verbs.py."""

import json
import os
import sys

from ansible_verbs import Failed, Verbs
from client import Client


def main(words):
    if words[:1] != ["ansible"]:
        os.execvp("sf", ["sf", *words])
    noun = words[1]
    with open(words[2]) as file:
        task = json.load(file)
    state = task.pop("state", "present")
    verbs = Verbs(Client(*(os.environ[f"SHAKENFIST_{name}"]
                           for name in ("API_URL", "NAMESPACE", "KEY"))))
    verb = getattr(verbs, f"{noun}_{state}")
    try:
        said = {"changed": verb(**task), "failed": False, "msg": None}
    except Failed as failed:
        said = {"changed": True, "failed": True, "msg": str(failed)}
    print(json.dumps({**said, "log": [], "meta": None}, indent=4, sort_keys=True))


main(sys.argv[1:])
