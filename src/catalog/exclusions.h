// Which files below a folder are left out: --exclude, and the lines of .kvcacheignore.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kvcache::catalog {

/// The name of the file with patterns for its folder and all below it.
inline constexpr std::string_view ignore_file = ".kvcacheignore";

/// Patterns as in .gitignore: one without a slash is about names at any depth, one with a slash about paths from where it is
/// given; ** goes over folders, a slash at the end means folders only, ! takes back what an earlier one left out, # begins a
/// comment. The last that matches counts.
class Exclusions {
 public:
  Exclusions() = default;
  /// Of options: about paths below the folder that is searched.
  explicit Exclusions(const std::vector<std::string>& patterns);

  /// These, and the lines of an ignore file in the folder `below` ("a/b/", or empty for the outermost).
  [[nodiscard]] Exclusions with_file(const std::string& text, const std::string& below) const;
  [[nodiscard]] bool empty() const noexcept { return patterns_.empty(); }
  /// `path`: from the folder that is searched.
  [[nodiscard]] bool leaves_out(std::string_view path, bool folder) const;
  /// The same of a file that nobody came to folder by folder: it or one of the folders that it is in.
  [[nodiscard]] bool leaves_out_on_its_way(std::string_view path) const;

 private:
  struct Pattern {
    std::string glob;
    std::string below;  // only what is in there
    bool whole_path = false;
    bool across_folders = false;
    bool folders_only = false;
    bool takes_back = false;
  };
  void add(std::string_view line, const std::string& below, bool comments);

  std::vector<Pattern> patterns_;
};

}  // namespace kvcache::catalog
