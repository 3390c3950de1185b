// Whole commands, from the words of the command line to what they print and write, on any file.
//
// Whatever the file: the exit code is one of the documented ones, nothing that reaches a terminal has a control character in
// it, an output is there exactly when the command says so and is itself sound, and no other file is left.
#include <array>
#include <memory>
#include <vector>

#include "cli/command_line.h"
#include "cli/terminal/say.h"
#include "cli/terminal/stdout.h"
#include "fuzz_target.h"
#include "kvcache/error.h"
#include "kvcache/verify.h"
#include "work_folder.h"

using namespace kvcache;

// The last byte chooses the command.
const std::size_t fuzz_trailer = 1;

namespace {

using Words = std::vector<const char*>;
const std::array<Words, 20> command_lines = {{
    {"inspect", "--json"},
    {"inspect", "--layers", "--tensors", "--metadata", "--stats"},
    {"verify", "--data", "--json"},
    {"verify", "--for", "all"},
    {"verify", "--strict"},
    {"mask", "--queries", "2", "--json"},
    {"trim", "-n", "1"},
    {"quantize", "--bits", "4", "--group-size", "32", "--report"},
    {"dequantize"},
    {"convert", "--to", "mlx-lm"},
    {"convert", "--to", "mlx-lm@2026-08"},
    {"convert", "--to", "mlx-swift-lm"},
    {"convert", "--to", "mlxrs"},
    {"convert", "--dtype", "bf16", "--allow-overflow"},
    {"convert", "--class", "RotatingKVCache", "--max-size", "8", "--keep", "2"},
    {"unrotate"},
    {"extract", "-i", "0"},
    {"filter", "--keep", "0,0"},
    {"repair"},
    {"verify", "--fix", "--json"},
}};

struct Prepared {
  std::unique_ptr<cli::Context> context;
  std::unique_ptr<cli::CommandLine> line;
  cli::Action action;
  bool writes;
};

class Tool {
 public:
  Tool() {
    // Everything the tool prints ends up here; libFuzzer and the sanitizers have kept their own way to standard error.
    stdout = open_memstream(&printed_, &printed_size_);
    stderr = stdout;
    for (const Words& words : command_lines) prepare(words);
  }

  void run(std::string_view file, std::size_t which) {
    Prepared& command = commands_[which % commands_.size()];
    std::ofstream(input_, std::ios::binary | std::ios::trunc) << file;
    std::rewind(stdout);
    int code = 0;
    try {
      code = command.action();
    } catch (const Error& error) {
      fuzz::require(error.kind() != ErrorKind::io && error.kind() != ErrorKind::interrupted, "the system is not to blame");
      code = cli::report_error(*command.context, error);
    }
    std::fflush(stdout);
    check_printed({printed_, static_cast<std::size_t>(std::ftell(stdout))});
    check_files(command.writes && code == 0);
    fuzz::require(code >= 0 && code <= 4, "the exit code is a documented one");
  }

 private:
  void prepare(const Words& words) {
    Prepared& command = commands_.emplace_back();
    command.context = std::make_unique<cli::Context>();
    command.line = std::make_unique<cli::CommandLine>(*command.context);
    const std::string_view name = words.front();
    command.writes = name != "inspect" && name != "verify" && name != "mask";
    Words all = {"kvcache", "--color", "never"};
    all.insert(all.end(), words.begin(), words.end());
    all.push_back(input_.c_str());
    if (command.writes) all.insert(all.end(), {"--force", "-o", output_.c_str()});
    command.action = command.line->parse(static_cast<int>(all.size()), all.data());
  }

  static void check_printed(std::string_view text) {
    std::string plain(text);
    std::erase(plain, '\n');
    fuzz::require(printable(plain, plain.size()) == plain, "nothing printed has control characters or is not UTF-8");
  }

  void check_files(bool written) {
    fuzz::require(folder_.files() == (written ? 2U : 1U), "an output exactly when it was written, and nothing else");
    if (!written) return;
    const FileReport report = verify_file(output_);
    std::filesystem::remove(output_);
    fuzz::require(report.status < Status::errors, "what is written is sound");
  }

  fuzz::WorkFolder folder_;
  std::string input_ = folder_ / "in.safetensors";
  std::string output_ = folder_ / "out.safetensors";
  char* printed_ = nullptr;
  std::size_t printed_size_ = 0;
  std::vector<Prepared> commands_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Tool tool;
  if (size > 0) tool.run(fuzz::text({data, size - 1}), data[size - 1]);
  return 0;
}
