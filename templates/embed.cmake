# SPDX-License-Identifier: Apache-2.0
# cmake -DTEXTS="a;b" -DFUNCTION=BuiltinTexts -DOUTPUT=x.cc -P embed.cmake
# Writes the files TEXTS into a C++ source as byte arrays: unlike string literals, these have no
# delimiter that a text could contain and no limit of length. FUNCTION gives them.
set(arrays "")
set(rows "")
foreach(path IN LISTS TEXTS)
  get_filename_component(name ${path} NAME)
  string(MAKE_C_IDENTIFIER ${name} identifier)
  file(READ ${path} bytes HEX)
  string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
  string(APPEND arrays "constexpr char ${identifier}[] = {${bytes}0};\n")
  string(APPEND rows "    {\"${name}\", {${identifier}, sizeof ${identifier} - 1}},\n")
endforeach()
file(WRITE ${OUTPUT} "// Made by templates/embed.cmake.
#include \"templates/builtin_texts.h\"

namespace sf {
namespace {

${arrays}
constexpr BuiltinText kTexts[] = {
${rows}};

}  // namespace

std::span<const BuiltinText> ${FUNCTION}() { return kTexts; }

}  // namespace sf
")
