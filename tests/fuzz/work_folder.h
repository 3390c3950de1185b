// Where inputs become files: the library opens paths only.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace fuzz {

/// A folder of this process, in memory where the system has such a place; removed at exit.
class WorkFolder {
 public:
  WorkFolder() {
    const std::filesystem::path memory = "/dev/shm";
    const bool there = std::filesystem::is_directory(memory);
    std::string pattern = ((there ? memory : std::filesystem::temp_directory_path()) / "kvcache-fuzz-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  ~WorkFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] std::string operator/(std::string_view name) const { return (path_ / name).string(); }
  /// How many files are in it, hidden ones included.
  [[nodiscard]] std::size_t files() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path_)) ++count;
    return count;
  }

 private:
  std::filesystem::path path_;
};

/// The path of a file with these bytes, the same at every call.
inline std::string as_file(std::string_view bytes) {
  static const WorkFolder folder;
  static const std::string path = folder / "input.safetensors";
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  return path;
}

}  // namespace fuzz
