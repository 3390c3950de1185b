// The folder of vllm-mlx' entries, as a row of the table of formats.
#include "foreign/entries/entry_folder.h"
#include "foreign/format_rows.h"

namespace kvcache::foreign {
namespace {

constexpr auto owner = entries::Owner::vllm_mlx;

}  // namespace

const Format vllm_mlx_format = {
    "vllm-mlx",
    "vllm-mlx persisted entries",
    "4",
    [](const FolderLook& folder) { return entries::owns(folder, owner); },
    [](const FileLook& /*file*/) { return false; },
    entries::items,
    [](const Place& place, const Item& item) { return entries::look(place, item, owner); },
    [](const Place& place, const Item& item) { return entries::check(place, item, owner); },
    [](const Place& place, std::span<const Item> items) { return entries::check_place(place, items, owner); },
    [](const Place& place, const Query& query) { return entries::restore(place, query, owner); },
    [](const Place& place) { return entries::prompts(place, owner); },
    [](const Place& place, const Prompt& prompt, const Query& /*query*/) {
      return entries::restore_prompt(place, prompt, owner);
    },
    {}};

}  // namespace kvcache::foreign
