// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/agent_run.h"

#include <catch2/catch.hpp>

#include "tests/images/test_directory.h"

namespace {

using namespace sf;
using nlohmann::json;
using reconcile::AgentRun;
using test::TestDirectory;

/// A run, and what it has said.
struct Bed {
  TestDirectory directory;
  const BlobId blob{"55aa0f6c-7e0d-4f5c-9d8e-8c1b0c8a3d03"};
  AgentOperation operation;
  std::vector<json> said;
  bool room = true;
  std::unique_ptr<AgentRun> run;

  explicit Bed(json commands, std::string to_put = "", std::uint64_t most = 1 << 20) {
    operation.uuid = AgentOperationId("op");
    operation.commands = std::move(commands);
    REQUIRE(images::WriteWhole(directory / "source", to_put, images::Durability::kOrdinary));
    run = std::make_unique<AgentRun>(operation,
                                     AgentRun::Files{.to_put = {{blob, directory / "source"}},
                                                     .fetched = directory / "fetched",
                                                     .most_bytes = most});
  }
  /// What it says now.
  std::vector<json> Go() {
    said.clear();
    while (run->Go(
        {[this](const json& packet) { said.push_back(packet); }, [this] { return room; }})) {
    }
    return said;
  }
  void Hear(json packet) { run->Hear(packet); }
  std::string Error() const { return run->error().value_or(""); }
};

json Execute() { return json::array({ExecuteCommand("ls /")}); }
json Fetch() { return json::array({GetFileCommand("/etc/motd")}); }

json Executed(int code, const std::string& out) {
  return {{"command", "execute-response"},
          {"unique", "op:0"},
          {"return-code", code},
          {"stdout", out},
          {"stderr", "oh"},
          {"result", code == 0}};
}
json Chunk(int offset, json bytes) {
  return {{"command", "get-file-response"},
          {"unique", "op:0"},
          {"result", true},
          {"offset", offset},
          {"encoding", "base64"},
          {"chunk", std::move(bytes)}};
}

TEST_CASE("AgentRun: a command line is executed, and its answer is the result") {
  Bed bed(Execute());
  CHECK(bed.Go() == std::vector<json>{{{"command", "execute"},
                                       {"unique", "op:0"},
                                       {"command-line", "ls /"},
                                       {"block-for-result", true}}});
  CHECK(bed.Go().empty());
  bed.Hear(Executed(3, "etc"));
  CHECK(bed.run->done());
  CHECK(bed.Error().empty());
  CHECK(bed.run->results() == json{{"0",
                                    {{"command-line", "ls /"},
                                     {"result", false},
                                     {"return-code", 3},
                                     {"stdout", "etc"},
                                     {"stderr", "oh"}}}});
  bed.Hear(Executed(0, "again"));
  CHECK(bed.run->results()["0"]["stdout"] == "etc");
}

TEST_CASE("AgentRun: what answers another question is passed over") {
  Bed bed(Execute());
  bed.Hear(Executed(0, "before it was asked"));
  bed.Go();
  json late = Executed(0, "of another operation");
  late["unique"] = "other:0";
  bed.Hear(late);
  bed.Hear({{"command", "get-file-response"}, {"unique", "op:0"}, {"chunk", nullptr}});
  bed.Hear(json::object());
  bed.Hear({{"command", 7}});
  bed.run->Hear(Fail(Code::kCorrupt, "a packet that is no object"));
  CHECK_FALSE(bed.run->done());
  bed.Hear(Executed(0, "this"));
  CHECK(bed.run->results()["0"]["stdout"] == "this");
}

TEST_CASE("AgentRun: an answer that is none, or too long, or a complaint, is an error") {
  const auto error = [](const Result<json>& packet) {
    Bed bed(Execute());
    bed.Go();
    bed.run->Hear(packet);
    CHECK(bed.run->done());
    return bed.Error();
  };
  json answer = Executed(0, "");
  answer.erase("return-code");
  answer["message"] = "command-line is not set";
  CHECK(error(answer) == "execute: command-line is not set");
  answer["return-code"] = "0";
  CHECK(error(answer) == "execute: command-line is not set");
  CHECK(error(json{{"command", "unknown-command"}}) == "execute: the agent does not say why");
  CHECK(error(json{{"command", "command-error"}, {"message", std::string(5000, 'x')}}).size() <
        1100);
  CHECK(error(Fail(Code::kTooLarge, "too long")) == "execute: too long");
}

TEST_CASE("AgentRun: a file is put in pieces, as fast as there is room, and then gets its mode") {
  std::string bytes(100'000, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7);
  Bed bed({PutBlobCommand(BlobId("55aa0f6c-7e0d-4f5c-9d8e-8c1b0c8a3d03"), "/tmp/x"),
           ChmodCommand("/tmp/x", "u+x")},
          bytes);
  bed.room = false;
  CHECK(bed.Go().empty());
  bed.room = true;
  const auto said = bed.Go();
  REQUIRE(said.size() == 15);
  CHECK(said[0]["stat_result"]["size"] == bytes.size());
  CHECK(said[1]["offset"] == 0);
  CHECK(said[2]["offset"] == 8192);
  CHECK(said[13]["offset"] == 98304);
  CHECK(said[14]["chunk"].is_null());
  CHECK(said[14]["offset"] == bytes.size());
  bed.Hear({{"command", "put-file-response"}, {"unique", "op:0"}, {"path", "/tmp/x"}});
  CHECK(bed.Go() ==
        std::vector<json>{
            {{"command", "chmod"}, {"unique", "op:1"}, {"path", "/tmp/x"}, {"mode", "u+x"}}});
  bed.Hear({{"command", "chmod-response"}, {"unique", "op:1"}});
  CHECK(bed.run->done());
  CHECK(bed.run->results() == json{{"0", {{"path", "/tmp/x"}}}, {"1", {{"path", "/tmp/x"}}}});
}

TEST_CASE("AgentRun: an agent that has a file before it was sent is not believed") {
  Bed bed({PutBlobCommand(BlobId("55aa0f6c-7e0d-4f5c-9d8e-8c1b0c8a3d03"), "/tmp/x")},
          std::string(100'000, 'x'));
  int packets = 0;
  bed.run->Go({[&](const json&) { ++packets; }, [&] { return packets < 3; }});
  bed.Hear({{"command", "put-file-response"}, {"unique", "op:0"}});
  CHECK(bed.Error() == "put-blob: it was answered before all was sent");
}

TEST_CASE("AgentRun: a file is fetched in pieces") {
  Bed bed(Fetch());
  CHECK(bed.Go() ==
        std::vector<json>{{{"command", "get-file"}, {"unique", "op:0"}, {"path", "/etc/motd"}}});
  json head = Chunk(0, "");
  head.erase("chunk");
  bed.Hear(head);
  bed.Hear(Chunk(0, "aGVs"));
  bed.Hear(Chunk(3, "bG8="));
  CHECK_FALSE(bed.run->done());
  bed.Hear(Chunk(5, nullptr));
  CHECK(bed.run->done());
  CHECK(bed.run->has_fetched());
  CHECK(bed.run->results()["0"] == json{{"path", "/etc/motd"}, {"size", 5}});
  CHECK(images::ReadWhole(bed.directory / "fetched", 100).value() == "hello");
}

TEST_CASE("AgentRun: what cannot be a file, or is too much of one, is not kept") {
  const auto error = [](const json& packet, std::uint64_t most = 100) {
    Bed bed(Fetch(), "", most);
    bed.Go();
    bed.Hear(Chunk(0, "aGVs"));
    bed.Hear(packet);
    CHECK(bed.run->done());
    CHECK_FALSE(bed.run->has_fetched());
    return bed.Error();
  };
  CHECK(error(Chunk(0, "aGVs")) == "get-file: a chunk of another place than byte 3");
  CHECK(error(Chunk(4, "aGVs")) == "get-file: a chunk of another place than byte 3");
  CHECK(error(Chunk(3, "@")) == "get-file: a chunk that is not base64");
  CHECK(error(Chunk(3, "aGVs"), 5) == "get-file: the file has more than 5 bytes");
  json failed = Chunk(3, nullptr);
  failed["result"] = false;
  failed["message"] = "path does not exist";
  CHECK(error(failed) == "get-file: path does not exist");
  json nowhere = Chunk(3, "aGVs");
  nowhere.erase("offset");
  CHECK(error(nowhere) == "get-file: a chunk of another place than byte 3");
}

TEST_CASE("AgentRun: one that is stopped stays so") {
  Bed bed(Execute());
  bed.Go();
  bed.run->Stop("the instance is gone");
  bed.run->Stop("for another reason");
  bed.Hear(Executed(0, "too late"));
  CHECK(bed.Error() == "execute: the instance is gone");
  CHECK(bed.run->results().empty());
  CHECK(bed.Go().empty());
}

TEST_CASE("IsSymbolicMode: as chmod(1) has it") {
  for (const char* good : {"u+x", "ugo+rx", "+x", "a=", "u=rwx,g=rx,o=", "u+r-w", "g=u", "+"}) {
    CAPTURE(good);
    CHECK(IsSymbolicMode(good));
  }
  for (const char* bad : {"", "x", "u", "u+x,", ",u+x", "u+z", "u+x;rm", "u+x g", "644", "u*x"}) {
    CAPTURE(bad);
    CHECK_FALSE(IsSymbolicMode(bad));
  }
}

}  // namespace
