// Variables of the environment, and the files of settings that they point to.
#pragma once

#include <map>
#include <string>

namespace kvcache::remote {

/// Empty where it is not set.
[[nodiscard]] std::string variable(const char* name);
/// The value of the first that is set and not empty.
template <typename... Names>
[[nodiscard]] std::string first_variable(const char* name, Names... others) {
  std::string value = variable(name);
  if constexpr (sizeof...(others) > 0)
    if (value.empty()) return first_variable(others...);
  return value;
}
/// In the user's home folder, or empty where there is none.
[[nodiscard]] std::string in_home(const std::string& path);

/// The settings of one section of an INI file, "name = value"; indented lines belong to the setting above them and are kept as
/// "above.name". Nothing where the file or the section is not there.
using Settings = std::map<std::string, std::string>;
[[nodiscard]] Settings read_settings(const std::string& path, const std::string& section);

/// Without blanks around it, such as the line break at the end of a file.
[[nodiscard]] std::string first_word(const std::string& text);
/// What a file holds, without blanks around it; nothing where it cannot be read.
[[nodiscard]] std::string read_word(const std::string& path);

}  // namespace kvcache::remote
