#include "cli/render/quantize_report.h"

#include <fmt/format.h>

#include <map>

#include "cli/render/table.h"
#include "cli/terminal/words.h"
#include "documents/hint.h"
#include "kvcache/quantize_cache.h"

namespace kvcache::cli {
namespace {

/// The reason, with the option that goes on all the same.
std::string why_left_alone(const QuantizedLayer& layer) {
  return layer.remedy.empty() ? layer.why_not : fmt::format("{}: {}", layer.why_not, documents::hint_of(layer.remedy, {}));
}

double ratio(std::uint64_t after, std::uint64_t before) {
  return before == 0 ? 1.0 : static_cast<double>(after) / static_cast<double>(before);
}

Json stats_json(const ErrorStats& stats, std::uint64_t after, std::uint64_t before) {
  return {{"max_abs_error", stats.max_abs_error()},
          {"rmse", stats.rmse()},
          {"snr_db", json_of(stats.snr_db())},
          {"size_ratio", ratio(after, before)}};
}

}  // namespace

Json quantize_layers_json(const std::vector<QuantizedLayer>& layers) {
  Json out = Json::array();
  for (const QuantizedLayer& layer : layers) {
    Json j = {{"index", layer.layer}, {"class", layer.class_name}, {"quantized", layer.quantized}};
    if (!layer.quantized) j["why_not"] = why_left_alone(layer);
    if (layer.keys) j["keys"] = stats_json(*layer.keys, layer.key_bytes_after, layer.key_bytes_before);
    if (layer.values) j["values"] = stats_json(*layer.values, layer.value_bytes_after, layer.value_bytes_before);
    out.push_back(std::move(j));
  }
  return out;
}

std::string quantize_report_text(const Context& context, const std::vector<QuantizedLayer>& layers) {
  using Align = Table::Align;
  Table table({{"layer", Align::right},
               {"", Align::left},
               {"max error", Align::right},
               {"RMSE", Align::right},
               {"SNR dB", Align::right},
               {"size", Align::right}});
  for (const QuantizedLayer& layer : layers) {
    if (!layer.keys) continue;
    const auto row = [&](std::string first, std::string_view what, const ErrorStats& s, std::uint64_t after,
                         std::uint64_t before) {
      table.add({std::move(first), std::string(what), fmt::format("{:.3g}", s.max_abs_error()), fmt::format("{:.3g}", s.rmse()),
                 fmt::format("{:.1f}", s.snr_db()), fmt::format("{:.1f} %", 100 * ratio(after, before))});
    };
    row(std::to_string(layer.layer), "keys", *layer.keys, layer.key_bytes_after, layer.key_bytes_before);
    row("", "values", *layer.values, layer.value_bytes_after, layer.value_bytes_before);
  }
  return table.text(Style(context, stdout)) +
         "These figures measure how well numbers are reconstructed, not how good answers are.\n";
}

std::string left_alone(const std::vector<QuantizedLayer>& layers) {
  std::map<std::string, std::vector<std::size_t>> reasons;
  for (const QuantizedLayer& layer : layers)
    if (!layer.quantized) reasons[why_left_alone(layer)].push_back(layer.layer);
  std::string out;
  for (const auto& [why, indices] : reasons)
    out += fmt::format("{}{} ({})", out.empty() ? "; left alone: " : ", ", layers_text(indices), why);
  return out;
}

}  // namespace kvcache::cli
