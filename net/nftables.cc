// SPDX-License-Identifier: Apache-2.0
#include "net/nftables.h"

#include <nftables/libnftables.h>

#include <mutex>

namespace sf::net {

void Nftables::Close::operator()(nft_ctx* context) const { nft_ctx_free(context); }

Result<Nftables> Nftables::Open() {
  Nftables nftables(nft_ctx_new(NFT_CTX_DEFAULT));
  nft_ctx* const context = nftables.context_.get();
  if (context == nullptr || nft_ctx_buffer_output(context) != 0 ||
      nft_ctx_buffer_error(context) != 0) {
    return Fail(Code::kInternal, "nftables: no memory");
  }
  nft_ctx_output_set_flags(context, NFT_CTX_OUTPUT_HANDLE);
  return nftables;
}

Result<std::string> Nftables::Run(const std::string& commands) {
  // The library has one cache of the interfaces' names for all contexts.
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  nft_ctx* const context = context_.get();
  const int failed = nft_run_cmd_from_buffer(context, commands.c_str());
  // Reading a buffer empties it.
  std::string output = nft_ctx_get_output_buffer(context);
  const std::string error = nft_ctx_get_error_buffer(context);
  if (failed != 0) return Fail(Code::kInternal, "nftables: {:.500}", error);
  return output;
}

}  // namespace sf::net
