// llama.cpp's saved states: the row of them. They are looked at and checked alone: their quantization blocks, and for some
// architectures the order of what is rotated in keys, are others than MLX has.
#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>
#include <filesystem>

#include "foreign/format_rows.h"
#include "foreign/llama_state.h"
#include "foreign/row_tools.h"
#include "kvcache/printable.h"

namespace kvcache::foreign {
namespace llama_cpp {
namespace {

namespace fs = std::filesystem;

bool owns_folder(const FolderLook&) {
  return false;  // a slot folder holds files of any name
}

bool owns_file(const FileLook& file) {
  return file.header == nullptr && (file.head.starts_with(llama_session_magic) || file.head.starts_with(llama_sequence_magic));
}

std::vector<Item> items(const Place& place) {
  return {{place.path, Item::Kind::entry}};
}

/// "Q8_0 keys, F16 values"
std::string types_of(const LlamaMemory& memory) {
  const auto all = [](const std::vector<LlamaRows>& layers) {
    std::string out;
    for (const LlamaRows& rows : layers) {
      const std::string name = ggml_type_name(rows.type);
      if (out.find(name) == std::string::npos) out += (out.empty() ? "" : "/") + name;
    }
    return out;
  };
  if (memory.values.empty()) return all(memory.keys) + " keys, no values";
  return fmt::format("{} keys, {} values", all(memory.keys), all(memory.values));
}

std::string_view name_of(const LlamaState& state, std::size_t index) {
  if (state.memories[index].kind == LlamaMemory::Kind::recurrent) return "recurrent";
  return index == 0 ? "attention" : "sliding window";
}

/// "1, 450, 7483, ...": whose prompt it is, as nothing in the file names the model or the text.
std::string head_of(const std::vector<std::int32_t>& ids) {
  constexpr std::size_t most = 8;
  const std::size_t n = std::min(ids.size(), most);
  return fmt::format("{}{}", fmt::join(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(n), ", "),
                     ids.size() > n ? ", ..." : "");
}

Entry look(const Place&, const Item& item) {
  return described(item, [&](Entry& entry) {
    const LlamaState state = read_llama_state(*file_source(item.path));
    entry.model = state.architecture;
    entry.version = std::to_string(state.version);
    entry.tokens = static_cast<std::int64_t>(state.ids.size());
    entry.settings = {{"kind", state.sequence ? "one sequence" : "whole context"},
                      {"memory", state.stream_counts ? "since the middle of 2025" : "before the middle of 2025"}};
    if (!state.ids.empty()) entry.settings.emplace_back("begins with", head_of(state.ids));
    for (std::size_t i = 0; i < state.memories.size(); ++i) {
      const LlamaMemory& memory = state.memories[i];
      entry.settings.emplace_back(std::string(name_of(state, i)),
                                  fmt::format("{} layers, {} cells, {}", memory.keys.size(), memory.cells, types_of(memory)));
    }
    if (!state.problem.empty()) entry.verdict = state.problem;
  });
}

Report check(const Place&, const Item& item) {
  return checked(item.path, [&](Report& report) {
    const LlamaState state = read_llama_state(*file_source(item.path));
    if (!state.problem.empty()) {
      add_finding(report, "KV907", state.problem, {},
                  "llama.cpp says whether it can read it: only a build like the one that wrote it can");
      return;
    }
    const auto tokens = static_cast<std::uint64_t>(state.ids.size());
    // Several streams are of several sequences, and the ids of one of them.
    if (!state.memories.empty() && state.media == 0 && state.memories[0].kind == LlamaMemory::Kind::attention &&
        state.memories[0].streams == 1 && state.memories[0].cells != tokens)
      add_finding(report, "KV908", fmt::format("{} token ids and {} cells", tokens, state.memories[0].cells), "attention");
    for (std::size_t i = 0; i < state.memories.size(); ++i) {
      const bool only_here = i > 0 || state.memories[i].kind == LlamaMemory::Kind::recurrent;
      if (only_here && state.extension_bytes == 0 && !fs::exists(item.path + ".checkpoints"))
        add_finding(
            report, "KV943",
            fmt::format("it holds the state at position {} alone, and no checkpoints: llama-server takes the file, and then "
                        "processes the whole prompt anew unless it goes on from exactly there",
                        state.memories[i].last_position),
            std::string(name_of(state, i)));
    }
  });
}

std::vector<Report> check_place(const Place&, std::span<const Item>) {
  return {};
}

std::vector<Prompt> prompts(const Place&) {
  return {};
}

}  // namespace
}  // namespace llama_cpp

const Format llama_cpp_format = {
    "llama.cpp",
    "state of llama.cpp",
    "ggsn 9, ggsq 2 to 5",
    llama_cpp::owns_folder,
    llama_cpp::owns_file,
    llama_cpp::items,
    llama_cpp::look,
    llama_cpp::check,
    llama_cpp::check_place,
    nullptr,
    llama_cpp::prompts,
    nullptr,
    "its rows are quantized in other blocks than MLX has, and keys of some architectures are rotated in another order"};

}  // namespace kvcache::foreign
