// How the results of `kvcache verify` are printed: one class per format.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/terminal/style.h"
#include "documents/verify_json.h"
#include "kvcache/verify.h"

namespace kvcache::cli {

using catalog::VerifyCounts;
using documents::name;

/// What of the results is shown.
struct VerifyShow {
  bool strict = false;  ///< warnings fail a file, too
  bool infos = false;   ///< infos and notes of every file as well
  bool asked = false;   ///< a runtime was asked for (--for): what its programs want concerns whoever asks
};

/// Gets the reports one by one, in the order of the arguments, then the counts.
class VerifyOutput {
 public:
  VerifyOutput() = default;
  virtual ~VerifyOutput() = default;
  VerifyOutput(const VerifyOutput&) = delete;
  VerifyOutput& operator=(const VerifyOutput&) = delete;
  /// `named`: on the command line, not found in a folder.
  virtual void add(const FileReport& report, bool named) = 0;
  virtual void finish(const VerifyCounts& counts) = 0;
};

/// A value of --format.
struct VerifyFormat {
  std::string_view name;
  std::unique_ptr<VerifyOutput> (*make)(const Context& context, const VerifyShow& show);
  bool shows_loads_in = false;  ///< FileReport::loads_in
};
[[nodiscard]] std::span<const VerifyFormat> verify_formats() noexcept;

/// "9 KV117 (range outside the file), 3 KV411 (rotating window)", the most frequent first.
[[nodiscard]] std::string codes_in_words(const std::map<std::string, std::size_t>& counts);
/// "3 files: 2 ok, 1 with errors; 2 more are no caches (model weights, token ids)"
[[nodiscard]] std::string in_words(const VerifyCounts& counts, const Style& style);

std::unique_ptr<VerifyOutput> make_verify_text(const Context& context, const VerifyShow& show);
std::unique_ptr<VerifyOutput> make_verify_json(const Context& context, const VerifyShow& show);
std::unique_ptr<VerifyOutput> make_verify_junit(const Context& context, const VerifyShow& show);
std::unique_ptr<VerifyOutput> make_verify_github(const Context& context, const VerifyShow& show);
std::unique_ptr<VerifyOutput> make_verify_sarif(const Context& context, const VerifyShow& show);

}  // namespace kvcache::cli
