// What `kvcache quantize --report` says.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/render/json.h"
#include "kvcache/quantize_cache.h"
#include "kvcache/transform.h"

namespace kvcache::cli {

[[nodiscard]] Json quantize_layers_json(const std::vector<QuantizedLayer>& layers);
/// A table of errors; a note on what they mean.
[[nodiscard]] std::string quantize_report_text(const Context& context, const std::vector<QuantizedLayer>& layers);
/// "; left alone: layers 0-3 (no runtime has a quantized window)", or nothing.
[[nodiscard]] std::string left_alone(const std::vector<QuantizedLayer>& layers);

}  // namespace kvcache::cli
