#include "remote/environment.h"

#include <fmt/format.h>

#include <cstdlib>
#include <sstream>
#include <string_view>

#include "kvcache/error.h"
#include "platform/text_file.h"

namespace kvcache::remote {
namespace {

constexpr std::string_view blanks = " \t\r\n";

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(blanks) + 1 - first));
}

/// "profile work" and "work" are both called work.
std::string section_name(std::string_view line) {
  std::string name = trimmed(line.substr(1, line.find(']') - 1));
  if (name.starts_with("profile ")) name = trimmed(name.substr(8));
  return name;
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
    const std::string text = trimmed(line);
    if (text.empty() || text.front() == '#' || text.front() == ';') continue;
    if (text.front() == '[') {
      here = section_name(text) == section;
      continue;
    }
    const std::size_t equals = text.find('=');
    if (!here || equals == std::string::npos) continue;
    const std::string name = trimmed(std::string_view(text).substr(0, equals));
    const bool indented = line.front() == ' ' || line.front() == '\t';
    if (!indented) above = name;
    out[indented ? fmt::format("{}.{}", above, name) : name] = trimmed(std::string_view(text).substr(equals + 1));
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
