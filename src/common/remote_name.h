// Names of what lies elsewhere: "https://...", "s3://...". What to call it in messages.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace kvcache::detail {

/// Whether a name is an address: letters, then "://". A file of such a name is "./https://...".
[[nodiscard]] inline bool is_remote_name(std::string_view name) noexcept {
  const std::size_t end = name.find("://");
  if (end == std::string_view::npos || end < 2) return false;
  for (const char c : name.substr(0, end))
    if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9')) return false;
  return true;
}

/// The scheme of an address in small letters, or nothing.
[[nodiscard]] inline std::string scheme_of(std::string_view name) {
  if (!is_remote_name(name)) return {};
  std::string scheme(name.substr(0, name.find(':')));
  for (char& c : scheme)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return scheme;
}

/// The same name without what must not be seen: who asks (USER:PASSWORD@), and the query of a web address, in which signatures
/// and tokens are. Anything else stays as it is; keys of S3 may hold any character.
[[nodiscard]] inline std::string without_secrets(std::string_view name) {
  const std::string scheme = scheme_of(name);
  if (scheme != "http" && scheme != "https") return std::string(name);
  const std::size_t authority = name.find("://") + 3;
  const std::size_t query = name.find_first_of("?#", authority);
  const std::string_view plain = name.substr(0, query);
  const std::size_t path = plain.find('/', authority);
  const std::size_t user = plain.substr(0, path).rfind('@');
  std::string out(plain.substr(0, authority));
  out += plain.substr(user == std::string_view::npos || user < authority ? authority : user + 1);
  if (query != std::string_view::npos && name[query] == '?') out += "?...";
  return out;
}

/// What a file of it would be called: the last part of its path, of a web address without its query, of hf:// without
/// @REVISION, in which there may be slashes.
[[nodiscard]] inline std::string local_name(std::string_view name) {
  const std::string scheme = scheme_of(name);
  if (scheme == "http" || scheme == "https") name = name.substr(0, name.find_first_of("?#"));
  if (scheme == "hf") {
    name.remove_prefix(scheme.size() + 3);
    std::size_t path = 0;  // behind OWNER/REPO
    for (int parts = name.starts_with("datasets/") || name.starts_with("spaces/") ? 3 : 2; parts > 0; --parts)
      path = std::min(name.find('/', path), name.size() - 1) + 1;
    const bool has_revision = name.substr(0, path).find('@') != std::string_view::npos;
    name.remove_prefix(path);
    if (!has_revision) name = name.substr(0, name.rfind('@'));
  }
  const std::size_t slash = name.rfind('/');
  return std::string(slash == std::string_view::npos ? name : name.substr(slash + 1));
}

}  // namespace kvcache::detail
