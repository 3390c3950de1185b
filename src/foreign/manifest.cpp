#include "foreign/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "foreign/file_names.h"
#include "kvcache/error.h"
#include "kvcache/tensor.h"

namespace kvcache::foreign {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;  // what is written again keeps its order

constexpr std::size_t deepest_manifest = 16;

template <class AnyJson>
std::optional<std::vector<std::int32_t>> list_of_ids(const AnyJson& json) {
  if (!json.is_array() || json.empty()) return std::nullopt;
  std::vector<std::int32_t> out;
  out.reserve(json.size());
  for (const AnyJson& id : json) {
    const std::int64_t value = id.is_number_integer() ? id.template get<std::int64_t>() : -1;
    if (value < 0 || value > max_dim) return std::nullopt;
    out.push_back(static_cast<std::int32_t>(value));
  }
  return out;
}

/// Whether a name stays within its folder.
bool stays_inside(const std::string& name) {
  const fs::path path(name);
  return path.is_relative() && std::ranges::none_of(path, [](const fs::path& part) { return part == ".."; });
}

/// An object of a list that names a file and has its token ids.
template <class AnyJson>
std::optional<ManifestEntry> listed_entry(const AnyJson& json) {
  if (!json.is_object()) return std::nullopt;
  ManifestEntry entry;
  bool has_ids = false;
  for (const auto& [key, value] : json.items()) {
    if (value.is_string()) {
      const auto text = value.template get<std::string>();
      if (text.ends_with(safetensors_ending) && stays_inside(text))
        entry.file = text;
      else if (key.find("model") != std::string::npos && entry.model.empty())
        entry.model = text;
    } else if (!has_ids) {
      if (std::optional<std::vector<std::int32_t>> ids = list_of_ids(value)) {
        entry.ids = *std::move(ids);
        has_ids = true;
      }
    }
  }
  if (!has_ids || entry.file.empty()) return std::nullopt;
  return entry;
}

/// The same of an element of a list, which may hold the object beside what else is known of the entry.
std::optional<ManifestEntry> list_element(const OrderedJson& json) {
  if (std::optional<ManifestEntry> entry = listed_entry(json)) return entry;
  if (!json.is_object()) return std::nullopt;
  std::optional<ManifestEntry> inner;
  for (const OrderedJson& value : json) {
    if (!value.is_structured()) continue;
    if (inner) return std::nullopt;
    inner = listed_entry(value);
    if (!inner) return std::nullopt;
  }
  return inner;
}

void collect(const Json& json, std::size_t depth, std::vector<ManifestEntry>& out) {
  if (depth > deepest_manifest || !json.is_structured()) return;
  if (std::optional<ManifestEntry> entry = listed_entry(json)) {
    out.push_back(*std::move(entry));
    return;
  }
  for (const Json& child : json) collect(child, depth + 1, out);
}

[[noreturn]] void refuse_to_change(const std::string& why) {
  throw Error(ErrorKind::unreadable,
              fmt::format("manifest.json {}: its form is not known, and only its server can change it", why), {}, "KV906");
}

/// Takes entries out of a list that was read by its looks, and out of what beside it is about them. What it cannot be sure of
/// is refused.
class Forgetter {
 public:
  explicit Forgetter(const std::set<std::string>& files) : files_(files) {}

  void take_out(OrderedJson& json, std::size_t depth = 0) {
    if (depth > deepest_manifest || !json.is_structured()) return;
    OrderedJson left = json.is_array() ? OrderedJson::array() : OrderedJson::object();
    std::vector<OrderedJson> gone;
    std::size_t entries = 0;
    for (auto& [key, value] : json.items()) {
      const std::optional<ManifestEntry> entry = json.is_array() ? list_element(value) : listed_entry(value);
      if (entry) {
        ++entries;
        called_.insert(entry->file);
        if (json.is_object()) called_.insert(key);
      }
      if (entry && files_.contains(entry->file)) {
        if (json.is_object()) names_.insert(key);
        gone.push_back(std::move(value));
        continue;
      }
      if (!entry) take_out(value, depth + 1);
      if (json.is_array())
        left.push_back(std::move(value));
      else
        left[key] = std::move(value);
    }
    json = std::move(left);
    if (gone.empty()) return;
    if (entries_ > 0) refuse_to_change("has more than one list of entries");
    entries_ = entries;
    gone_ = std::move(gone);
    kept_ = json;
  }

  /// Orders, counts and sums. After take_out().
  void follow(OrderedJson& json, std::size_t depth = 0) const {
    if (depth > deepest_manifest || !json.is_structured() || gone_.empty()) return;
    if (json.is_array()) {
      if (is_order_of_numbers(json)) refuse_to_change("has an order of entries by their places");
      OrderedJson left = OrderedJson::array();
      for (OrderedJson& value : json)
        if (!value.is_string() || !is_name(value.get<std::string>())) left.push_back(std::move(value));
      json = std::move(left);
    } else {
      if (is_about_entries(json)) {
        for (const std::string& name : names_) json.erase(name);
        for (const std::string& file : files_) json.erase(file);
      }
      for (auto& [key, value] : json.items())
        if (value.is_number_unsigned()) value = followed(key, value.get<std::uint64_t>());
    }
    for (OrderedJson& value : json)
      if (!(json.is_array() ? list_element(value) : listed_entry(value))) follow(value, depth + 1);
  }

  /// Whether anything still tells of what is gone.
  [[nodiscard]] bool is_named_in(const OrderedJson& json, std::size_t depth = 0) const {
    if (json.is_string()) return is_name(json.get<std::string>());
    if (!json.is_structured() || depth > deepest_manifest) return json.is_structured();
    for (const auto& [key, value] : json.items())
      if ((json.is_object() && is_name(key)) || is_named_in(value, depth + 1)) return true;
    return false;
  }

 private:
  [[nodiscard]] bool is_name(const std::string& text) const { return files_.contains(text) || names_.contains(text); }

  /// Something of each, by its name: when it was last used.
  [[nodiscard]] bool is_about_entries(const OrderedJson& object) const {
    return std::ranges::all_of(object.items(), [&](const auto& member) { return called_.contains(member.key()); });
  }

  [[nodiscard]] bool is_order_of_numbers(const OrderedJson& list) const {
    if (list.size() != entries_ || entries_ < 2) return false;
    std::set<std::uint64_t> places;
    for (const OrderedJson& value : list)
      if (value.is_number_unsigned()) places.insert(value.get<std::uint64_t>());
    return places.size() == entries_ && *places.rbegin() == entries_ - 1;
  }

  /// A number that was the count of the entries, or what all of them add up to, is so afterwards.
  [[nodiscard]] std::uint64_t followed(const std::string& key, std::uint64_t value) const {
    const auto has = [&](std::string_view word) { return key.find(word) != std::string::npos; };
    if (value == entries_ && (has("count") || has("num") || has("entries") || has("length"))) return value - gone_.size();
    if (!has("bytes") && !has("total") && !has("size")) return value;
    for (const auto& [name, example] : gone_.front().items()) {
      if (!example.is_number_unsigned()) continue;
      const std::uint64_t lost = sum_of(gone_, name);
      if (lost + sum_of(kept_, name) == value) return value - lost;
    }
    return value;
  }

  template <class List>
  static std::uint64_t sum_of(const List& list, const std::string& name) {
    std::uint64_t sum = 0;
    for (const OrderedJson& entry : list)
      if (entry.is_object() && entry.contains(name) && entry.at(name).is_number_unsigned())
        sum += entry.at(name).template get<std::uint64_t>();
    return sum;
  }

  const std::set<std::string>& files_;
  std::set<std::string> called_;  ///< what all entries are called by: files, and keys where they are members
  std::set<std::string> names_;   ///< keys of those that are gone
  std::size_t entries_ = 0;       ///< before
  std::vector<OrderedJson> gone_;
  OrderedJson kept_;  ///< the list without them
};

}  // namespace

std::vector<ManifestEntry> manifest_entries(std::string_view json) {
  const Json document = Json::parse(json, nullptr, false);
  if (document.is_discarded()) throw Error(ErrorKind::unreadable, "manifest.json is no JSON");
  std::vector<ManifestEntry> out;
  collect(document, 0, out);
  return out;
}

std::string manifest_without(std::string_view json, const std::set<std::string>& files) {
  OrderedJson document = OrderedJson::parse(json, nullptr, false);
  if (document.is_discarded()) throw Error(ErrorKind::unreadable, "manifest.json is no JSON", {}, "KV906");
  Forgetter forgetter(files);
  forgetter.take_out(document);
  forgetter.follow(document);
  if (forgetter.is_named_in(document)) refuse_to_change("names an entry in a place of its own");
  const bool in_lines = json.find('\n') < json.size() - 1;
  return document.dump(in_lines ? 2 : -1, ' ', true, OrderedJson::error_handler_t::replace);
}

}  // namespace kvcache::foreign
