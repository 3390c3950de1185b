#include "cli/verify_output.h"

namespace kvcache::cli {

std::span<const VerifyFormat> verify_formats() noexcept {
  static constexpr VerifyFormat formats[] = {
      {"text", make_verify_text},
      {"json", make_verify_json},
  };
  return formats;
}

std::string_view name(Severity severity) noexcept {
  switch (severity) {
    case Severity::info:
      return "info";
    case Severity::warning:
      return "warning";
    case Severity::error:
      break;
  }
  return "error";
}

}  // namespace kvcache::cli
