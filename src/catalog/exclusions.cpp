#include "catalog/exclusions.h"

#include <algorithm>
#include <utility>

#include "platform/glob.h"

namespace kvcache::catalog {

Exclusions::Exclusions(const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) add(pattern, {}, false);
}

Exclusions Exclusions::with_file(const std::string& text, const std::string& below) const {
  Exclusions out = *this;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    out.add(rest.substr(0, end), below, true);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

void Exclusions::add(std::string_view line, const std::string& below, bool comments) {
  while (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r')) line.remove_suffix(1);
  if (line.empty() || (comments && line.front() == '#')) return;
  Pattern pattern;
  pattern.below = below;
  if (line.front() == '!') {
    pattern.takes_back = true;
    line.remove_prefix(1);
  }
  if (line.ends_with('/')) {
    pattern.folders_only = true;
    line.remove_suffix(1);
  }
  pattern.whole_path = line.find('/') != std::string_view::npos;
  pattern.across_folders = line.find("**") != std::string_view::npos;
  if (line.starts_with('/')) line.remove_prefix(1);
  // From any depth: also the one it is given at.
  if (line.starts_with("**/")) {
    line.remove_prefix(3);
    pattern.whole_path = line.find('/') != std::string_view::npos;
    if (pattern.whole_path) {
      Pattern deeper = pattern;
      deeper.glob = "**/" + std::string(line);
      patterns_.push_back(std::move(deeper));
    }
  }
  if (line.empty()) return;
  pattern.glob = std::string(line);
  patterns_.push_back(std::move(pattern));
}

bool Exclusions::leaves_out(std::string_view path, bool folder) const {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  for (auto pattern = patterns_.rbegin(); pattern != patterns_.rend(); ++pattern) {
    if ((pattern->folders_only && !folder) || !path.starts_with(pattern->below)) continue;
    const std::string_view about = pattern->whole_path ? path.substr(pattern->below.size()) : name;
    if (detail::glob_matches(pattern->glob, std::string(about), pattern->across_folders)) return !pattern->takes_back;
  }
  return false;
}

bool Exclusions::leaves_out_on_its_way(std::string_view path) const {
  for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1))
    if (leaves_out(path.substr(0, slash), true)) return true;
  return leaves_out(path, false);
}

}  // namespace kvcache::catalog
