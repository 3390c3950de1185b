// The JSON of a stamp: written in one line, read in one pass without building a document, as anybody may have put it there.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/hex.h"
#include "kvcache/error.h"
#include "kvcache/stamp.h"
#include "safetensors/key_set.h"

namespace kvcache {
namespace {

constexpr std::string_view schema = "kvcache.stamp/1";
constexpr std::string_view schema_name = "kvcache.stamp/";
constexpr std::size_t max_depth = 64;
// As many arrays as a header can have.
constexpr std::size_t max_entries = 65'536;

// Events of nlohmann's parser. Every handler returns false at the first problem, which ends the parse.
class Handler {
 public:
  Stamp take() {
    if (problem_.empty() && !has_schema_) problem_ = fmt::format("it has no schema '{}'", schema);
    if (problem_.empty() && stamp_.tokens && (!has_count_ || stamp_.tokens->sha256.empty()))
      problem_ = "'tokens' lacks count or sha256";
    if (!problem_.empty()) throw Error(ErrorKind::unreadable, problem_, {}, "KV801");
    return std::move(stamp_);
  }

  bool null() { return value("null"); }
  bool boolean(bool) { return value("a boolean"); }
  bool number_float(double, const std::string&) { return value("a number that is no plain integer"); }
  bool number_integer(std::int64_t) { return value("a negative number"); }
  bool number_unsigned(std::uint64_t number) {
    if (place_ == Place::ids) {
      if (number > std::numeric_limits<std::int32_t>::max()) return fail(fmt::format("a token id is {}", number));
      stamp_.tokens->ids->push_back(static_cast<std::int32_t>(number));
      return true;
    }
    if (place_ != Place::tokens || key_ != "count") return value("a number");
    stamp_.tokens->count = number;
    has_count_ = true;
    return true;
  }
  bool string(std::string& text) {
    switch (place_) {
      case Place::top:
        return top_text(text);
      case Place::crc32:
        return checksum(text);
      case Place::model:
        if (!detail::is_hex(text, 64)) return value("no SHA-256");
        if (stamp_.model_sha256.size() >= max_entries) return fail("it names too many files");
        stamp_.model_sha256.insert_or_assign(key_, text);
        return true;
      case Place::tokens:
        if (key_ != "sha256") return value("a text");
        if (!detail::is_hex(text, 64)) return value("no SHA-256");
        stamp_.tokens->sha256 = text;
        return true;
      case Place::ids:
      case Place::unknown:
        break;
    }
    return value("a text");
  }
  bool binary(nlohmann::json::binary_t&) { return false; }  // not in JSON

  bool key(std::string& text) {
    keys_.add(text);
    if (place_ != Place::unknown) key_ = text;
    return true;
  }
  bool start_object(std::size_t) {
    keys_.open_object();
    if (depth_ == 0) return deeper(Place::top);
    if (place_ == Place::top && key_ == "crc32") {
      stamp_.crc32.emplace();
      return deeper(Place::crc32);
    }
    if (place_ == Place::top && key_ == "model_sha256") return deeper(Place::model);
    if (place_ == Place::top && key_ == "tokens") {
      stamp_.tokens.emplace();
      return deeper(Place::tokens);
    }
    return value("an object") && deeper(Place::unknown);
  }
  bool end_object() {
    if (const auto twice = keys_.close_object()) return fail(fmt::format("the key '{}' occurs twice", printable(*twice)));
    return shallower();
  }
  bool start_array(std::size_t) {
    if (place_ == Place::tokens && key_ == "ids") {
      stamp_.tokens->ids.emplace();
      return deeper(Place::ids);
    }
    if (depth_ == 0) return fail("it is no JSON object");
    return value("a list") && deeper(Place::unknown);
  }
  bool end_array() { return shallower(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) {
    return fail(fmt::format("it is no JSON: error at byte {}", position));
  }

 private:
  enum class Place { top, crc32, model, tokens, ids, unknown };

  bool fail(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }
  // A value of another type than what is known under the key, or of a key that is not known, which is ignored.
  bool value(std::string_view what) {
    if (depth_ == 0) return fail("it is no JSON object");
    if (place_ == Place::ids) return fail(fmt::format("a token id is {}", what));
    constexpr std::string_view known_at_top[] = {"schema",     "time",         "tool",  "text",
                                                 "model_type", "model_sha256", "crc32", "tokens"};
    constexpr std::string_view known_of_tokens[] = {"count", "sha256", "ids"};
    const bool known = place_ == Place::crc32 || place_ == Place::model ||
                       (place_ == Place::top && std::ranges::find(known_at_top, key_) != std::end(known_at_top)) ||
                       (place_ == Place::tokens && std::ranges::find(known_of_tokens, key_) != std::end(known_of_tokens));
    return !known || fail(fmt::format("'{}' is {}", printable(key_), what));
  }
  bool top_text(std::string& text) {
    if (key_ == "schema") {
      has_schema_ = text == schema;
      if (has_schema_) return true;
      if (text.starts_with(schema_name)) return fail(fmt::format("it is of a newer version: {}", printable(text)));
      return fail(fmt::format("its schema is '{}' instead of '{}'", printable(text), schema));
    }
    if (key_ == "time") stamp_.time = text;
    if (key_ == "tool") stamp_.tool = text;
    if (key_ == "model_type") stamp_.model_type = text;
    if (key_ == "text") stamp_.text = std::move(text);
    return key_ == "time" || key_ == "tool" || key_ == "model_type" || key_ == "text" || value("a text");
  }
  bool checksum(const std::string& text) {
    if (!detail::is_hex(text, 8)) return value("no CRC-32");
    if (stamp_.crc32->size() >= max_entries) return fail("it names too many arrays");
    stamp_.crc32->insert_or_assign(key_, static_cast<std::uint32_t>(std::stoul(text, nullptr, 16)));
    return true;
  }
  bool deeper(Place place) {
    if (++depth_ > max_depth) return fail("it is nested too deep");
    // Everything inside what is not known is not known either; on the way out the place is found again by the depth.
    if (place_ == Place::unknown) {
      ++unknown_depth_;
    } else {
      if (place == Place::unknown) {
        outside_ = place_;
        unknown_depth_ = 1;
      }
      place_ = place;
    }
    return true;
  }
  bool shallower() {
    --depth_;
    if (place_ == Place::unknown) {
      if (--unknown_depth_ == 0) place_ = outside_;
    } else {
      place_ = place_ == Place::ids ? Place::tokens : Place::top;
    }
    return true;
  }

  Stamp stamp_;
  std::string problem_;
  std::string key_;  ///< the last one that was read where something is known
  Place place_ = Place::top;
  Place outside_ = Place::top;  ///< where the value that is not known stands
  std::size_t depth_ = 0;
  std::size_t unknown_depth_ = 0;
  bool has_schema_ = false;
  bool has_count_ = false;
  detail::KeySet keys_;
};

}  // namespace

std::string to_json(const Stamp& stamp) {
  // What a person looks for comes first, the long lists last.
  nlohmann::ordered_json json = {{"schema", schema}, {"time", stamp.time}, {"tool", stamp.tool}};
  if (!stamp.model_type.empty()) json["model_type"] = stamp.model_type;
  if (!stamp.model_sha256.empty()) json["model_sha256"] = stamp.model_sha256;
  if (stamp.crc32) {
    auto& sums = json["crc32"] = nlohmann::ordered_json::object();
    for (const auto& [key, crc] : *stamp.crc32) sums[key] = fmt::format("{:08x}", crc);
  }
  if (stamp.tokens) {
    json["tokens"] = {{"count", stamp.tokens->count}, {"sha256", stamp.tokens->sha256}};
    if (stamp.tokens->ids) json["tokens"]["ids"] = *stamp.tokens->ids;
  }
  if (stamp.text) json["text"] = *stamp.text;
  // ASCII only: no control character of a prompt reaches the header as itself (KV206).
  return json.dump(-1, ' ', true);
}

Stamp parse_stamp(std::string_view json) {
  Handler handler;
  (void)nlohmann::json::sax_parse(json.begin(), json.end(), &handler);
  return handler.take();
}

std::optional<Stamp> find_stamp(const PromptCache& cache) {
  const auto entry = cache.metadata.find(std::string(stamp_key));
  if (entry == cache.metadata.end()) return std::nullopt;
  return parse_stamp(entry->second);
}

}  // namespace kvcache
