#include "cli/near_misses.h"

#include <utility>

namespace kvcache::cli {
namespace {

constexpr std::pair<std::string_view, std::string_view> words[] = {
    {"list", "ls"},
    {"dir", "ls"},
    {"find", "ls"},
    {"show", "inspect"},
    {"info", "inspect"},
    {"cat", "inspect"},
    {"stat", "inspect"},
    {"dump", "inspect"},
    {"view", "inspect"},
    {"open", "inspect"},
    {"summary", "inspect"},
    {"stats", "inspect"},
    {"check", "verify"},
    {"validate", "verify"},
    {"lint", "verify"},
    {"test", "verify"},
    {"fsck", "verify"},
    {"doctor", "verify"},
    {"rm", "prune"},
    {"remove", "prune"},
    {"delete", "prune"},
    {"clean", "prune"},
    {"gc", "prune"},
    {"evict", "prune"},
    {"cut", "trim"},
    {"truncate", "trim"},
    {"shorten", "trim"},
    {"compress", "quantize"},
    {"decompress", "dequantize"},
    {"export", "convert"},
    {"to", "convert"},
    {"cast", "convert"},
    {"fix", "repair"},
    {"heal", "repair"},
    {"compare", "diff"},
    {"cmp", "diff"},
    {"join", "merge"},
    {"concat", "merge"},
    {"batch", "merge"},
    {"split", "extract"},
    {"unmerge", "extract"},
    {"select", "filter"},
    {"meta", "metadata"},
    {"tag", "metadata"},
    {"set", "metadata"},
    {"sign", "stamp"},
    {"make", "create"},
    {"new", "create"},

    {"html", "report"},
    {"why", "explain"},
    {"rule", "explain"},
    {"describe", "explain"},
    {"size", "estimate"},
    {"cost", "estimate"},
    {"man", "help"},
    {"usage", "help"},
    {"completions", "completion"},
};

}  // namespace

std::string_view command_elsewhere(std::string_view word) noexcept {
  for (const auto& [other, ours] : words)
    if (other == word) return ours;
  return {};
}

}  // namespace kvcache::cli
