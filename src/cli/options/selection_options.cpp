#include "cli/options/selection_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>
#include <optional>
#include <utility>

#include "cli/options/numbers.h"
#include "cli/options/quantities.h"
#include "kvcache/model_folder.h"
#include "kvcache/release.h"
#include "model/find_model.h"

namespace kvcache::cli {
namespace {

using std::chrono::system_clock;

struct Sign {
  bool above = true;
  bool inclusive = false;
  bool given = false;
};

/// Takes the sign off the front.
Sign sign_of(std::string_view& text) {
  Sign sign;
  if (text.starts_with('>') || text.starts_with('<')) {
    sign.above = text.front() == '>';
    sign.given = true;
    text.remove_prefix(1);
    if (text.starts_with('=')) {
      sign.inclusive = true;
      text.remove_prefix(1);
    }
  }
  while (text.starts_with(' ')) text.remove_prefix(1);
  return sign;
}

template <typename Number>
catalog::NumberBound number_bound(const std::string& flag, const std::string& text, std::string_view what,
                                  std::optional<Number> (*parse)(std::string_view)) {
  std::string_view rest = text;
  const Sign sign = sign_of(rest);
  const auto value = parse(rest);
  if (!value) throw CLI::ValidationError(flag, fmt::format("'{}' is no {}", text, what));
  return {sign.above, sign.inclusive, static_cast<std::int64_t>(*value)};
}

/// "2026-01-31", "2026-01-31 18:00", "2026-01-31T18:00": local time.
std::optional<system_clock::time_point> parse_date(std::string_view text) {
  constexpr std::string_view form = "dddd-dd-dd dd:dd";
  if (text.size() != 10 && text.size() != form.size()) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    const bool separator = text[i] == form[i] || (form[i] == ' ' && text[i] == 'T');
    if (form[i] == 'd' ? !digit : !separator) return std::nullopt;
  }
  const auto number = [&](std::size_t at, std::size_t size, int low, int high) {
    return at < text.size() ? parse_integer(text.substr(at, size), low, high) : std::optional<std::int64_t>(0);
  };
  const std::array<std::optional<std::int64_t>, 5> parts = {number(0, 4, 1970, 9999), number(5, 2, 1, 12), number(8, 2, 1, 31),
                                                            number(11, 2, 0, 23), number(14, 2, 0, 59)};
  if (std::ranges::any_of(parts, [](const auto& part) { return !part; })) return std::nullopt;
  std::tm local{};
  local.tm_year = static_cast<int>(*parts[0]) - 1900;
  local.tm_mon = static_cast<int>(*parts[1]) - 1;
  local.tm_mday = static_cast<int>(*parts[2]);
  local.tm_hour = static_cast<int>(*parts[3]);
  local.tm_min = static_cast<int>(*parts[4]);
  local.tm_isdst = -1;
  const int day = local.tm_mday;
  const std::time_t time = std::mktime(&local);
  // The 31st of a month of 30 days is none.
  if (time == -1 || local.tm_mday != day) return std::nullopt;
  return system_clock::from_time_t(time);
}

/// "models--org--name" of a path within a cache of Hugging Face: org/name.
std::string id_of_folder(const std::filesystem::path& folder) {
  for (const auto& part : folder) {
    std::string name = part.string();
    constexpr std::string_view prefix = "models--";
    if (!name.starts_with(prefix)) continue;
    name.erase(0, prefix.size());
    if (const std::size_t dashes = name.find("--"); dashes != std::string::npos) name.replace(dashes, 2, "/");
    return name;
  }
  return {};
}

}  // namespace

catalog::NumberBound parse_token_bound(const std::string& flag, const std::string& text) {
  return number_bound(flag, text, "number of tokens such as '>4096' or '<32k'", &parse_count);
}

catalog::NumberBound parse_byte_bound(const std::string& flag, const std::string& text) {
  return number_bound(flag, text, "size such as '>1GB' or '<500MB'", &parse_bytes);
}

catalog::TimeBound parse_time_bound(const std::string& flag, const std::string& text) {
  std::string_view rest = text;
  const Sign sign = sign_of(rest);
  if (const auto date = parse_date(rest)) return {.before = !(sign.given && sign.above), .at = *date, .age = std::nullopt};
  const auto age = parse_age(rest);
  // Nothing is older than what the clock can count.
  const auto now = system_clock::now();
  if (!age || *age > std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()))
    throw CLI::ValidationError(flag, fmt::format("'{}' is no time such as 30d, '>1y', '<1h30m' or 2026-01-31", text));
  return {.before = sign.above, .at = now - *age, .age = age};
}

catalog::ModelNames model_names(const std::string& text) {
  catalog::ModelNames out{.shown = text, .names = {text}, .config_sha256 = {}};
  const std::optional<std::string> folder = text.empty() ? std::nullopt : detail::find_model(text);
  if (!folder) return out;
  std::error_code error;
  const auto real = std::filesystem::weakly_canonical(*folder, error);
  if (!error) out.names.push_back(real.string());
  if (std::string id = id_of_folder(*folder); !id.empty()) out.names.push_back(std::move(id));
  const auto digests = model_digests(*folder);
  if (const auto config = digests.find("config.json"); config != digests.end()) out.config_sha256 = config->second;
  return out;
}

std::string listed_format(const std::string& id) {
  return id == "omlx" ? "omlx block" : std::string(find_dialect(id).id);
}

void add_exclude(CLI::App& app, std::vector<std::string>& patterns) {
  app.add_option("--exclude", patterns, std::string(exclude_help))->type_name("GLOB")->allow_extra_args(false);
}

}  // namespace kvcache::cli
