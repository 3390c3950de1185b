// AWS Signature Version 4 for S3: what a request says so that the service knows who asks. libcurl has it, too; it takes twelve
// times as long for each request as all of this, and signs headers that it then does not send.
#pragma once

#include <ctime>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/sha256.h"

namespace kvcache::remote {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// A secret that is valid for a day, a region and the service; HMAC-SHA-256 with it.
class SigningKey {
 public:
  explicit SigningKey(std::string_view key);
  /// 64 hex digits.
  [[nodiscard]] std::string hex(std::string_view text) const;

 private:
  kvcache::detail::Sha256 inner_, outer_;  // which have taken the padded key
};

/// What is signed.
struct ToSign {
  std::string_view method;
  std::string_view url;   ///< path and query as they are sent; every byte that is not unreserved as %XX
  std::string_view host;  ///< with the port, unless it is the scheme's own
  std::string_view payload_sha256;
};

class Signer {
 public:
  /// Adds Host, x-amz-date, x-amz-content-sha256, x-amz-security-token and Authorization to `headers`, all of which are signed
  /// and have to be sent as they are. `session`: may be empty. Safe to use from several threads.
  void sign(const ToSign& what, const std::string& user, const std::string& secret, const std::string& session,
            const std::string& region, std::time_t now, Headers& headers);

 private:
  [[nodiscard]] SigningKey key_for(const std::string& secret, const std::string& day, const std::string& region);

  std::mutex mutex_;
  std::string made_for_;  // the secret, the day and the region of `key_`
  SigningKey key_{""};
};

}  // namespace kvcache::remote
