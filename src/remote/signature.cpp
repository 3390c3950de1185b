#include "remote/signature.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <span>

#include "common/hex.h"

namespace kvcache::remote {
namespace {

using kvcache::detail::from_hex;
using kvcache::detail::Sha256;

void add(Sha256& hash, std::string_view text) {
  hash.update(std::as_bytes(std::span(text)));
}

std::string sha256_hex(std::string_view text) {
  Sha256 hash;
  add(hash, text);
  return hash.hex();
}

/// "20261130T071226Z", of the time in UTC.
std::string stamp_of(std::time_t now) {
  using namespace std::chrono;
  const sys_seconds time{seconds(now)};
  const auto midnight = floor<days>(time);
  const year_month_day date(midnight);
  const hh_mm_ss<seconds> clock(time - midnight);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count());
}

/// Without blanks at its ends, and with one for several within.
std::string plain_value(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const bool blank = c == ' ' || c == '\t';
    if (!blank)
      out += c;
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

std::string small_letters(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

/// Path and query, on a line each; the parameters in order.
std::string canonical_target(std::string_view url) {
  const std::size_t scheme = url.find("://");
  const std::size_t authority = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::size_t begin = std::min(url.size(), url.find_first_of("/?", authority));
  std::string_view rest = url.substr(begin);
  const std::size_t mark = rest.find('?');
  std::string out(rest.substr(0, mark));
  if (out.empty()) out = "/";
  out += '\n';
  if (mark == std::string_view::npos) return out;
  std::vector<std::string> parameters;
  rest.remove_prefix(mark + 1);
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    if (!one.empty()) parameters.push_back(fmt::format("{}{}", one, one.find('=') == std::string_view::npos ? "=" : ""));
  }
  // By name, then by value.
  std::sort(parameters.begin(), parameters.end(), [](const std::string& a, const std::string& b) {
    const std::string_view left(a), right(b);
    const std::size_t in_left = left.find('='), in_right = right.find('=');
    return std::pair(left.substr(0, in_left), left.substr(in_left + 1)) <
           std::pair(right.substr(0, in_right), right.substr(in_right + 1));
  });
  return out + fmt::format("{}", fmt::join(parameters, "&"));
}

}  // namespace

SigningKey::SigningKey(std::string_view key) {
  constexpr std::size_t block_bytes = 64;
  const std::string short_key = key.size() > block_bytes ? from_hex(sha256_hex(key)) : std::string(key);
  std::array<std::byte, block_bytes> inner{}, outer{};
  for (std::size_t i = 0; i < block_bytes; ++i) {
    const auto byte = i < short_key.size() ? static_cast<std::byte>(short_key[i]) : std::byte{0};
    inner[i] = byte ^ std::byte{0x36};
    outer[i] = byte ^ std::byte{0x5C};
  }
  inner_.update(inner);
  outer_.update(outer);
}

std::string SigningKey::hex(std::string_view text) const {
  Sha256 inner = inner_, outer = outer_;
  add(inner, text);
  add(outer, from_hex(inner.hex()));
  return outer.hex();
}

SigningKey Signer::key_for(const std::string& secret, const std::string& day, const std::string& region) {
  std::string wanted = fmt::format("{}\n{}\n{}", secret, day, region);
  const std::lock_guard lock(mutex_);
  if (wanted != made_for_) {
    std::string key = "AWS4" + secret;
    for (const std::string_view part : {std::string_view(day), std::string_view(region), std::string_view("s3")})
      key = from_hex(SigningKey(key).hex(part));
    key_ = SigningKey(from_hex(SigningKey(key).hex("aws4_request")));
    made_for_ = std::move(wanted);
  }
  return key_;
}

void Signer::sign(const ToSign& what, const std::string& user, const std::string& secret, const std::string& session,
                  const std::string& region, std::time_t now, Headers& headers) {
  const std::string stamp = stamp_of(now);
  const std::string day = stamp.substr(0, stamp.find('T'));
  headers.emplace_back("Host", what.host);
  headers.emplace_back("x-amz-content-sha256", what.payload_sha256);
  headers.emplace_back("x-amz-date", stamp);
  if (!session.empty()) headers.emplace_back("x-amz-security-token", session);

  Headers sorted;
  sorted.reserve(headers.size());
  for (const auto& [name, value] : headers) sorted.emplace_back(small_letters(name), plain_value(value));
  std::sort(sorted.begin(), sorted.end());
  std::string names;
  std::string canonical = fmt::format("{}\n{}\n", what.method, canonical_target(what.url));
  for (const auto& [name, value] : sorted) {
    canonical += fmt::format("{}:{}\n", name, value);
    names += fmt::format("{}{}", names.empty() ? "" : ";", name);
  }
  canonical += fmt::format("\n{}\n{}", names, what.payload_sha256);

  const std::string scope = fmt::format("{}/{}/s3/aws4_request", day, region);
  const std::string signature =
      key_for(secret, day, region).hex(fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", stamp, scope, sha256_hex(canonical)));
  headers.emplace_back("Authorization", fmt::format("AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}", user,
                                                    scope, names, signature));
}

}  // namespace kvcache::remote
