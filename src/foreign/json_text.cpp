#include "foreign/json_text.h"

#include <fmt/format.h>

#include "kvcache/error.h"

namespace kvcache::foreign {
namespace {

constexpr int most_depth = 64;

const Json* member(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() ? nullptr : &*it;
}

/// Whether a text becomes too much: nothing is built.
class Limits final : public nlohmann::json_sax<Json> {
 public:
  std::string_view why = "is no JSON";
  const char* hint = "";

  bool null() override { return value(); }
  bool boolean(bool /*value*/) override { return value(); }
  bool number_integer(number_integer_t /*value*/) override { return value(); }
  bool number_unsigned(number_unsigned_t /*value*/) override { return value(); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return value(); }
  bool string(string_t& /*value*/) override { return value(); }
  bool binary(binary_t& /*value*/) override { return value(); }
  bool start_object(std::size_t /*elements*/) override { return deeper(); }
  bool key(string_t& /*value*/) override { return true; }
  bool end_object() override { return higher(); }
  bool start_array(std::size_t /*elements*/) override { return deeper(); }
  bool end_array() override { return higher(); }
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/, const Json::exception& /*error*/) override {
    return false;
  }

 private:
  bool value() {
    static_assert(most_json_values == 2'097'152);
    if (++values_ <= most_json_values) return true;
    why = "has more than 2,097,152 values, and no more are read";
    hint =
        "name a prompt cache that it speaks of by itself: those are read without it, and `ls` and `prune` do without it as "
        "well";
    return false;
  }
  bool deeper() {
    if (++depth_ <= most_depth) return value();
    why = "is nested too deeply";
    return false;
  }
  bool higher() {
    --depth_;
    return true;
  }

  std::size_t values_ = 0;
  int depth_ = 0;
};

}  // namespace

Json parse_json(std::string_view text, std::string_view what) {
  const auto refuse = [&](std::string_view why, const char* hint) {
    throw Error(ErrorKind::unreadable, fmt::format("{} {}", what, why), hint);
  };
  Limits limits;
  if (!Json::sax_parse(text, &limits)) refuse(limits.why, limits.hint);
  // Not with a callback: that parser looks at all of a list again at the end of each object in it.
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) refuse(limits.why, "");
  return json;
}

std::optional<std::string> text_member(const Json& object, std::string_view key) {
  const Json* value = member(object, key);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return value->get<std::string>();
}

std::optional<std::int64_t> integer_member(const Json& object, std::string_view key) {
  const Json* value = member(object, key);
  if (value == nullptr || !value->is_number_integer()) return std::nullopt;
  if (value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
  return value->get<std::int64_t>();
}

const Json* array_member(const Json& object, std::string_view key) {
  const Json* value = member(object, key);
  return value != nullptr && value->is_array() ? value : nullptr;
}

const Json* object_member(const Json& object, std::string_view key) {
  const Json* value = member(object, key);
  return value != nullptr && value->is_object() ? value : nullptr;
}

std::optional<std::vector<std::int32_t>> ids_of(const Json& list) {
  if (!list.is_array()) return std::nullopt;
  std::vector<std::int32_t> ids;
  ids.reserve(list.size());
  for (const Json& id : list) {
    if (!id.is_number_integer()) return std::nullopt;
    const auto value = id.get<std::int64_t>();
    if (value < 0 || value > INT32_MAX) return std::nullopt;
    ids.push_back(static_cast<std::int32_t>(value));
  }
  return ids;
}

}  // namespace kvcache::foreign
