#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of the house that no compiler checks: who may include what, how long things get, which
words have no place where. Prints FILE:LINE: what is wrong and what to do; exits 1 if there was
anything to print.

The two tables below are the architecture: whoever changes one changes the plan of the house.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

from commands import check_commands

# Who may include what of ours: files whose path begins like this -> what their includes may begin
# with. The first line that fits a file counts. The roof (main, config, daemon) and tests may
# include everything.
INCLUDES = (
    ("gossip/transport", ("gossip/", "node/base/")),
    ("gossip/", ("gossip/", "node/base/id.h", "node/base/check.h")),
    ("templates/", ("templates/", "node/base/")),
    ("compute/", ("compute/", "node/base/", "templates/")),
    ("net/", ("net/", "node/base/", "templates/")),
    ("images/", ("images/", "node/base/", "templates/")),
    ("node/base/", ("node/base/",)),
    ("node/model/", ("node/model/", "node/base/")),
    ("node/store/", ("node/store/", "node/model/", "node/base/")),
    ("node/scheduler", ("node/scheduler", "node/cluster_view.h", "node/model/", "gossip/member.h",
                        "gossip/advert.h", "node/base/")),
    ("node/cluster_view", ("node/cluster_view", "node/model/", "gossip/member.h", "gossip/advert.h",
                           "node/base/")),
    ("node/reconcile/plan.", ("node/reconcile/plan.h", "node/cluster_view.h", "node/model/",
                              "node/base/")),
    ("node/reconcile/copy_plan.", ("node/reconcile/copy_plan.h", "node/model/", "node/base/")),
    ("node/reconcile/", ("node/reconcile/", "node/cluster_view.h", "node/model/", "node/store/",
                         "compute/", "net/", "images/", "templates/", "node/base/")),
    ("node/api/local.", ("node/api/", "node/cluster_view.h", "node/scheduler.h", "node/model/",
                         "node/store/", "compute/", "images/", "node/base/")),
    # What a request asks for is judged before it becomes a row, by the pure rules of the rooms.
    ("node/api/instance_request.", ("node/api/", "node/model/", "compute/device_names.h",
                                    "compute/domain_spec.h", "images/config_drive.h",
                                    "images/image_ref.h", "node/base/")),
    ("node/api/network_request.", ("node/api/", "node/model/", "compute/domain_spec.h",
                                   "node/base/")),
    ("node/api/artifacts.", ("node/api/", "node/model/", "node/store/", "images/image_ref.h",
                             "node/base/")),
    ("node/api/blobs.", ("node/api/", "node/model/", "node/store/", "images/file.h",
                         "images/blob_files.h", "images/image_cache.h", "node/base/")),
    ("node/api/uploads.", ("node/api/", "node/model/", "node/store/", "images/", "node/base/")),
    ("node/api/disk_bases.", ("node/api/", "node/model/", "node/store/", "images/image_ref.h",
                              "node/base/")),
    ("node/api/labels.", ("node/api/", "node/model/", "node/store/", "images/image_ref.h",
                          "node/base/")),
    ("node/api/dashboard.", ("node/api/", "templates/", "node/base/")),
    ("node/api/", ("node/api/", "node/cluster_view.h", "node/scheduler.h", "node/model/",
                   "node/store/", "node/base/")),
    ("node/cli/", ("node/cli/", "node/base/")),
)

# One library, one door: includes that begin like this -> the files that may have them.
EVERYWHERE = ("compute/", "images/", "net/", "node/", "templates/", "gossip/transport")
DOORS = {
    "CLI/": ("node/command_line.", "node/cli/main."),
    "archive": ("images/archive.",),
    "cppconn/": ("node/store/connection.",),
    "curl/": ("node/base/http_client.",),
    "fmt/": EVERYWHERE,
    "httplib.h": ("node/api/",),
    "jwt/": ("node/api/auth.",),
    "kainjow/": ("templates/render.",),
    "libvirt/": ("compute/libvirt_handle.h",),
    "msgpack": ("gossip/codec.", "gossip/advert_codec."),
    "mysql": ("node/store/connection.",),
    "netlink/": ("net/netlink",),
    "nftables/": ("net/nftables.",),
    "nlohmann/": EVERYWHERE,
    "openssl/": ("images/digest.", "node/api/tls."),
    "prometheus/": ("node/base/metrics.",),
    "sodium.h": EVERYWHERE + ("gossip/seal.",),
    "spdlog/": ("node/base/log.",),
    "systemd/": ("node/daemon.",),
    "tl/": EVERYWHERE,
    "uv.h": ("node/base/event_loop.", "gossip/transport"),
}
KERNEL_AND_LIBC = ("arpa/", "linux/", "net/", "netinet/", "sys/")

HAND_WRITTEN = (".h", ".cc", ".py", ".sh", ".sql", ".js", ".css", ".html", "CMakeLists.txt")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60

# Code that takes time and chance as arguments, so that it can be simulated.
PURE = re.compile(r"gossip/(?!transport)|node/scheduler|node/reconcile/(copy_)?plan\.")
IMPURE = re.compile(
    r"::now\(|<(thread|mutex|iostream|fstream|random|unordered_map|unordered_set|sys/socket\.h)>"
    r"|std::(j?thread|mutex|cout|cerr|random_device|unordered_\w+)|\b(rand|socket|time|sleep)\("
    r"|\blog::|\"node/base/log\.h\"")

# What makes markup or code of a string, in a page that shows what strangers have written.
MARKUP = re.compile(r"\b(innerHTML|outerHTML|srcdoc|insertAdjacentHTML|createContextualFragment)\b"
                    r"|\bdocument\.write|\beval\(|\bnew Function\b|\bDOMParser\b")
MAX_SCRIPT_COLUMNS = 140

EMPTY_NAME = re.compile(r"(Manager|Helper|Util)s?\b")
SHELL = re.compile(r"(?<![\w.>])(?:std::|::)?(system|popen)\s*\(")
# g++ 12 never destroys the elements of a braced list that were made before it is left by a TRY.
LEAKS = re.compile(r"\{[^{}]*,[^{}]*\bTRY\(|^\s+\.\w+ = .*\bTRY\(")
# C++20 ends the temporary before the first round.
DANGLES = re.compile(r"\bfor \(.* : .*\)(->\w+|\.value\(\))\)")
# Paths that exist on one person's machine only.
PRIVATE_PATH = re.compile(r"(?<![\w.$}])/(home|Users|wor[k]|root)/[\w.]")

FOLDERS = ("node", "gossip", "compute", "net", "images", "templates", "tests", "vagrant")


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    files = tracked(root)
    found = [*check_folders(files), *(f for path in files for f in check_path(root, path)),
             *(f for path in files if path.endswith(".md")
               for f in check_names(path, (root / path).read_text(), files)),
             *(("README.md", *f) for f in check_commands((root / "README.md").read_text(), reader(root)))]
    found.sort()
    for path, line, message in found:
        print(f"{path}:{line}: {message}")
    print(f"tidy: {len(files)} files, {len(found)} findings")
    sys.exit(1 if found else 0)


def tracked(root):
    """The files of the repository, with those about to be added to it."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    command += ["--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    listed = listed.stdout.split("\0")
    return sorted({path for path in listed if path and (root / path).is_file()})


def reader(root):
    """Gives the text of a file, and nothing if there is none."""
    return lambda path: (root / path).read_text() if (root / path).is_file() else ""


def check_path(root, path):
    try:
        text = (root / path).read_text()
    except UnicodeDecodeError:
        return
    for line, message in check_file(path, text):
        yield path, line, message


def check_folders(files):
    for folder in FOLDERS:
        if f"{folder}/README.md" not in files:
            yield f"{folder}/README.md", 1, "missing: say what the folder is and what it may not need"


def check_names(path, text, files):
    """What a document names has to be there: tests, paths of tests, and files that it links to."""
    stems = {pathlib.PurePath(each).stem for each in files}
    folders = {str(parent) for each in files for parent in pathlib.PurePath(each).parents}
    here = pathlib.PurePath(path).parent
    for number, line in enumerate(text.split("\n"), 1):
        for name in re.findall(r"`(test_\w+)`", line):
            if name not in stems:
                yield path, number, f"there is no test '{name}'"
        linked = [os.path.normpath(here / name) for name in re.findall(r"\]\(([\w./-]+)\)", line)]
        for name in re.findall(r"`(tests/[\w./-]+)`", line) + linked:
            if name.rstrip("/") not in folders and name not in files:
                yield path, number, f"there is no '{name}'"


def check_file(path, text):
    """Yields (line, message) for everything in one file that is against the rules."""
    lines = text.split("\n")
    is_script = text.startswith("#!")
    if is_script or path.endswith(HAND_WRITTEN):
        if not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:2]):
            yield 1, "no SPDX line: begin the file with SPDX-License-Identifier: Apache-2.0"
        if len(lines) - 1 > MAX_FILE_LINES:
            yield MAX_FILE_LINES + 1, (f"a file of {len(lines) - 1} lines, more than "
                                       f"{MAX_FILE_LINES}: look for the second noun")
    for number, line in enumerate(lines, 1):
        if PRIVATE_PATH.search(line):
            yield number, "a path of one machine: nothing here may depend on where it was written"
    if EMPTY_NAME.search(camel(pathlib.PurePath(path).stem)):
        yield 1, "Manager, Helper and Util name nothing: say what it is"
    if path.endswith((".h", ".cc")):
        yield from check_cpp(path, text)
    if path.endswith(".json"):
        yield from check_json(text)
    if path.endswith((".js", ".html")):
        yield from check_page(lines)


def check_page(lines):
    for number, line in enumerate(lines, 1):
        if made := MARKUP.search(line):
            yield number, f"'{made[0]}' makes markup or code of a string: make elements, by h()"
        if re.search(r"<script>|\son\w+=\"|\sstyle=\"", line):
            yield number, "inline code or style, which the page's policy forbids: put it in a file"
        if len(line) > MAX_SCRIPT_COLUMNS:
            yield number, f"a line of {len(line)} columns, more than {MAX_SCRIPT_COLUMNS}"


def check_json(text):
    twice = []

    def look(pairs):
        names = [name for name, _ in pairs]
        twice.extend(name for name in dict(pairs) if names.count(name) > 1)

    json.loads(text, object_pairs_hook=look)
    for name in twice:
        yield text[:text.rindex(json.dumps(name))].count("\n") + 1, f"'{name}' is there twice"


def camel(stem):
    return "".join(word.capitalize() for word in stem.split("_"))


def check_cpp(path, text):
    if path.endswith(".h") and "#pragma once" not in text:
        yield 1, "no #pragma once"
    code = blank_out(text)
    for number, line in enumerate(code.split("\n"), 1):
        named = re.search(r"\b(class|struct|enum|using|namespace)\s+(\w+)", line)
        if named and EMPTY_NAME.search(named[2]):
            yield number, "Manager, Helper and Util name nothing: say what it is"
        if SHELL.search(line) and not path.startswith("tests/"):
            yield number, "a shell: start the program itself, with an argument vector"
        if LEAKS.search(line):
            yield number, "a TRY inside a braced list leaks what is before it: give it a name first"
        if DANGLES.search(line):
            yield number, "a loop over a part of a temporary outlives it: give the whole a name first"
    if not path.startswith("tests/"):
        yield from check_includes(path, text)
    if PURE.match(path):
        for number, line in enumerate(blank_out(text, keep_strings=True).split("\n"), 1):
            impure = IMPURE.search(line)
            if impure:
                yield number, f"'{impure[0]}' in pure code: take time and chance as arguments"
    for number, length in functions(code):
        if length > MAX_FUNCTION_LINES:
            yield number, (f"a function of {length} lines, more than "
                           f"{MAX_FUNCTION_LINES}: look for the second noun")


def check_includes(path, text):
    ours = next((allowed for prefix, allowed in INCLUDES if path.startswith(prefix)), None)
    for number, line in enumerate(text.split("\n"), 1):
        include = re.match(r'#include (["<])([^">]+)[">]', line)
        if not include:
            continue
        name = include[2]
        if include[1] == '"':
            if ours is not None and not name.startswith(ours):
                yield number, f"may not include \"{name}\": see INCLUDES in tests/tidy/check.py"
            continue
        door = next((files for library, files in DOORS.items() if name.startswith(library)), None)
        if door is not None and not path.startswith(door):
            yield number, f"may not include <{name}>: its door is {', '.join(door)}"
        if door is None and "/" in name and not name.startswith(KERNEL_AND_LIBC):
            yield number, f"<{name}> is of a library without a door: see DOORS in tests/tidy/check.py"


def blank_out(text, keep_strings=False):
    """The text without comments, macros and insides of strings; each line stays where it was."""
    def blank(match):
        found = match[0]
        if keep_strings and not found.startswith(("/", "#define")):
            return found
        quote = '""' if found.startswith(('"', "R")) else "0" if found.startswith("'") else ""
        return quote + "\n" * found.count("\n")

    return re.sub(r'//[^\n]*|/\*.*?\*/|R"(\w*~*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"'
                  r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'|^#define (?:[^\n]*\\\n)*[^\n]*",
                  blank, text, flags=re.DOTALL | re.MULTILINE)


def functions(code):
    """Yields (first line, number of lines) of each function body that is not inside another.

    Leans on the format that clang-format gives: a body's brace has a blank before it, that of an
    initialiser has none.
    """
    head, line, body, depth, start = "", 1, None, 0, 1
    for i, c in enumerate(code):
        if c == "\n":
            line += 1
        if c == "{":
            depth += 1
            if body is None and code[i - 1] in " \n" and is_function(head):
                body = depth
        elif c == "}":
            if body == depth:
                yield start, line - start + 1
                body = None
            depth -= 1
        if body is not None or (c == "}" and code[i + 1:i + 2] in ("\n", "")):
            head = ""
        elif c == ";" or (c == "{" and code[i - 1] in " \n"):
            head = ""
        else:
            if not head.strip():
                start = line
            head += c


def is_function(head):
    head = head.strip()
    first = re.match(r"\w*", re.sub(r"^template\s*<[^{]*?>\s*(?=\w)", "", head))[0]
    return "(" in head and not head.endswith(("=", ",", "(", "return")) and first not in (
        "namespace", "class", "struct", "enum", "union", "extern")


if __name__ == "__main__":
    main()
