// A service that speaks the protocol of Amazon S3: where its buckets are, who we are to it, and what it is asked.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "remote/address.h"
#include "remote/client.h"

namespace kvcache::remote {

/// Names and values of the part after "?", neither encoded nor in order.
using Query = std::map<std::string, std::string>;

class S3Service {
 public:
  /// Reads variables and profile files once.
  S3Service(Client& client, const Options& options);

  /// A request about an object, or about the bucket where the key is empty; signed where there are credentials.
  [[nodiscard]] Request request(const std::string& method, const ObjectAddress& object, const Query& query = {}) const;
  /// As Client::send(), of requests about this bucket: signed anew where the service says that it is in another region.
  [[nodiscard]] Answer send(const std::string& bucket, const std::function<Request()>& make, Receiver* receiver = nullptr);

  /// Whether somebody's object of the same name is certain to be kept: PUT with "If-None-Match: *" is honoured. Asked once per
  /// bucket, with an empty object beside `object`, which is removed again.
  [[nodiscard]] bool keeps_existing(const ObjectAddress& object);
  /// Amazon's own: the only one known to keep existing objects when a multipart upload is completed, too.
  [[nodiscard]] bool is_amazon() const noexcept { return endpoint_.empty(); }
  [[nodiscard]] Client& client() const noexcept { return client_; }

 private:
  [[nodiscard]] std::string region(const std::string& bucket) const;
  [[nodiscard]] std::string base_url(const std::string& bucket) const;
  [[nodiscard]] bool probe(const ObjectAddress& object);

  Client& client_;
  std::string endpoint_;  // without a slash at its end; empty: Amazon's
  bool path_style_ = false;
  Login login_;
  std::string why_nobody_;  // asks, in words, or empty
  std::string region_;      // of buckets that are not known to be elsewhere
  mutable std::mutex mutex_;
  std::map<std::string, std::string> regions_;  // by bucket
  std::mutex probing_;
  std::map<std::string, bool> keeps_existing_;
};

/// What an answer with a status of 200 holds, all of it. Throws Broken above 64 MiB.
class TextReceiver final : public Receiver {
 public:
  void begin(const Answer& /*answer*/) override { text.clear(); }
  bool take(std::span<const std::byte> bytes) override;
  std::string text;
};

/// Bytes in memory, to send.
class TextBody final : public Body {
 public:
  explicit TextBody(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] std::uint64_t size() const override { return text_.size(); }
  void read(std::uint64_t offset, std::span<std::byte> out) const override;
  [[nodiscard]] std::string sha256() const override;

 private:
  std::string text_;
};

/// ETags come quoted, unquoted and as &quot;...&quot;: what is within. A weak one keeps its W/.
[[nodiscard]] std::string plain_etag(std::string text);

}  // namespace kvcache::remote
