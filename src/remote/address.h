// What a user names, taken apart; and the addresses that requests go to.
#pragma once

#include <string>
#include <string_view>
#include <variant>

namespace kvcache::remote {

/// http:// or https://. `url` is without user and password.
struct WebAddress {
  std::string url;
  std::string user, password;  ///< from USER:PASSWORD@, or empty
};
/// s3://BUCKET/KEY. The key is as it is called, never percent-decoded; of a prefix it may be empty.
struct ObjectAddress {
  std::string bucket, key;
};
/// hf://OWNER/REPO/PATH[@REVISION]; datasets/OWNER/REPO and spaces/OWNER/REPO are repositories, too.
struct HubAddress {
  std::string repo, path, revision;
};
using Address = std::variant<WebAddress, ObjectAddress, HubAddress>;

/// Throws Error(usage) with the forms that there are.
[[nodiscard]] Address parse_address(const std::string& name);

/// Bytes other than unreserved characters (RFC 3986) as %XX, once; `/` stays where `path` says so.
[[nodiscard]] std::string percent_encoded(std::string_view text, bool path);
/// ASCII alone.
[[nodiscard]] std::string in_small_letters(std::string_view text);
/// "%2F" as "/"; what is no escape stays.
[[nodiscard]] std::string percent_decoded(std::string_view text);

/// What a request needs to know of its address.
struct UrlParts {
  std::string scheme;  ///< in small letters
  std::string host;    ///< in small letters, without brackets
  std::string port;    ///< also where it is the scheme's own
  [[nodiscard]] bool same_server(const UrlParts& other) const {
    return scheme == other.scheme && host == other.host && port == other.port;
  }
  [[nodiscard]] bool is_loopback() const;
};
/// Throws Error(usage) for what is no URL, and for other schemes than http and https.
[[nodiscard]] UrlParts url_parts(const std::string& url);
/// Whether it is one of http:// or https:// at all.
[[nodiscard]] bool is_web(const std::string& url);
/// `location`, which may be relative, as seen from `base`.
[[nodiscard]] std::string resolve_url(const std::string& base, const std::string& location);

}  // namespace kvcache::remote
