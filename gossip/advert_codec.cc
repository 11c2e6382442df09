// SPDX-License-Identifier: Apache-2.0
#include "gossip/advert_codec.h"

#define MSGPACK_NO_BOOST
#include <algorithm>
#include <concepts>
#include <exception>
#include <limits>
#include <msgpack.hpp>
#include <span>

namespace sf::gossip {
namespace {

constexpr std::size_t kMaxDepth = 4;
constexpr std::size_t kMaxArray = 256;
constexpr std::uint64_t kMaxTerm = std::uint64_t{1} << 62;
constexpr std::size_t kMaxBytes = 256;  // of a field that a newer node may have

bool Printable(char c) { return c >= ' ' && c < 0x7f; }

// ---- out ------------------------------------------------------------------------------------

struct StringBuffer {
  std::string bytes;
  void write(const char* data, std::size_t size) { bytes.append(data, size); }
};
using Packer = msgpack::packer<StringBuffer>;

void Put(Packer& out, bool value) { out.pack(value); }
template <std::integral Number>
void Put(Packer& out, Number value) {
  out.pack(value);
}
void Put(Packer& out, std::string text) {
  text.resize(std::min(text.size(), kMaxText));
  std::ranges::replace_if(
      text, [](char c) { return !Printable(c); }, '?');
  out.pack(text);
}

template <class... Fields>
std::string Array(const Fields&... fields) {
  StringBuffer buffer;
  Packer packer(buffer);
  packer.pack_array(sizeof...(fields));
  (Put(packer, fields), ...);
  return std::move(buffer.bytes);
}

// ---- in -------------------------------------------------------------------------------------

bool Get(const msgpack::object& in, bool& value) {
  if (in.type != msgpack::type::BOOLEAN) return false;
  value = in.via.boolean;
  return true;
}
template <std::integral Number>
bool Get(const msgpack::object& in, Number& value) {
  using Limits = std::numeric_limits<Number>;
  if (in.type == msgpack::type::POSITIVE_INTEGER) {
    value = static_cast<Number>(in.via.u64);
    return in.via.u64 <= static_cast<std::uint64_t>(Limits::max());
  }
  value = static_cast<Number>(in.via.i64);
  return in.type == msgpack::type::NEGATIVE_INTEGER && std::signed_integral<Number> &&
         in.via.i64 >= static_cast<std::int64_t>(Limits::min());
}
bool Get(const msgpack::object& in, std::string& text) {
  if (in.type != msgpack::type::STR || in.via.str.size > kMaxText) return false;
  text.assign(in.via.str.ptr, in.via.str.size);
  // Texts end up in logs and on screens: what could deceive a reader there is none.
  return std::ranges::all_of(text, Printable);
}

/// Hands the fields of `payload` to `take`. False if there are none, or it finds one wrong.
template <class Take>
bool Fields(std::string_view payload, const Take& take) {
  try {
    const msgpack::unpack_limit limit(kMaxArray, kMaxArray, kMaxBytes, kMaxBytes, kMaxBytes,
                                      kMaxDepth);
    const auto in_place = [](msgpack::type::object_type, std::size_t, void*) { return true; };
    msgpack::zone zone(512);
    bool referenced = false;
    std::size_t end = 0;
    const msgpack::object object = msgpack::unpack(zone, payload.data(), payload.size(), end,
                                                   referenced, in_place, nullptr, limit);
    if (object.type != msgpack::type::ARRAY || end != payload.size()) return false;
    return take(std::span(object.via.array.ptr, object.via.array.size));
  } catch (const std::exception&) {  // msgpack's word for bytes that are not msgpack
    return false;
  }
}

template <class... Wanted>
bool GetFirst(std::span<const msgpack::object> fields, Wanted&... wanted) {
  if (fields.size() < sizeof...(wanted)) return false;
  std::size_t i = 0;
  return (Get(fields[i++], wanted) && ...);
}

/// The first fields; further ones are a newer node's.
template <class... Wanted>
bool GetArray(std::string_view payload, Wanted&... wanted) {
  return Fields(payload, [&](const auto& fields) { return GetFirst(fields, wanted...); });
}

/// `out` becomes `read` only if all of it could be read.
template <class T>
bool Accept(bool good, T& read, T& out) {
  if (good) out = std::move(read);
  return good;
}

}  // namespace

std::string EncodeItem(const Identity& i) {
#ifdef SF_NEXT_RELEASE  // It has one more thing to say: see tests/functional/test_upgrade.py.
  return Array(i.version, i.api_port, i.mesh_ip, i.zone, i.api_tls, std::string("next"));
#else
  return Array(i.version, i.api_port, i.mesh_ip, i.zone, i.api_tls);
#endif
}

std::string EncodeItem(const Capacity& c) {
  return Array(c.limit.cpus, c.limit.memory_mb, c.limit.disk_gb, c.used.cpus, c.used.memory_mb,
               c.used.disk_gb, c.load_percent);
}

std::string EncodeItem(const Role& role) {
  return Array(role.highest.term, role.highest.holder.value, role.ready);
}

std::string EncodeItem(const InstanceItem& instance) {
  return Array(instance.first.value, instance.second.state, instance.second.power);
}

std::string EncodeItem(const MeshItem& meshes) {
  StringBuffer buffer;
  Packer packer(buffer);
  packer.pack_array(static_cast<std::uint32_t>(meshes.size()));
  for (const std::uint32_t vni : meshes) packer.pack(vni);
  return std::move(buffer.bytes);
}

bool DecodeItem(std::string_view payload, Identity& out) {
  Identity i;
  const bool good = Fields(payload, [&i](std::span<const msgpack::object> fields) {
    return GetFirst(fields, i.version, i.api_port, i.mesh_ip, i.zone) &&
           (fields.size() == 4 || Get(fields[4], i.api_tls));  // Absent: an older node's.
  });
  return Accept(good, i, out);
}

bool DecodeItem(std::string_view payload, Capacity& out) {
  Capacity c;
  return Accept(GetArray(payload, c.limit.cpus, c.limit.memory_mb, c.limit.disk_gb, c.used.cpus,
                         c.used.memory_mb, c.used.disk_gb, c.load_percent),
                c, out);
}

bool DecodeItem(std::string_view payload, Role& out) {
  Role role;
  const bool good = GetArray(payload, role.highest.term, role.highest.holder.value, role.ready);
  // Others must be able to go above it.
  return Accept(good && role.highest.term <= kMaxTerm, role, out);
}

bool DecodeItem(std::string_view payload, InstanceItem& out) {
  InstanceItem instance;
  const bool good =
      GetArray(payload, instance.first.value, instance.second.state, instance.second.power);
  return Accept(good && !instance.first.empty(), instance, out);
}

bool DecodeItem(std::string_view payload, MeshItem& out) {
  MeshItem meshes;
  const bool good = Fields(payload, [&meshes](std::span<const msgpack::object> fields) {
    return std::ranges::all_of(
        fields, [&](const auto& field) { return Get(field, meshes.emplace_back()); });
  });
  return Accept(good, meshes, out);
}

}  // namespace sf::gossip
