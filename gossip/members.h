// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <vector>

#include "gossip/member.h"

namespace sf::gossip {

/// Members by name. They are many, looked up with each datagram, and seldom come or go: a sorted
/// array of pointers takes half the memory of a tree, and is walked many times as fast.
///
/// Thread: loop. Invariant: a member stays where it is in memory until it is erased.
class Members {
  using Places = std::vector<std::unique_ptr<Member>>;

 public:
  class Iterator {
   public:
    using value_type = Member;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    explicit Iterator(Places::const_iterator at) : at_(at) {}
    const Member& operator*() const { return **at_; }
    const Member* operator->() const { return at_->get(); }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    Iterator operator++(int) { return Iterator(at_++); }
    bool operator==(const Iterator&) const = default;

   private:
    Places::const_iterator at_;
  };

  Iterator begin() const { return Iterator(places_.begin()); }
  Iterator end() const { return Iterator(places_.end()); }
  std::size_t size() const { return places_.size(); }

  Member* Find(const NodeId& name);
  const Member* Find(const NodeId& name) const { return const_cast<Members*>(this)->Find(name); }
  /// It must be there.
  const Member& at(const NodeId& name) const;
  /// Made if it is not there.
  Member& operator[](const NodeId& name);
  void Erase(const NodeId& name);

 private:
  Places::iterator From(const NodeId& name);

  Places places_;  // by name
};

}  // namespace sf::gossip
