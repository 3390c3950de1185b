// Two chats below one beginning, of a model with rows, a window and recurrent state, in blocks of four tokens.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "caches.h"
#include "kvcache/store.h"
#include "support/folder.h"

namespace test {

inline const Model model{{LayerKind::plain, LayerKind::window, LayerKind::recurrent}};
inline constexpr const char* first_turn = "abcdefghij";
inline constexpr const char* other_chat = "abcdXY";
inline constexpr const char* second_turn = "abcdefghijklmnop";

inline kvcache::store::Prompt prompt_of(std::string_view text) {
  return {ids(text), kvcache::store::identity_of_text("model")};
}

inline kvcache::store::Put put(kvcache::store::Store& into, std::string_view text, const std::string& label = {}) {
  kvcache::store::PutOptions options;
  options.label = label;
  options.how.threads = 1;
  return into.put(document_of(cache_of(model, ids(text), static_cast<std::int64_t>(text.size()))), prompt_of(text), options);
}

inline std::string entry_of(const kvcache::store::Store& in, std::int64_t tokens) {
  for (const kvcache::store::Entry& entry : in.index().entries({}))
    if (entry.tokens == tokens) return entry.id;
  return {};
}

/// The whole cache of a prompt, or nothing where it is not stored.
inline std::optional<std::string> found(const kvcache::store::Store& in, std::string_view text) {
  kvcache::store::Query query;
  query.prompt = prompt_of(text);
  query.exact = true;
  const kvcache::store::Got got = in.get(query);
  if (!got.match.hit()) return std::nullopt;
  return text_of(got.cache);
}

inline kvcache::store::Settings small_blocks() {
  kvcache::store::Settings settings;
  settings.block = 4;
  return settings;
}

/// The first turn of one chat, and another chat.
inline void fill(kvcache::store::Store& store) {
  store.configure(small_blocks());
  put(store, first_turn, "chat");
  put(store, other_chat, "other");
}

/// Two stores to copy, again and again: `s` with two chats, `t` with the second turn of the first.
class Stores {
 public:
  Stores() {
    kvcache::store::Store made = kvcache::store::Store::open(folder_ / "s");
    fill(made);
    kvcache::store::Store other = kvcache::store::Store::open(folder_ / "t");
    other.configure(small_blocks());
    put(other, second_turn, "chat");
    for (const auto& item : std::filesystem::recursive_directory_iterator(folder_.str()))
      paths_.emplace_back(std::filesystem::relative(item.path(), folder_.str()).string(), item.is_directory());
  }
  /// Into a folder, without what else is there. Folders stay, of which there are many.
  void copy_to(const Folder& folder) const {
    namespace fs = std::filesystem;
    for (const auto& file : fs::recursive_directory_iterator(folder.str()))
      if (!file.is_directory()) fs::remove(file.path());
    for (const auto& [path, is_folder] : paths_) {
      if (is_folder && !fs::exists(folder / path)) fs::create_directory(folder / path);
      if (!is_folder) fs::copy_file(folder_ / path, folder / path);
    }
  }

 private:
  Folder folder_;
  std::vector<std::pair<std::string, bool>> paths_;  // whether it is a folder
};

}  // namespace test
