#include "edit/stamp_now.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <string_view>

#include "common/quote.h"
#include "common/utc_text.h"
#include "kvcache/error.h"
#include "kvcache/model_config.h"
#include "kvcache/model_folder.h"
#include "kvcache/printable.h"

namespace kvcache::detail {
namespace {

/// Of a model whose layers are not known here it does not matter.
std::string model_type(const std::string& folder) {
  try {
    return read_model_config(folder).model_type;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    return {};
  }
}

}  // namespace

std::string stamp_time() {
  using namespace std::chrono;
  constexpr std::int64_t end_of_9999 = 253'402'300'799;
  auto now = floor<seconds>(system_clock::now());
  // Nothing of ours sets variables, so reading one is safe.
  const char* fixed = std::getenv("SOURCE_DATE_EPOCH");  // NOLINT(concurrency-mt-unsafe)
  if (fixed != nullptr && *fixed != '\0') {
    const std::string_view text(fixed);
    std::int64_t epoch = -1;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), epoch);
    if (failed != std::errc() || end != text.data() + text.size() || epoch < 0 || epoch > end_of_9999)
      throw Error(ErrorKind::usage, fmt::format("SOURCE_DATE_EPOCH is '{}'", printable(text)),
                  "seconds since 1970, as an integer");
    now = sys_seconds(seconds(epoch));
  }
  return detail::utc_text(now.time_since_epoch().count());
}

void add_model(StampRequest& request, const std::string& folder) {
  request.model_sha256 = model_digests(folder);
  request.model_type = model_type(folder);
}

std::string require_utf8(std::string text) {
  if (const std::size_t at = utf8_prefix(text); at != text.size())
    throw Error(ErrorKind::usage, fmt::format("not UTF-8 (at byte {})", at), "metadata hold text only; convert it first");
  return text;
}

}  // namespace kvcache::detail
