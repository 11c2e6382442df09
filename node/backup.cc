// SPDX-License-Identifier: Apache-2.0
#include "node/backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>

#include "node/daemon_settings.h"
#include "node/fresh_private_file.h"
#include "node/store/dump.h"
#include "node/store/schema.h"

namespace sf {
namespace {

using namespace std::chrono_literals;

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

/// One connection, whose statements may take as long as those of many rows do.
store::DatabaseOptions ToPatientOptions(const Config& config) {
  store::DatabaseOptions options = ToDatabaseOptions(config);
  options.connections = 1;
  options.patience = options.statement_timeout = 60s;
  return options;
}

Result<BackupDone> WriteTo(std::FILE* file, const Config& config) {
  store::Database database(ToPatientOptions(config));
  BackupWriter writer(file);
  BackupDone done;
  TRY(store::Dump(
      database,
      [&](const store::DumpHead& head) {
        done.head = {head.schema, head.cluster_id, SF_VERSION, head.taken_at};
        return writer.Begin(done.head);
      },
      [&](const store::DumpPart& part) { return writer.Add(part); }));
  TRY(writer.End());
  done.lines = writer.lines();
  return done;
}

/// What is written there has the cluster's secrets.
Result<void> CheckOutputIsPrivate() {
  struct stat status = {};
  if (::fstat(STDOUT_FILENO, &status) != 0 || ::isatty(STDOUT_FILENO) != 0) {
    return Fail(Code::kInvalid, "a backup has secrets, and is not for a terminal: name a file");
  }
  if (S_ISREG(status.st_mode) && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Fail(Code::kInvalid,
                "a backup has secrets, and others may read that file: umask 077 first, or name it");
  }
  return {};
}

/// Standard input as a file that can be read twice, and that nobody else ever sees.
Result<File> SpoolInput() {
  File spool(std::tmpfile());
  std::array<char, 1 << 16> piece;
  std::size_t got = 1;
  while (spool && got > 0) {
    got = std::fread(piece.data(), 1, piece.size(), stdin);
    if (std::fwrite(piece.data(), 1, got, spool.get()) != got) break;
  }
  if (!spool || std::ferror(stdin) != 0 || got > 0 || std::fflush(spool.get()) != 0) {
    return Fail(Code::kInternal, "cannot read the backup: {}", std::strerror(errno));
  }
  std::rewind(spool.get());
  return spool;
}

Result<File> OpenBackup(const std::string& source) {
  if (source == "-") return SpoolInput();
  File file(std::fopen(source.c_str(), "re"));
  if (file) return file;
  return Fail(Code::kNotFound, "cannot read {}: {}", source, std::strerror(errno));
}

}  // namespace

Result<BackupDone> TakeBackup(const Config& config, const std::string& target) {
  if (target == "-") {
    TRY(CheckOutputIsPrivate());
    return WriteTo(stdout, config);
  }
  FreshPrivateFile fresh = TRY(FreshPrivateFile::Begin(target));
  const File file(::fdopen(::fcntl(fresh.fd(), F_DUPFD_CLOEXEC, 0), "w"));
  if (!file) return Fail(Code::kInternal, "cannot write {}: {}", target, std::strerror(errno));
  auto done = TRY(WriteTo(file.get(), config));
  TRY(fresh.Replace());
  return done;
}

Result<BackupHead> RestoreBackup(const Config& config, const std::string& source, bool replace) {
  const File file = TRY(OpenBackup(source));
  BackupHead head = TRY(CheckBackup(file.get()));
  if (head.schema > store::SchemaVersion()) {
    return Fail(Code::kConflict,
                "the backup is of version {} of the schema, and this sf-node knows {}: restore it"
                " with release {}, which took it, or a later one",
                head.schema, store::SchemaVersion(), head.release);
  }
  store::Database database(ToPatientOptions(config));
  BackupReader reader(file.get());
  TRY(reader.Begin());
  const auto loaded =
      store::Load(database, head.schema, replace, [&reader] { return reader.Next(); });
  if (!loaded) return tl::unexpected(loaded.error());
  return head;
}

}  // namespace sf
