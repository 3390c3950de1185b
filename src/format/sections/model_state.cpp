// The state of a Swift vision model beside the layers: tensors, their names in the user metadata, and a prefix of every class.
#include <fmt/format.h>

#include "common/codes.h"
#include "format/document.h"
#include "format/user_metadata.h"

namespace kvcache::detail {

void decode_model_state(Document& document, Layout& layout) {
  // Everything that belongs to it, whether or not it is complete.
  Metadata keys;
  for (auto it = document.cache.metadata.begin(); it != document.cache.metadata.end();) {
    if (it->first.starts_with(state_key_prefix)) {
      keys.insert(*it);
      it = document.cache.metadata.erase(it);
    } else {
      ++it;
    }
  }
  std::size_t prefixed = 0;
  for (auto& [index, name] : layout.classes) {
    if (!name.starts_with(state_class_prefix)) continue;
    name.erase(0, state_class_prefix.size());
    ++prefixed;
  }
  if (keys.empty() && prefixed == 0 && layout.state_tensors.empty()) return;

  const auto broken = [&](const std::string& why, const std::string& key) {
    document.findings.push_back(make_finding("KV491", Where::Part::model_state, key,
                                             fmt::format("the model state is broken: {}; mlx-swift-lm refuses the file", why)));
  };
  const auto value = [&](std::string_view name) {
    const auto it = keys.find(std::string(name));
    return it == keys.end() ? std::string() : it->second;
  };
  if (value(state_version_key) != "1")
    return broken(fmt::format("its version is '{}' instead of 1", printable(value(state_version_key))),
                  fmt::format("1.{}", state_version_key));
  const auto count = parse_index(value(state_count_key));
  if (!count || *count + 2 != keys.size() || *count != layout.state_tensors.size())
    return broken(fmt::format("count is '{}', with {} metadata entries and {} tensors", printable(value(state_count_key)),
                              keys.size() - std::min<std::size_t>(2, keys.size()), layout.state_tensors.size()),
                  fmt::format("1.{}", state_count_key));
  if (prefixed != layout.classes.size())
    return broken(fmt::format("{} of {} classes carry its prefix", prefixed, layout.classes.size()), "2.0");
  ModelState state;
  for (std::uint64_t k = 0; k < *count; ++k) {
    const auto tensor = layout.state_tensors.find(fmt::format("{}{}", state_tensor_key_prefix, k));
    const auto name = keys.find(fmt::format("{}{}_key", state_key_prefix, k));
    if (tensor == layout.state_tensors.end() || name == keys.end())
      return broken(fmt::format("entry {} lacks its {}", k, name == keys.end() ? "name" : "tensor"),
                    fmt::format("1.{}{}_key", state_key_prefix, k));
    state.entries.emplace_back(name->second, document.file.tensor(document.file.header().tensors[tensor->second]));
  }
  document.cache.model_state = std::move(state);
}

}  // namespace kvcache::detail
