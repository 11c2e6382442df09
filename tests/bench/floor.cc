// SPDX-License-Identifier: Apache-2.0
// What an instance cannot cost less than: the bare calls of libvirt, qemu-img and libarchive, made
// by one process with nothing around them.
//
//   bench_floor FOLDER BASE
//
// FOLDER has the domain.xml, disk0.qcow2 and config.iso of an instance that sf-node made on the
// image BASE; the XML names these very files. For each line on its input the program makes both
// files again, makes and removes the domain, and answers one line, {"step": milliseconds, ...}: so
// the benchmark lets it and sf-node take turns, under the same load.
#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <spawn.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>

namespace {

using Files = std::map<std::string, std::string>;  // path inside a volume -> content

// A floor that cannot be measured has no other way to go on.
void Require(bool fine, std::string_view what, const char* why) {
  if (fine) return;
  fmt::print(stderr, "bench_floor: {}: {}\n", what, why == nullptr ? "no reason given" : why);
  std::exit(1);
}

void RequireLibvirt(bool fine, std::string_view call) {
  Require(fine, call, fine ? nullptr : virGetLastErrorMessage());
}

std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  Require(file.is_open(), path.native(), "cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteAll(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  Require(!file.fail(), path.native(), "cannot be written");
}

void RunQemuImg(const std::string& base, const std::string& overlay) {
  const char* const arguments[] = {"qemu-img", "create", "-q", "-f",         "qcow2",
                                   "-F",       "qcow2",  "-b", base.c_str(), overlay.c_str(),
                                   nullptr};
  pid_t child = 0;
  int status = -1;
  const bool started = ::posix_spawnp(&child, arguments[0], nullptr, nullptr,
                                      const_cast<char* const*>(arguments), environ) == 0;
  Require(started && ::waitpid(child, &status, 0) == child && status == 0, "qemu-img", "it failed");
}

Files ReadIso(const std::string& image) {
  Files files;
  archive* const iso = archive_read_new();
  archive_read_support_format_iso9660(iso);
  Require(archive_read_open_memory(iso, image.data(), image.size()) == ARCHIVE_OK, "config.iso",
          archive_error_string(iso));
  for (archive_entry* entry = nullptr; archive_read_next_header(iso, &entry) == ARCHIVE_OK;) {
    if (archive_entry_filetype(entry) != AE_IFREG) continue;
    std::string bytes(static_cast<std::size_t>(archive_entry_size(entry)), '\0');
    archive_read_data(iso, bytes.data(), bytes.size());
    files[archive_entry_pathname(entry)] = std::move(bytes);
  }
  archive_read_free(iso);
  Require(!files.empty(), "config.iso", "it has no files");
  return files;
}

void WriteIso(const std::string& path, const Files& files) {
  archive* const iso = archive_write_new();
  archive_write_set_format_iso9660(iso);
  archive_write_set_options(iso,
                            "iso9660:volume-id=config-2,iso9660:rockridge=useful,iso9660:joliet");
  Require(archive_write_open_filename(iso, path.c_str()) == ARCHIVE_OK, path,
          archive_error_string(iso));
  for (const auto& [name, bytes] : files) {
    archive_entry* const entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0444);
    archive_entry_set_size(entry, static_cast<la_int64_t>(bytes.size()));
    archive_write_header(iso, entry);
    archive_write_data(iso, bytes.data(), bytes.size());
    archive_entry_free(entry);
  }
  Require(archive_write_close(iso) == ARCHIVE_OK, path, archive_error_string(iso));
  archive_write_free(iso);
}

class Round {
 public:
  template <class Body>
  void Time(std::string_view step, Body body) {
    const auto begun = std::chrono::steady_clock::now();
    body();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begun;
    fmt::format_to(std::back_inserter(line_), "{}\"{}\": {:.4f}", line_.empty() ? "" : ", ", step,
                   took.count());
  }
  std::string line() const { return "{" + line_ + "}"; }

 private:
  std::string line_;
};

}  // namespace

int main(int argc, char** argv) {
  Require(argc == 3, "usage", "bench_floor FOLDER BASE");
  const std::filesystem::path folder = argv[1];
  const std::string base = argv[2];
  const std::string overlay = folder / "disk0.qcow2";
  const std::string iso = folder / "config.iso";
  const std::string xml = ReadAll(folder / "domain.xml");
  const std::string overlay_bytes = ReadAll(overlay);
  const Files files = ReadIso(ReadAll(iso));
  virConnectPtr connection = virConnectOpen("qemu:///system");
  RequireLibvirt(connection != nullptr, "virConnectOpen");

  for (std::string line; std::getline(std::cin, line);) {
    Round round;
    // New files each time, as for a new instance.
    std::filesystem::remove(overlay);
    std::filesystem::remove(iso);
    round.Time("overlay_fork", [&] { RunQemuImg(base, overlay); });
    std::filesystem::remove(overlay);
    round.Time("overlay", [&] { WriteAll(overlay, overlay_bytes); });
    round.Time("iso", [&] { WriteIso(iso, files); });

    virDomainPtr domain = nullptr;
    round.Time("define", [&] { domain = virDomainDefineXML(connection, xml.c_str()); });
    RequireLibvirt(domain != nullptr, "virDomainDefineXML");
    round.Time("create", [&] { RequireLibvirt(virDomainCreate(domain) == 0, "virDomainCreate"); });
    round.Time("destroy",
               [&] { RequireLibvirt(virDomainDestroy(domain) == 0, "virDomainDestroy"); });
    round.Time("undefine",
               [&] { RequireLibvirt(virDomainUndefine(domain) == 0, "virDomainUndefine"); });
    virDomainFree(domain);
    fmt::print("{}\n", round.line());
    std::fflush(stdout);
  }
  virConnectClose(connection);
  return 0;
}
