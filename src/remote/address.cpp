#include "remote/address.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "common/remote_name.h"
#include "kvcache/error.h"
#include "remote/curl.h"

namespace kvcache::remote {
namespace {

using kvcache::detail::without_secrets;

[[noreturn]] void refuse(const std::string& message, const std::string& hint) {
  throw Error(ErrorKind::usage, message, hint);
}

struct UrlHandle {
  UrlHandle() : handle(curl().url(), curl().url_cleanup) {
    if (!handle) throw std::bad_alloc();
  }
  [[nodiscard]] bool set(CURLUPart part, const char* text, unsigned flags = 0) const {
    return curl().url_set(handle.get(), part, text, flags) == CURLUE_OK;
  }
  [[nodiscard]] std::string get(CURLUPart part, unsigned flags = 0) const {
    char* text = nullptr;
    if (curl().url_get(handle.get(), part, &text, flags) != CURLUE_OK) return {};
    const std::unique_ptr<char, void (*)(void*)> owned(text, curl().free);
    return text;
  }
  std::unique_ptr<CURLU, void (*)(CURLU*)> handle;
};

WebAddress parse_web(const std::string& name) {
  const UrlHandle url;
  if (!url.set(CURLUPART_URL, name.c_str(), CURLU_PATH_AS_IS))
    refuse(fmt::format("{} is no address", without_secrets(name)), "https://HOST/PATH; other characters are written as %XX");
  WebAddress out;
  out.user = url.get(CURLUPART_USER, CURLU_URLDECODE);
  out.password = url.get(CURLUPART_PASSWORD, CURLU_URLDECODE);
  (void)url.set(CURLUPART_USER, nullptr);
  (void)url.set(CURLUPART_PASSWORD, nullptr);
  (void)url.set(CURLUPART_FRAGMENT, nullptr);
  out.url = url.get(CURLUPART_URL);
  return out;
}

ObjectAddress parse_object(std::string_view rest) {
  const std::size_t slash = rest.find('/');
  ObjectAddress out{std::string(rest.substr(0, slash)),
                    slash == std::string_view::npos ? std::string() : std::string(rest.substr(slash + 1))};
  const bool plain = std::all_of(out.bucket.begin(), out.bucket.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  });
  if (out.bucket.empty() || !plain || out.bucket == "." || out.bucket == "..")
    refuse(fmt::format("s3://{} names no bucket", rest), "s3://BUCKET/KEY");
  return out;
}

[[noreturn]] void refuse_hub(std::string_view rest) {
  refuse(fmt::format("hf://{} names no file of a repository", rest), "hf://OWNER/REPO/PATH or hf://OWNER/REPO/PATH@REVISION");
}

/// What comes before the next slash, which is taken away with it.
std::string_view next_part(std::string_view& left) {
  const std::size_t slash = left.find('/');
  if (slash == std::string_view::npos) return {};
  const std::string_view part = left.substr(0, slash);
  left.remove_prefix(slash + 1);
  return part;
}

HubAddress parse_hub(std::string_view rest) {
  std::string_view left = rest;
  const bool typed = rest.starts_with("datasets/") || rest.starts_with("spaces/");
  HubAddress out;
  for (std::size_t i = 0; i < (typed ? 3U : 2U); ++i) {
    const std::string_view part = next_part(left);
    if (part.empty()) refuse_hub(rest);
    out.repo += fmt::format("{}{}", i == 0 ? "" : "/", part);
  }
  // As huggingface_hub has it, OWNER/REPO@REVISION/PATH, or behind the path.
  if (const std::size_t at = out.repo.find('@'); at != std::string::npos) {
    out.revision = percent_decoded(std::string_view(out.repo).substr(at + 1));
    out.repo.resize(at);
    // refs/pr/1 and refs/convert/parquet
    if (out.revision == "refs")
      for (int i = 0; i < 2; ++i) out.revision += fmt::format("/{}", next_part(left));
    out.path = left;
  } else {
    const std::size_t behind = left.rfind('@');
    out.path = left.substr(0, behind);
    out.revision = behind == std::string_view::npos ? "main" : std::string(left.substr(behind + 1));
  }
  if (out.repo.ends_with('/') || out.path.empty() || out.revision.empty() || out.revision.ends_with('/')) refuse_hub(rest);
  return out;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string in_small_letters(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

Address parse_address(const std::string& name) {
  const std::size_t end = name.find("://");
  const std::string scheme = in_small_letters(name.substr(0, end));
  if (end != std::string::npos) {
    if (scheme == "http" || scheme == "https") return parse_web(name);
    if (scheme == "s3") return parse_object(std::string_view(name).substr(end + 3));
    if (scheme == "hf") return parse_hub(std::string_view(name).substr(end + 3));
  }
  refuse(fmt::format("{}:// is no kind of address that is known here", scheme),
         "https://HOST/PATH, s3://BUCKET/KEY or hf://OWNER/REPO/PATH; a file of such a name is ./NAME");
}

std::string percent_encoded(std::string_view text, bool path) {
  std::string out;
  for (const char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                            c == '.' || c == '_' || c == '~';
    if (unreserved || (path && c == '/'))
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return out;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool UrlParts::is_loopback() const {
  if (host == "localhost" || host.ends_with(".localhost") || host == "::1") return true;
  // 127.0.0.0/8, written as four numbers.
  std::size_t dots = 0;
  for (const char c : host) {
    if (c == '.') {
      ++dots;
    } else if (c < '0' || c > '9') {
      return false;
    }
  }
  return dots == 3 && host.starts_with("127.");
}

namespace {

UrlParts parse_url(const std::string& url) {
  const UrlHandle parsed;
  UrlParts out;
  if (parsed.set(CURLUPART_URL, url.c_str(), CURLU_PATH_AS_IS)) {
    out.scheme = in_small_letters(parsed.get(CURLUPART_SCHEME));
    out.host = in_small_letters(parsed.get(CURLUPART_HOST));
    out.port = parsed.get(CURLUPART_PORT, CURLU_DEFAULT_PORT);
  }
  if (out.host.starts_with('[') && out.host.ends_with(']')) out.host = out.host.substr(1, out.host.size() - 2);
  if ((out.scheme != "http" && out.scheme != "https") || out.host.empty())
    refuse(fmt::format("{} is no address of a web server", without_secrets(url)), "https://HOST or http://127.0.0.1:PORT");
  return out;
}

}  // namespace

// Thousands of requests go to one server, so the last one is remembered: by all that comes before its path.
UrlParts url_parts(const std::string& url) {
  struct Last {
    std::string server;
    UrlParts parts;
  };
  static thread_local Last last;
  const std::size_t scheme = url.find("://");
  const std::size_t end = scheme == std::string::npos ? scheme : url.find_first_of("/?#", scheme + 3);
  if (end == std::string::npos) return parse_url(url);
  const std::string_view server = std::string_view(url).substr(0, end);
  if (server != last.server) last = {std::string(server), parse_url(url)};
  return last.parts;
}

bool is_web(const std::string& url) {
  const std::string scheme = in_small_letters(url.substr(0, url.find("://")));
  return scheme == "http" || scheme == "https";
}

std::string resolve_url(const std::string& base, const std::string& location) {
  const UrlHandle url;
  if (!url.set(CURLUPART_URL, base.c_str(), CURLU_PATH_AS_IS) ||
      !url.set(CURLUPART_URL, location.c_str(), CURLU_PATH_AS_IS | CURLU_URLENCODE))
    throw Error(ErrorKind::io, "the server refers to an address that is none", {}, "KV100");
  (void)url.set(CURLUPART_FRAGMENT, nullptr);
  (void)url.set(CURLUPART_USER, nullptr);
  (void)url.set(CURLUPART_PASSWORD, nullptr);
  return url.get(CURLUPART_URL);
}

}  // namespace kvcache::remote
