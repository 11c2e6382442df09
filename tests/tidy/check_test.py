#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each rule of check.py, caught on a made-up file; and code that is right, let through."""

import unittest
import unittest.mock

import check
import commands

HEAD = "// SPDX-License-Identifier: Apache-2.0\n"


def findings(path, text):
    return [message for _, message in check.check_file(path, text)]


class Rules(unittest.TestCase):
    def catches(self, words, path, text):
        found = findings(path, text)
        self.assertEqual(len(found), 1, found)
        self.assertIn(words, found[0])

    def passes(self, path, text):
        self.assertEqual(findings(path, text), [])

    def test_a_file_needs_its_licence(self):
        self.catches("SPDX", "node/x.cc", "int x;\n")
        self.catches("SPDX", "tests/run", "#!/bin/bash\necho\n")
        self.passes("node/x.sql", "-- SPDX-License-Identifier: Apache-2.0\n")

    def test_a_header_needs_pragma_once(self):
        self.catches("#pragma once", "node/x.h", HEAD)
        self.passes("node/x.h", HEAD + "#pragma once\n")

    def test_rooms_do_not_see_each_other(self):
        self.catches("may not include", "compute/x.cc", HEAD + '#include "net/netlink.h"\n')
        self.catches("may not include", "images/x.cc", HEAD + '#include "node/store/store.h"\n')
        self.catches("may not include", "gossip/probe.cc", HEAD + '#include "node/base/result.h"\n')
        self.catches("may not include", "node/api/nodes.cc", HEAD + '#include "compute/console.h"\n')
        self.passes("node/api/local.cc", HEAD + '#include "compute/console.h"\n')
        self.passes("gossip/transport.cc", HEAD + '#include "node/base/log.h"\n#include <uv.h>\n')
        self.passes("node/daemon.cc", HEAD + '#include "gossip/gossip.h"\n#include "net/vxlan.h"\n')

    def test_a_library_has_one_door(self):
        for door, header in (("compute/libvirt_handle.h", "libvirt/libvirt.h"),
                             ("images/archive.cc", "archive.h"),
                             ("node/base/http_client.cc", "curl/curl.h"),
                             ("templates/render.cc", "kainjow/mustache.hpp"),
                             ("node/store/connection.cc", "cppconn/driver.h"),
                             ("node/command_line.cc", "CLI/CLI.hpp")):
            once = "#pragma once\n" if door.endswith(".h") else ""
            self.passes(door, HEAD + once + f"#include <{header}>\n")
            self.catches("its door is", "node/model/instance.cc", HEAD + f"#include <{header}>\n")
        self.catches("its door is", "gossip/probe.cc", HEAD + "#include <nlohmann/json.hpp>\n")
        self.catches("without a door", "node/x.cc", HEAD + "#include <boost/any.hpp>\n")
        self.passes("node/x.cc", HEAD + "#include <sys/socket.h>\n#include <vector>\n")

    def test_what_a_document_names_is_there(self):
        files = ["net/README.md", "net/link.h", "tests/functional/test_mesh.py"]
        text = "`test_mesh` of `tests/functional`, [links](link.h), [all](../tests/functional/)\n"
        self.assertEqual([], list(check.check_names("net/README.md", text, files)))
        text = "`test_gone`\n`tests/gone.py`\n[this](gone.h)\n"
        self.assertEqual([("net/README.md", 1, "there is no test 'test_gone'"),
                          ("net/README.md", 2, "there is no 'tests/gone.py'"),
                          ("net/README.md", 3, "there is no 'net/gone.h'")],
                         list(check.check_names("net/README.md", text, files)))

    def test_commands_that_are_shown_are_run_by_a_test(self):
        followed, done = {"Days": "tests/day.py"}, {"sf-node check": ("tests/x.py", 'tool("check"')}
        files = {"tests/day.py": "examples('Days')", "tests/x.py": 'tool("check")'}
        right = ("## Days\n\n    sf instance list\n    curl … /x\n\n## Nodes\n\n"
                 "    $ sf-node check       # now\n    NAME  ADDRESS\n\nand `sf-node gone`\n")

        def found(text, **other):
            with unittest.mock.patch.multiple(commands, FOLLOWED=followed, DONE=done):
                return [words for _, words in commands.check_commands(
                    text, lambda path: {**files, **other}.get(path, ""))]

        self.assertEqual([], found(right))
        for words, wrong in (("no test runs 'sudo apt install x'", right + "    sudo apt install x\n"),
                             ("no test runs 'A=b sf-node run'", right + "    A=b sf-node run\n"),
                             ("'Days' shows no commands", right.replace("Days", "Nights")),
                             ("'sf-node check' is not shown", right.replace("check", "checks ").replace(
                                 "sf-node checks", "sf-node"))):
            self.assertIn(words, "\n".join(found(wrong)))
        self.assertIn("does not follow 'Days'", "\n".join(found(right, **{"tests/day.py": ""})))
        self.assertIn("does not do 'sf-node check'", "\n".join(found(right, **{"tests/x.py": ""})))

    def test_a_page_makes_no_markup_of_strings(self):
        script = "// SPDX-License-Identifier: Apache-2.0\n"
        for wrong in ("one.innerHTML = name;\n", "eval(text);\n", "document.write(text);\n"):
            self.catches("of a string", "templates/dashboard/x.js", script + wrong)
        self.passes("templates/dashboard/x.js", script + "one.textContent = name;\n")
        page = "<!DOCTYPE html>\n<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
        self.catches("inline", "x.html", page + '<p style="color: red">\n')
        self.catches("inline", "x.html", page + "<script>\n")
        self.passes("x.html", page + '<script type="module" src="x.js"></script>\n')
        self.catches("columns", "x.js", script + "x" * 141 + "\n")

    def test_names_say_something(self):
        self.catches("name nothing", "node/x.cc", HEAD + "class DiskManager {};\n")
        self.catches("name nothing", "node/string_utils.cc", HEAD)
        self.passes("node/x.cc", HEAD + "// Not a Manager.\nstruct Utilization {};\n")

    def test_no_shell(self):
        self.catches("a shell", "net/x.cc", HEAD + 'int x = std::system("ip");\n')
        self.catches("a shell", "net/x.cc", HEAD + 'FILE* x = popen("ip", "r");\n')
        self.passes("net/x.cc", HEAD + "auto x = std::system_category();\nfile_system(1);\n")

    def test_no_try_in_a_braced_list(self):
        self.catches("leaks", "node/x.cc", HEAD + 'return Json({{"token", TRY(Token())}});\n')
        self.passes("node/x.cc", HEAD + 'return Json({{"token", token}}, TRY(Token()));\n')

    def test_no_loop_over_a_part_of_a_temporary(self):
        self.catches("outlives", "node/x.cc", HEAD + "for (const A& a : List().value()) {\n")
        self.catches("outlives", "tests/x.cc", HEAD + "for (const A& a : view_()->members) F(a);\n")
        self.passes("node/x.cc", HEAD + "for (const A& a : *view->members) F(a)->b();\n")

    def test_pure_code_reads_no_clock(self):
        self.catches("pure code", "gossip/probe.cc", HEAD + "auto t = steady_clock::now();\n")
        self.catches("pure code", "node/scheduler.cc", HEAD + "#include <thread>\n")
        self.catches("pure code", "node/reconcile/plan.cc", HEAD + "std::unordered_map<A, B> m;\n")
        self.passes("node/reconcile/plan.cc", HEAD + "// Not steady_clock::now().\n")
        self.passes("node/reconcile/reconciler.cc", HEAD + "auto t = Clock::now();\n")

    def test_length(self):
        self.catches("401 lines", "node/x.cc", HEAD + "\n" * 400)
        self.passes("node/x.cc", HEAD + "\n" * 399)
        body = "  Do();\n" * 59
        for head in ("int F() {", "A::A(int x)\n    : x_{x}, y_(2) {", "auto F() -> int {",
                     "template <class T>\nvoid F(T) {", 'TEST_CASE("a: {b}") {',
                     "struct S {\n  void F() const {"):
            end = "}\n};\n" if head.startswith("struct") else "}\n"
            self.catches("a function of", "node/x.cc", HEAD + f"{head}\n{body}{end}")
            self.passes("node/x.cc", HEAD + f"{head}\n{body[:-36]}{end}")
        table = "const int k[] = {\n" + "    F(1),\n" * 70 + "};\n"
        self.passes("node/x.cc", HEAD + "namespace sf {\n" + table + "}\n")

    def test_braces_in_strings_and_comments_do_not_count(self):
        odd = 'void F() {\n  G("}", \'}\', R"~(})~");  // }\n'
        self.catches("a function of 63", "node/x.cc", HEAD + odd + "  Do();\n" * 60 + "}\n")

    def test_no_path_of_one_machine(self):
        self.catches("one machine", "vagrant/README.md", "see /home/" + "me/notes\n")
        self.passes("vagrant/README.md", "see $HOME/notes, ../home/x and https://x.org/home/y\n")

    def test_nothing_in_json_is_there_twice(self):
        self.catches("twice", "node/x.json", '{"a": {"b": 1, "b": 2}}')
        self.passes("node/x.json", '{"a": {"b": 1}, "b": 2}')

    def test_folders_have_a_readme(self):
        files = [f"{folder}/README.md" for folder in check.FOLDERS if folder != "net"]
        self.assertEqual([path for path, _, _ in check.check_folders(files)], ["net/README.md"])


if __name__ == "__main__":
    unittest.main()
