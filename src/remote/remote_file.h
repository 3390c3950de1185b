// One version of a file or object that lies elsewhere, read by ranges.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "platform/file.h"
#include "remote/client.h"

namespace kvcache::remote {

/// What most headers end before.
inline constexpr std::uint64_t first_range_bytes = 64U << 10U;

/// What tells one version from another.
struct Version {
  std::string etag;  ///< as the server wrote it, or empty
  std::string modified;
  std::uint64_t size = 0;
};

class RemoteFile {
 public:
  /// `get`: a GET of it, without a range. `send`: Client::send() or what stands before it.
  using Get = std::function<Request()>;
  using Send = std::function<Answer(const std::function<Request()>&, Receiver*)>;

  /// Asks for the first range. Throws Error(io, code KV100).
  RemoteFile(Get get, Send send);

  [[nodiscard]] std::uint64_t size() const noexcept { return version_.size; }
  /// The first bytes, which are here already.
  [[nodiscard]] std::span<const std::byte> head() const noexcept { return head_; }
  /// Fill `out` from `offset`, within the size. Throws Error(io, code KV100), also when it is another version by now. Safe to
  /// call from several threads; `cancelled` ends it.
  void read(std::uint64_t offset, std::span<std::byte> out, const std::atomic<bool>& cancelled);

 private:
  void open();
  /// With a HEAD. False where that is refused, or says nothing: then only the whole tells.
  [[nodiscard]] bool ask_for_size();
  void download(const std::atomic<bool>& cancelled);
  [[nodiscard]] Request get_range(std::uint64_t offset, std::uint64_t size) const;
  /// Where a redirection has led to, so that it is not followed for each range anew.
  void remember(const std::string& url);
  [[nodiscard]] bool forget_redirection();

  Get get_;
  Send send_;
  Version version_;
  std::vector<std::byte> head_;
  mutable std::mutex mutex_;
  std::string redirected_;  // or empty
  std::atomic<int> whole_answers_ = 0;
  std::mutex downloading_;
  std::atomic<bool> downloaded_ = false;
  detail::File whole_;  // where a server answers with nothing less
};

}  // namespace kvcache::remote
