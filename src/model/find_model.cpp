#include "model/find_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "common/quote.h"
#include "kvcache/error.h"
#include "platform/text_file.h"

namespace kvcache::detail {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  // Nothing of ours sets variables, so reading one is safe.
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? std::string() : value;
}

/// As huggingface_hub looks for it.
fs::path hub() {
  if (std::string folder = variable("HF_HUB_CACHE"); !folder.empty()) return folder;
  if (std::string folder = variable("HUGGINGFACE_HUB_CACHE"); !folder.empty()) return folder;
  if (const std::string home = variable("HF_HOME"); !home.empty()) return fs::path(home) / "hub";
  if (const std::string caches = variable("XDG_CACHE_HOME"); !caches.empty()) return fs::path(caches) / "huggingface" / "hub";
  return fs::path(variable("HOME")) / ".cache" / "huggingface" / "hub";
}

/// "name" or "owner/name", of what such names are made of.
bool is_id(std::string_view name) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";
  if (name.empty() || name.find_first_not_of(allowed) != std::string_view::npos) return false;
  if (name.front() == '/' || name.front() == '.' || name.back() == '/' || name.find("..") != std::string_view::npos)
    return false;
  return std::ranges::count(name, '/') <= 1;
}

std::optional<fs::path> snapshot(const fs::path& repository) {
  std::error_code error;
  const fs::path snapshots = repository / "snapshots";
  const fs::path main = repository / "refs" / "main";
  if (fs::is_regular_file(main, error)) {
    std::string commit = read_text_file(main.string(), {std::uint64_t{1} << 20U, ErrorKind::unreadable, {}});
    commit.erase(std::min(commit.find_first_of(" \r\n"), commit.size()));
    if (!commit.empty() && commit.find('/') == std::string::npos && fs::is_directory(snapshots / commit, error))
      return snapshots / commit;
  }
  // Of a revision that was asked for by its commit no name is kept: then there has to be one alone.
  std::optional<fs::path> only;
  for (fs::directory_iterator it(snapshots, error), end; !error && it != end; it.increment(error)) {
    if (only) return std::nullopt;
    only = it->path();
  }
  return only;
}

fs::path repository_of(const std::string& id) {
  std::string folder = "models--" + id;
  if (const std::size_t slash = folder.find('/'); slash != std::string::npos) folder.replace(slash, 1, "--");
  return hub() / folder;
}

}  // namespace

std::optional<std::string> find_model(const std::string& name) {
  std::error_code error;
  if (fs::exists(name, error)) return name;
  if (!is_id(name)) return std::nullopt;
  const auto found = snapshot(repository_of(name));
  if (!found) return std::nullopt;
  return found->string();
}

std::string require_model(const std::string& name) {
  if (auto found = find_model(name)) return *std::move(found);
  if (!is_id(name) || std::ranges::count(name, '/') != 1)
    throw Error(ErrorKind::io, "cannot be read: No such file or directory", "name a model's folder, or its id: owner/name");
  throw Error(ErrorKind::io,
              fmt::format("there is no such folder, and no model of this id in {}", in_quotes(hub().string(), 4096)),
              fmt::format("hf download {}", name));
}

}  // namespace kvcache::detail
