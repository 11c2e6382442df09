// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "node/base/result.h"

struct nft_ctx;

namespace sf::net {

/// A way to the packet filter of the network namespace that it was opened in, for good. Tables with
/// the flag "owner" that were made by it go with it.
///
/// Thread: worker (blocks); one at a time.
class Nftables {
 public:
  static Result<Nftables> Open();

  /// Carries out `commands`, as nft(8) has them, all or none. What they print.
  Result<std::string> Run(const std::string& commands);

 private:
  struct Close {
    void operator()(nft_ctx* context) const;
  };
  explicit Nftables(nft_ctx* context) : context_(context) {}

  std::unique_ptr<nft_ctx, Close> context_;
};

}  // namespace sf::net
