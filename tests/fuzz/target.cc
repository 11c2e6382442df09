// SPDX-License-Identifier: Apache-2.0
// What libFuzzer calls. A program is run as NAME_fuzz DIRECTORY [-max_total_time=SECONDS], which
// begins with the target's seeds and keeps what it finds interesting there, or as NAME_fuzz FILE,
// which tries that one input again.
#include "tests/fuzz/target.h"

#include <filesystem>
#include <fstream>

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  namespace fs = std::filesystem;
  for (int i = 1; i < *count; ++i) {
    const fs::path directory((*arguments)[i]);
    if (!fs::is_directory(directory)) continue;
    int number = 0;
    for (const std::string& seed : sf::fuzz::Seeds()) {
      std::ofstream file(directory / ("seed-" + std::to_string(++number)), std::ios::binary);
      file << seed;
    }
    break;
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* bytes, std::size_t size) {
  sf::fuzz::Try({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
