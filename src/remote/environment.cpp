#include "remote/environment.h"

#include <fmt/format.h>

#include <cstdlib>
#include <sstream>
#include <string_view>

#include "kvcache/error.h"
#include "platform/text_file.h"
#include "remote/trimmed.h"

namespace kvcache::remote {
namespace {

/// "profile work" and "work" are both called work.
std::string section_name(std::string_view line) {
  std::string_view name = trimmed(line.substr(1, line.find(']') - 1));
  if (name.starts_with("profile ")) name = trimmed(name.substr(8));
  return std::string(name);
}

/// Of a file of settings; nothing of one that is not there or cannot be read, as with any program that looks for one.
std::string text_of(const std::string& path) {
  constexpr std::uint64_t most = 1U << 20U;
  try {
    return detail::read_text_file(path, {most, ErrorKind::usage, "no settings are that long: name the file that is meant"});
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io) throw;
    return {};
  }
}

}  // namespace

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing of ours sets variables
  return value == nullptr ? std::string() : std::string(value);
}

std::string in_home(const std::string& path) {
  const std::string home = variable("HOME");
  return home.empty() ? std::string() : home + "/" + path;
}

Settings read_settings(const std::string& path, const std::string& section) {
  Settings out;
  std::istringstream file(text_of(path));
  bool here = false;
  std::string above;
  for (std::string line; std::getline(file, line);) {
    const std::string_view text = trimmed(line);
    if (text.empty() || text.front() == '#' || text.front() == ';') continue;
    if (text.front() == '[') {
      here = section_name(text) == section;
      continue;
    }
    const std::size_t equals = text.find('=');
    if (!here || equals == std::string::npos) continue;
    const std::string name(trimmed(text.substr(0, equals)));
    const bool indented = line.front() == ' ' || line.front() == '\t';
    if (!indented) above = name;
    out[indented ? fmt::format("{}.{}", above, name) : name] = trimmed(text.substr(equals + 1));
  }
  return out;
}

std::string first_word(const std::string& text) {
  std::istringstream stream(text);
  std::string word;
  stream >> word;
  return word;
}

std::string read_word(const std::string& path) {
  return first_word(text_of(path));
}

}  // namespace kvcache::remote
