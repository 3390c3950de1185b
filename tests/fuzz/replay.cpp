// A main for fuzz targets without libFuzzer: runs the target over files and folders of inputs, each once.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz_target.h"

namespace {

// A copy of exactly its size on the heap: reading past its end is what sanitizers see.
void replay(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  const std::vector<std::uint8_t> copy(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

}  // namespace

int main(int argc, char** argv) {
  // The target may have standard error for itself.
  std::FILE* const out = stderr;
  std::size_t count = 0;
  for (int i = 1; i < argc; ++i) {
    std::vector<std::filesystem::path> paths{argv[i]};
    if (std::filesystem::is_directory(argv[i])) paths.assign(std::filesystem::directory_iterator(argv[i]), {});
    for (const auto& path : paths) {
      std::fprintf(out, "%s\n", path.c_str());  // the last one printed is the one that failed
      replay(path);
      ++count;
    }
  }
  std::fprintf(out, "%zu inputs\n", count);
  return count > 0 ? 0 : 1;
}
