// SPDX-License-Identifier: Apache-2.0
#include "gossip/codec.h"

#define MSGPACK_NO_BOOST
#include <algorithm>
#include <bit>
#include <exception>
#include <limits>
#include <msgpack.hpp>
#include <type_traits>

namespace sf::gossip {
namespace {

// The most a stranger's lengths can make us allocate: kMaxDepth arrays of kMaxArray objects.
constexpr std::size_t kMaxDepth = 8;
constexpr std::size_t kMaxArray = 512;
constexpr std::size_t kMaxBytes = 4096;
constexpr std::size_t kBytesPerHash = 4;
constexpr std::size_t kMaxHeader = 5 + 1 + (2 + kMaxName) + 9;

enum class Kind : std::uint8_t {
  kPing = 1,
  kAck = 2,
  kPingReq = 3,
  kVouch = 4,
  kTell = 5,
  kAnnounced = 6,
  kHeard = 7,
  kBuckets = 8,
  kEntries = 9,
  kWant = 10,
  kDelta = 11,
  kNudge = 12,
};

// ---- out ------------------------------------------------------------------------------------

/// Appends to a string, which is what msgpack's packer needs of a stream.
struct StringBuffer {
  std::string bytes;
  void write(const char* data, std::size_t size) { bytes.append(data, size); }
};

class Writer {
 public:
  std::string Take() { return std::move(buffer_.bytes); }

  template <class... Fields>
  void Array(const Fields&... fields) {
    packer_.pack_array(sizeof...(fields));
    (Put(fields), ...);
  }
  template <class... Fields>
  void PutPart(Kind kind, const Fields&... fields) {
    Array(static_cast<std::uint8_t>(kind), fields...);
  }

  void operator()(const Ping& p) { PutPart(Kind::kPing, p.sequence, p.view, p.clock); }
  void operator()(const Ack& p) { PutPart(Kind::kAck, p.sequence, p.view, p.clock); }
  void operator()(const PingReq& p) {
    PutPart(Kind::kPingReq, p.sequence, p.target, p.address, p.patience);
  }
  void operator()(const Vouch& p) { PutPart(Kind::kVouch, p.sequence, p.reached); }
  void operator()(const Tell& p) { PutPart(Kind::kTell, p.statement, p.until); }
  void operator()(const Announced& p) {
    PutPart(Kind::kAnnounced, p.owner, p.boot, p.item, p.until);
  }
  void operator()(const Heard& p) { PutPart(Kind::kHeard, p.rumour, p.known); }
  void operator()(const Buckets& p) {
    std::string packed;
    for (const std::uint32_t hash : p.hashes) {
      for (int shift = 24; shift >= 0; shift -= 8) packed += static_cast<char>(hash >> shift);
    }
    packer_.pack_array(2);
    Put(static_cast<std::uint8_t>(Kind::kBuckets));
    PutBytes(packed);
  }
  void operator()(const Entries& p) { PutPart(Kind::kEntries, p.buckets, p.covered, p.entries); }
  void operator()(const Want& p) { PutPart(Kind::kWant, p.owner, p.boot, p.since); }
  void operator()(const Delta& p) {
    PutPart(Kind::kDelta, p.owner, p.boot, p.since, p.through, p.items);
  }
  void operator()(const Nudge&) { PutPart(Kind::kNudge); }

 private:
  void Put(bool value) { value ? packer_.pack_true() : packer_.pack_false(); }
  template <class T>
  requires std::is_unsigned_v<T>
  void Put(T value) { packer_.pack(value); }
  template <class T>
  requires std::is_enum_v<T>
  void Put(T value) { packer_.pack(static_cast<std::uint8_t>(value)); }
  void Put(const NodeId& id) {
    packer_.pack_str(static_cast<std::uint32_t>(id.value.size()));
    packer_.pack_str_body(id.value.data(), static_cast<std::uint32_t>(id.value.size()));
  }
  void PutBytes(std::string_view bytes) {
    packer_.pack_bin(static_cast<std::uint32_t>(bytes.size()));
    packer_.pack_bin_body(bytes.data(), static_cast<std::uint32_t>(bytes.size()));
  }
  void Put(const Address& address) { Array(address.ip, address.port); }
  void Put(const Witness& witness) { Array(witness.name, witness.evidence); }
  void Put(const Item& item) {
    packer_.pack_array(3);
    Put(item.key);
    Put(item.version);
    PutBytes(item.payload);
  }
  void Put(const Statement& s) {
    Array(s.name, s.address, s.boot, s.incarnation, OnWire(s.state), s.witnesses);
  }
  void Put(const Entries::Entry& entry) { Array(entry.statement, entry.complete); }
  template <class T>
  void Put(const std::vector<T>& list) {
    packer_.pack_array(static_cast<std::uint32_t>(list.size()));
    for (const T& element : list) Put(element);
  }

  StringBuffer buffer_;
  msgpack::packer<StringBuffer> packer_{buffer_};
};

// ---- in -------------------------------------------------------------------------------------

/// The elements of one msgpack array, in order. The first that is missing or of the wrong kind or
/// size spoils it for good; what is left over at the end is a newer node's and skipped.
class Reader {
 public:
  explicit Reader(const msgpack::object& object) : good_(object.type == msgpack::type::ARRAY) {
    if (good_) rest_ = {object.via.array.ptr, object.via.array.size};
  }

  bool good() const { return good_; }
  bool AtEnd() const { return rest_.empty(); }
  void Spoil() { good_ = false; }

  const msgpack::object* Next() {
    if (!good_ || rest_.empty()) {
      Spoil();
      return nullptr;
    }
    const msgpack::object* const object = &rest_.front();
    rest_ = rest_.subspan(1);
    return object;
  }

  template <class... Fields>
  Reader& Get(Fields&... fields) {
    (Read(fields), ...);
    return *this;
  }

 private:
  void Read(bool& value) {
    const auto* const object = Expect(msgpack::type::BOOLEAN);
    if (object != nullptr) value = object->via.boolean;
  }
  template <class T>
  requires std::is_unsigned_v<T>
  void Read(T& value) {
    const auto* const object = Expect(msgpack::type::POSITIVE_INTEGER);
    if (object == nullptr) return;
    if (object->via.u64 > std::numeric_limits<T>::max()) return Spoil();
    value = static_cast<T>(object->via.u64);
  }
  void Read(NodeId& id) {
    const auto* const object = Expect(msgpack::type::STR);
    if (object == nullptr) return;
    const std::string_view text(object->via.str.ptr, object->via.str.size);
    // Names end up in logs and on screens: what could deceive a reader there is no name.
    const auto printable = [](char c) { return c > ' ' && c < 0x7f; };
    if (text.empty() || text.size() > kMaxName || !std::ranges::all_of(text, printable)) {
      return Spoil();
    }
    id.value = text;
  }
  std::string_view Bytes(std::size_t limit) {
    const auto* const object = Expect(msgpack::type::BIN);
    if (object == nullptr) return {};
    if (object->via.bin.size > limit) Spoil();
    return {object->via.bin.ptr, object->via.bin.size};
  }
  void Read(Address& address) {
    Nested([&](Reader in) { return in.Get(address.ip, address.port); });
  }
  void Read(Evidence& evidence) {
    // A newer node may know of finer evidence; that it is evidence is enough.
    std::uint8_t number = 0;
    Read(number);
    evidence = number <= static_cast<std::uint8_t>(Evidence::kGone) ? static_cast<Evidence>(number)
                                                                    : Evidence::kSilent;
  }
  void Read(MemberState& state) {
    std::uint8_t number = 0;
    Read(number);
    state = static_cast<MemberState>(number);
    if (state != MemberState::kAlive && state != MemberState::kSuspect &&
        state != MemberState::kLeft) {
      Spoil();
    }
  }
  void Read(Witness& witness) {
    Nested([&](Reader in) { return in.Get(witness.name, witness.evidence); });
  }
  void Read(Item& item) {
    Nested([&](Reader in) {
      in.Get(item.key, item.version);
      item.payload = in.Bytes(kMaxPayload);
      if (item.version == 0) in.Spoil();
      return in;
    });
  }
  void Read(Statement& s) {
    Nested([&](Reader in) {
      in.Get(s.name, s.address, s.boot, s.incarnation, s.state, s.witnesses);
      if (s.witnesses.size() > kMaxWitnesses) in.Spoil();
      // The subject must be able to go one above it.
      if (s.incarnation >= std::numeric_limits<Incarnation>::max() / 2) in.Spoil();
      return in;
    });
  }
  void Read(Entries::Entry& entry) {
    Nested([&](Reader in) { return in.Get(entry.statement, entry.complete); });
  }
  void Read(Buckets& buckets) {
    const std::string_view packed = Bytes(kMaxBuckets * kBytesPerHash);
    if (packed.size() % kBytesPerHash != 0) return Spoil();
    if (!std::has_single_bit(packed.size() / kBytesPerHash)) return Spoil();
    for (std::size_t i = 0; i < packed.size(); i += kBytesPerHash) {
      std::uint32_t hash = 0;
      for (std::size_t j = 0; j < kBytesPerHash; ++j) {
        hash = hash << 8 | static_cast<unsigned char>(packed[i + j]);
      }
      buckets.hashes.push_back(hash);
    }
  }
  template <class T>
  void Read(std::vector<T>& list) {
    Nested([&](Reader in) {
      while (in.good() && !in.AtEnd()) in.Read(list.emplace_back());
      return in;
    });
  }

  const msgpack::object* Expect(msgpack::type::object_type type) {
    const msgpack::object* const object = Next();
    if (object == nullptr || object->type == type) return object;
    Spoil();
    return nullptr;
  }
  template <class Inside>
  void Nested(const Inside& inside) {
    const msgpack::object* const object = Next();
    if (object != nullptr && !inside(Reader(*object)).good()) Spoil();
  }

  friend bool ReadPart(const msgpack::object& object, std::vector<Part>& parts);

  std::span<const msgpack::object> rest_;
  bool good_;
};

/// False if the part is malformed; a part of an unknown kind is skipped.
bool ReadPart(const msgpack::object& object, std::vector<Part>& parts) {
  Reader in(object);
  std::uint8_t kind = 0;
  in.Get(kind);
  const auto add = [&parts, &in](auto part, auto&&... fields) {
    if constexpr (sizeof...(fields) > 0) in.Get(part.*fields...);
    if (in.good()) parts.emplace_back(std::move(part));
  };
  switch (static_cast<Kind>(kind)) {
    case Kind::kPing: add(Ping{}, &Ping::sequence, &Ping::view, &Ping::clock); break;
    case Kind::kAck: add(Ack{}, &Ack::sequence, &Ack::view, &Ack::clock); break;
    case Kind::kPingReq:
      add(PingReq{}, &PingReq::sequence, &PingReq::target, &PingReq::address, &PingReq::patience);
      break;
    case Kind::kVouch: add(Vouch{}, &Vouch::sequence, &Vouch::reached); break;
    case Kind::kTell: add(Tell{}, &Tell::statement, &Tell::until); break;
    case Kind::kAnnounced:
      add(Announced{}, &Announced::owner, &Announced::boot, &Announced::item, &Announced::until);
      break;
    case Kind::kHeard: add(Heard{}, &Heard::rumour, &Heard::known); break;
    case Kind::kBuckets: {
      Buckets buckets;
      in.Read(buckets);
      if (in.good()) parts.emplace_back(std::move(buckets));
      break;
    }
    case Kind::kEntries: {
      Entries entries;
      in.Get(entries.buckets, entries.covered, entries.entries);
      if (!std::has_single_bit(entries.buckets) || entries.buckets > kMaxBuckets) in.Spoil();
      if (in.good()) parts.emplace_back(std::move(entries));
      break;
    }
    case Kind::kWant: add(Want{}, &Want::owner, &Want::boot, &Want::since); break;
    case Kind::kDelta:
      add(Delta{}, &Delta::owner, &Delta::boot, &Delta::since, &Delta::through, &Delta::items);
      break;
    case Kind::kNudge: add(Nudge{}); break;
  }
  return in.good();
}

}  // namespace

std::string EncodePart(const Part& part) {
  Writer writer;
  std::visit(writer, part);
  return writer.Take();
}

std::vector<std::string> Assemble(const NodeId& from, BootId boot,
                                  std::span<const std::string> parts, std::size_t limit) {
  std::vector<std::string> datagrams;
  for (std::size_t first = 0; first < parts.size();) {
    std::size_t size = kMaxHeader;
    std::size_t last = first;
    while (last < parts.size() && size + parts[last].size() <= limit) size += parts[last++].size();
    if (last == first) {
      ++first;
      continue;
    }
    StringBuffer buffer;
    msgpack::packer<StringBuffer> packer(buffer);
    packer.pack_array(static_cast<std::uint32_t>(3 + last - first));
    packer.pack(kWireVersion).pack(from.value).pack(boot);
    for (; first < last; ++first) buffer.bytes += parts[first];
    datagrams.push_back(std::move(buffer.bytes));
  }
  return datagrams;
}

std::optional<Packet> Decode(std::string_view datagram) {
  try {
    const msgpack::unpack_limit limit(kMaxArray, 0, kMaxName, kMaxBytes, 0, kMaxDepth);
    const auto in_place = [](msgpack::type::object_type, std::size_t, void*) { return true; };
    msgpack::zone zone(1024);
    bool referenced = false;
    std::size_t end = 0;
    const msgpack::object object = msgpack::unpack(zone, datagram.data(), datagram.size(), end,
                                                   referenced, in_place, nullptr, limit);
    Reader in(object);
    Packet packet;
    std::uint8_t version = 0;
    in.Get(version, packet.from, packet.boot);
    if (!in.good() || version != kWireVersion || end != datagram.size()) return std::nullopt;
    while (!in.AtEnd()) {
      if (!ReadPart(*in.Next(), packet.parts)) return std::nullopt;
    }
    return packet;
  } catch (const std::exception&) {  // msgpack's word for bytes that are not msgpack
    return std::nullopt;
  }
}

}  // namespace sf::gossip
