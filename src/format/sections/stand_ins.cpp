#include "format/sections/stand_ins.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "common/codes.h"
#include "kvcache/printable.h"

namespace kvcache::detail {
namespace {

using Json = nlohmann::json;

/// The array that a stand-in stands for; nothing where the words about it make no sense.
std::optional<TensorEntry> empty_array(const TensorEntry& stand_in, const Json& shape) {
  if (!shape.is_array() || shape.size() > max_rank) return std::nullopt;
  TensorEntry out = stand_in;
  out.shape.clear();
  for (const Json& dim : shape) {
    if (!dim.is_number_integer()) return std::nullopt;
    const auto n = dim.get<std::int64_t>();
    if (n < 0 || n > max_dim) return std::nullopt;
    out.shape.push_back(n);
  }
  if (element_count(out.shape) != 0U) return std::nullopt;
  out.end = out.begin;
  return out;
}

}  // namespace

StandIns find_stand_ins(const Header& header, Findings& findings) {
  StandIns out;
  const auto text = header.metadata.find(std::string(stand_ins_key));
  if (text == header.metadata.end()) return out;
  const auto broken = [&](const std::string& key, const std::string& why) {
    findings.push_back(make_finding("KV303", {}, key, why, "the entry was torn: process the prompt again"));
  };
  const Json object = Json::parse(text->second, nullptr, false);
  if (!object.is_object()) {
    broken(text->first, "what its stand-ins stand for is no JSON object");
    return out;
  }
  for (const auto& [key, what] : object.items()) {
    const TensorEntry* entry = header.find(key);
    const auto kind = what.is_object() ? what.find("kind") : what.end();
    if (entry == nullptr || entry->shape != Shape{1} || !what.is_object() || kind == what.end()) {
      broken(key, fmt::format("'{}' is to be a stand-in, and is {}", printable(key),
                              entry == nullptr ? "not in the file"
                                               : fmt::format("{} {}", name(entry->dtype), to_string(entry->shape))));
      continue;
    }
    const auto index = static_cast<std::size_t>(entry - header.tensors.data());
    if (*kind == "none") {
      out.unset.insert(index);
      continue;
    }
    const auto shape = what.find("shape");
    const auto array = *kind == "empty" && shape != what.end() ? empty_array(*entry, *shape) : std::nullopt;
    if (array)
      out.empty.emplace(index, *array);
    else
      broken(key, fmt::format("what '{}' stands for is not known", printable(key)));
  }
  if (out.any())
    findings.push_back(make_finding(
        "KV916", {}, std::string(stand_ins_key),
        fmt::format("{} slots that are not set and {} arrays without elements are saved as arrays of one element, as Rapid-MLX "
                    "does: mlx-lm takes them for the arrays",
                    out.unset.size(), out.empty.size()),
        Remedy(Remedy::Action::convert, {{"to", "mlx-lm"}}) + " writes what they stand for"));
  return out;
}

}  // namespace kvcache::detail
