// --dtype: f16, bf16 or f32.
#pragma once

#include <optional>
#include <string>

#include "cli/cli11.h"
#include "kvcache/dtype.h"

namespace kvcache::cli {

/// Adds `--dtype f16|bf16|f32`, stored in `value` when given.
CLI::Option* add_dtype(CLI::App& app, std::optional<Dtype>& value, const std::string& description);

}  // namespace kvcache::cli
