// How the results of `kvcache verify` are printed: one class per format.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "documents/verify_json.h"
#include "kvcache/verify.h"

namespace kvcache::cli {

using catalog::VerifyCounts;
using documents::name;

/// Gets the reports one by one, in the order of the arguments, then the counts.
class VerifyOutput {
 public:
  VerifyOutput() = default;
  virtual ~VerifyOutput() = default;
  VerifyOutput(const VerifyOutput&) = delete;
  VerifyOutput& operator=(const VerifyOutput&) = delete;
  virtual void add(const FileReport& report) = 0;
  virtual void finish(const VerifyCounts& counts) = 0;
};

/// A value of --format.
struct VerifyFormat {
  std::string_view name;
  /// `strict`: warnings fail a file, too.
  std::unique_ptr<VerifyOutput> (*make)(const Context& context, bool strict);
};
[[nodiscard]] std::span<const VerifyFormat> verify_formats() noexcept;

/// "3 files: 2 ok, 1 with errors; 2 more are no caches (model weights, token ids)" and a line break.
[[nodiscard]] std::string in_words(const VerifyCounts& counts);

std::unique_ptr<VerifyOutput> make_verify_text(const Context& context, bool strict);
std::unique_ptr<VerifyOutput> make_verify_json(const Context& context, bool strict);
std::unique_ptr<VerifyOutput> make_verify_junit(const Context& context, bool strict);
std::unique_ptr<VerifyOutput> make_verify_github(const Context& context, bool strict);
std::unique_ptr<VerifyOutput> make_verify_sarif(const Context& context, bool strict);

}  // namespace kvcache::cli
