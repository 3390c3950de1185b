// The folders of vllm-mlx and of Rapid-MLX, its fork, as rows of the table of formats: they differ in what an index says.
#include "foreign/entries/entry_folder.h"
#include "foreign/format_rows.h"

namespace kvcache::foreign {
namespace {

using entries::Owner;

template <Owner owner>
constexpr Format row(std::string_view id, std::string_view title, std::string_view versions) {
  Format format{};
  format.id = id;
  format.title = title;
  format.versions = versions;
  format.owns_folder = [](const FolderLook& folder) { return entries::owns(folder, owner); };
  format.owns_file = [](const FileLook& /*file*/) { return false; };
  format.items = entries::items;
  format.look = [](const Place& place, const Item& item) { return entries::look(place, item, owner); };
  format.check = [](const Place& place, const Item& item) { return entries::check(place, item, owner); };
  format.check_place = [](const Place& place, std::span<const Item> items) {
    return entries::check_place(place, items, owner);
  };
  format.restore = [](const Place& place, const Query& query) { return entries::restore(place, query, owner); };
  format.prompts = [](const Place& place) { return entries::prompts(place, owner); };
  format.restore_prompt = [](const Place& place, const Prompt& prompt, const Query& query) {
    return entries::restore_prompt(place, prompt, query, owner);
  };
  format.other_model = [](const Place& place, const std::string& folder) { return entries::other_model(place, folder, owner); };
  format.is_prompt_cache = [](const Item& item) { return item.kind == Item::Kind::entry; };
  return format;
}

}  // namespace

constinit const Format vllm_mlx_format = row<Owner::vllm_mlx>("vllm-mlx", "vllm-mlx persisted entries", "4");
constinit const Format rapid_mlx_format = row<Owner::rapid_mlx>("rapid-mlx", "Rapid-MLX prefix cache", "2 and 3");

}  // namespace kvcache::foreign
