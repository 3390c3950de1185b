// Every command that writes, with every system call that it makes failing in turn: afterwards there is the old file or the
// complete new one, and nothing else.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <iostream>
#include <vector>

#include "cli/command_line.h"
#include "kvcache/error.h"
#include "kvcache/safetensors.h"
#include "support/faults.h"
#include "support/folder.h"

namespace kvcache {
namespace {

using Words = std::vector<std::string>;

struct WritingCommand {
  std::string name;
  Words words;  ///< names of inputs in angle brackets
};
std::ostream& operator<<(std::ostream& out, const WritingCommand& command) {
  return out << command.name;
}

/// A command in this process. The error it ended with, or nothing.
std::optional<Error> run(const Words& words) {
  cli::Context context;
  cli::CommandLine line(context);
  std::vector<const char*> arguments = {"kvcache", "-q"};
  for (const std::string& word : words) arguments.push_back(word.c_str());
  const cli::Action action = line.parse(static_cast<int>(arguments.size()), arguments.data());
  try {
    EXPECT_EQ(action(), 0);
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

class EveryCall : public testing::TestWithParam<WritingCommand> {
 protected:
  static void SetUpTestSuite() {
    inputs_ = new test::Folder;
    setenv("SOURCE_DATE_EPOCH", "0", 1);  // the same stamp each time
    make({"create", "--layers", "2", "--heads", "1", "--head-dim", "32", "--tokens", "6", "--fill", "random"}, "plain");
    make({"create", "--layers", "2", "--heads", "1", "--head-dim", "32", "--tokens", "9", "--max-size", "4"}, "ring");
    make({"quantize", input("plain"), "--bits", "4", "--group-size", "32"}, "quantized");
    test::write_file(input("tail"), test::read_file(input("plain")) + "tail");
    make({"merge", input("plain"), input("plain")}, "batch");
    std::vector<NamedTensor> step;
    for (const char* key : {"0.keys", "0.values", "1.keys", "1.values"})
      step.push_back({key, Tensor::zeros(Dtype::F16, {1, 1, 3, 32})});
    write_safetensors(input("step"), step, {});
  }
  static void TearDownTestSuite() {
    delete inputs_;
    std::cout << faults_ << " faults injected\n";
  }

  static std::string input(const std::string& name) { return *inputs_ / name; }
  static void make(Words words, const std::string& name) {
    words.insert(words.end(), {"-o", input(name)});
    ASSERT_FALSE(run(words));
  }

  Words words() const {
    Words out;
    for (const std::string& word : GetParam().words)
      out.push_back(word.starts_with('<') ? input(word.substr(1, word.size() - 2)) : word);
    out.insert(out.end(), {"-o", output_, "--force"});
    return out;
  }
  std::string text() const { return test::read_file(output_); }
  /// Call `attempt` with 1, 2, ... until it returns false: that call was not reached. Each time an old file is there, or not.
  void for_each_call(bool old, const std::function<bool(int at)>& attempt) {
    for (int at = 1; at < 1000; ++at) {
      SCOPED_TRACE(GetParam().name + ": call " + std::to_string(at) + (old ? ", replacing" : ""));
      std::filesystem::remove(output_);
      if (old) test::write_file(output_, "old");
      if (!attempt(at)) return;
      ++faults_;
      if (HasFailure()) return;
    }
    FAIL() << "there is no end of calls";
  }
  /// The complete output, of a run without faults.
  std::string complete() {
    EXPECT_FALSE(run(words()));
    return text();
  }

  test::Folder folder_;
  std::string output_ = folder_ / "out.safetensors";
  inline static test::Folder* inputs_ = nullptr;
  inline static int faults_ = 0;
};

TEST_P(EveryCall, LeavesTheOldFileOrTheNewOne) {
  const std::string wanted = complete();
  for (const int error : {EIO, ENOSPC, EINTR, test::short_transfer}) {
    for (const bool old : {false, true}) {
      for_each_call(old, [&](int at) {
        SCOPED_TRACE("errno " + std::to_string(error));
        std::optional<Error> failure;
        {
          const test::FailingCall fault(at, error);
          failure = run(words());
          if (!fault.happened()) return false;
        }
        const bool there = std::filesystem::exists(output_);
        EXPECT_EQ(folder_.names(), there ? Words{"out.safetensors"} : Words{});
        EXPECT_TRUE(there ? text() == wanted || (old && text() == "old") : !old);
        if (!failure) {
          EXPECT_TRUE(there && text() == wanted);
        } else {
          EXPECT_EQ(failure->kind(), ErrorKind::io) << failure->what();
          // The one exception: the folder cannot be flushed after an existing file was replaced.
          EXPECT_TRUE(old || !there);
        }
        EXPECT_FALSE(failure && error == test::short_transfer) << failure->what();
        return true;
      });
    }
  }
}

TEST_P(EveryCall, SurvivesAPowerCut) {
  const std::string wanted = complete();
  for (const bool old : {false, true}) {
    for_each_call(old, [&](int at) {
      {
        const test::UnsyncedData unsynced;
        const test::FailingCall cut(at, EIO, true);
        static_cast<void>(run(words()));
        if (!cut.happened()) return false;
        unsynced.lose(folder_.str());
      }
      const bool there = std::filesystem::exists(output_);
      EXPECT_TRUE(there ? text() == wanted || (old && text() == "old") : !old);
      // Nobody was there to remove a hidden file.
      for (const std::string& name : folder_.names())
        if (name.ends_with(".kvcache-tmp")) std::filesystem::remove(folder_ / name);
      EXPECT_EQ(folder_.names(), there ? Words{"out.safetensors"} : Words{});
      return true;
    });
  }
}

/// While it lives, descriptor 1 is a file.
class StandardOutput {
 public:
  explicit StandardOutput(const std::string& path) : saved_(dup(1)) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(fd, 1);
    close(fd);
  }
  StandardOutput(const StandardOutput&) = delete;
  StandardOutput& operator=(const StandardOutput&) = delete;
  ~StandardOutput() {
    dup2(saved_, 1);
    close(saved_);
  }

 private:
  int saved_;
};

TEST_P(EveryCall, SendsAllToStandardOutputOrSaysThatItDidNot) {
  const std::string wanted = complete();
  std::filesystem::remove(output_);
  Words to_stdout = words();
  to_stdout.pop_back();
  to_stdout.back() = "-";
  for (const int error : {EIO, ENOSPC, EINTR, test::short_transfer}) {
    for_each_call(false, [&](int at) {
      std::optional<Error> failure;
      {
        std::cout.flush();
        const StandardOutput redirected(output_);
        const test::FailingCall fault(at, error);
        failure = run(to_stdout);
        if (!fault.happened()) return false;
      }
      SCOPED_TRACE("errno " + std::to_string(error));
      EXPECT_EQ(folder_.names(), Words{"out.safetensors"});
      EXPECT_TRUE(wanted.starts_with(text()));
      if (!failure)
        EXPECT_EQ(text(), wanted);
      else
        EXPECT_EQ(failure->kind(), ErrorKind::io) << failure->what();
      EXPECT_FALSE(failure && error == test::short_transfer) << failure->what();
      return true;
    });
  }
}

INSTANTIATE_TEST_SUITE_P(
    Commands, EveryCall,
    testing::Values(WritingCommand{"create", {"create", "--layers", "1", "--heads", "1", "--head-dim", "32", "--tokens", "4"}},
                    WritingCommand{"trim", {"trim", "<plain>", "-n", "1"}},
                    WritingCommand{"trim_gzip", {"trim", "<plain>", "-n", "1", "--gzip"}},
                    WritingCommand{"quantize", {"quantize", "<plain>", "--bits", "4", "--group-size", "32"}},
                    WritingCommand{"dequantize", {"dequantize", "<quantized>"}},
                    WritingCommand{"convert", {"convert", "<plain>", "--to", "mlx-swift-lm", "--dtype", "bf16"}},
                    WritingCommand{"unrotate", {"unrotate", "<ring>"}}, WritingCommand{"repair", {"repair", "<tail>"}},
                    WritingCommand{"repair_nothing", {"repair", "<plain>"}},
                    WritingCommand{"append", {"append", "<plain>", "--update", "<step>"}},
                    WritingCommand{"merge", {"merge", "<plain>", "<plain>"}},
                    WritingCommand{"extract", {"extract", "<batch>", "-i", "1"}},
                    WritingCommand{"filter", {"filter", "<batch>", "--keep", "1"}},
                    WritingCommand{"extend", {"extend", "<batch>", "<batch>"}},
                    WritingCommand{"align", {"align", "<batch>", "--right-padding", "0,2"}},
                    WritingCommand{"mask", {"mask", "<plain>", "--queries", "2", "--array"}},
                    WritingCommand{"metadata", {"metadata", "<plain>", "set", "a=b"}},
                    WritingCommand{"stamp", {"stamp", "<plain>"}}, WritingCommand{"report", {"report", "<plain>"}}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace kvcache
