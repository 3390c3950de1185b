// The data scan: one pass over all float arrays, in tiles, on several threads, with bounded memory.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "kvcache/verify.h"
#include "safetensors/progress_meter.h"
#include "tensor/overflow.h"
#include "tensor/scan.h"
#include "tensor/scratch.h"
#include "verify/scan_items.h"
#include "verify/scan_kernels.h"
#include "verify/scan_tail.h"
#include "verify/sort.h"

namespace kvcache {
namespace detail {
namespace {

// Small enough for the data to stay in a core's cache between reading and testing.
constexpr std::uint64_t tile_size = 256 * 1024;

struct Result {
  Hits nan;
  Hits infinity;
  Hits both_positive;
  Hits decodes_to_infinity;
};

std::span<const std::byte> read(const Tensor& tensor, std::uint64_t begin, std::span<std::byte> out) {
  tensor.read(begin, out);
  return out;
}

// Groups, counted from `first` in the tile, whose codes decode to infinity. Codes are read of suspects only.
void count_overflows(const ScanItem& item, std::span<const std::byte> scales, std::span<const std::byte> biases,
                     std::uint64_t first, Hits& hits) {
  const GroupLayout& layout = item.codes->layout;
  const std::size_t size = item_size(layout.dtype);
  const auto rows = static_cast<std::uint64_t>(item.tensor.dim(2));
  const auto groups_per_row = static_cast<std::uint64_t>(item.tensor.dim(3));
  std::array<std::byte, max_group_size> codes{};
  for (std::size_t g = 0; g < scales.size() / size; ++g) {
    const std::uint64_t group = first + g;
    if (!may_overflow(layout, scales.data() + g * size, biases.data() + g * size, 1)) continue;
    if (std::cmp_greater_equal(group / groups_per_row % rows, item.codes->tokens)) continue;
    item.codes->weights.read(group * layout.weight_bytes(), std::span(codes).first(layout.weight_bytes()));
    if (overflowing_value(layout, {codes.data(), scales.data() + g * size, biases.data() + g * size})) hits.add(group);
  }
}

Result scan_tile(const ScanItem& item, std::uint64_t begin, std::uint64_t size) {
  const Scratch values(tile_size);
  Result result;
  const Dtype dtype = item.tensor.dtype();
  const std::uint64_t first = begin / (dtype == Dtype::C64 ? 4 : item_size(dtype));
  const auto data = read(item.tensor, begin, values.first(size));
  if (any_non_finite(dtype, data)) count_non_finite(dtype, data, first, result.nan, result.infinity);
  if (item.biases.defined()) {
    const Scratch biases(tile_size);
    const auto bias = read(item.biases, begin, biases.first(size));
    if (any_both_positive(dtype, data, bias)) count_both_positive(dtype, data, bias, first, result.both_positive);
    if (item.codes && may_overflow(item.codes->layout, data.data(), bias.data(), data.size() / item_size(dtype)))
      count_overflows(item, data, bias, first, result.decodes_to_infinity);
  }
  return result;
}

std::vector<Result> results_of(const std::vector<ScanItem>& items, const VerifyOptions& options) {
  Pieces tiles(tile_size);
  for (const ScanItem& item : items) tiles.add(item.tensor.nbytes());
  std::vector<Result> results(items.size());
  ProgressMeter meter(options.progress, tiles.total());
  scan(
      tiles.count(), options.threads, options.stop,
      [&](std::uint64_t i) {
        const Piece tile = tiles[i];
        const Result result = scan_tile(items[tile.array], tile.begin, tile.size);
        meter.add(tile.size);
        return result;
      },
      [&](std::uint64_t i, const Result& result) {
        Result& all = results[tiles[i].array];
        all.nan.add(result.nan);
        all.infinity.add(result.infinity);
        all.both_positive.add(result.both_positive);
        all.decodes_to_infinity.add(result.decodes_to_infinity);
      });
  return results;
}

// "sequence 0, head 1, row 5" for [B, H, S, D], else the index.
std::string position(const ScanItem& item, std::uint64_t element) {
  if (item.tensor.dtype() == Dtype::C64) element /= 2;
  Shape index(item.tensor.rank());
  for (std::size_t axis = index.size(); axis-- > 0;) {
    const auto dim = static_cast<std::uint64_t>(item.tensor.shape()[axis]);
    index[axis] = static_cast<std::int64_t>(element % dim);
    element /= dim;
  }
  if (item.role == Role::keys_values && index.size() == 4)
    return fmt::format("sequence {}, head {}, row {}", index[0], index[1], index[2]);
  return "index " + to_string(index);
}

void report(const ScanItem& item, const Result& result, Findings& findings) {
  struct Kind {
    std::string_view code;
    const Hits& hits;
    std::string_view one, many, consequence;
    Remedy remedy = {};
  };
  const bool slot = item.role == Role::slot;
  const Kind kinds[] = {{"KV601", result.nan, "NaN", "NaN", "it spreads to every later token"},
                        {slot ? "KV603" : "KV602", result.infinity, "infinite value", "infinite values",
                         slot ? "right only for models that start this state at infinity" : "attention makes NaN of it"},
                        {"KV604", result.both_positive, "group with scale > 0 and bias > 0",
                         "groups with scale > 0 and bias > 0", "no MLX encoder writes that"},
                        {"KV606", result.decodes_to_infinity, "group decodes to infinity", "groups decode to infinity",
                         "code times scale overflows before the bias is added, and attention makes NaN of it",
                         item.tensor.dtype() == Dtype::F32
                             ? Remedy()
                             : Remedy(Remedy::Action::dequantize, {{"dtype", "f32"}}) + " computes with the range of float32"}};
  for (const Kind& kind : kinds) {
    if (kind.hits.count == 0 || (kind.code == "KV602" && item.role == Role::other)) continue;
    findings.push_back(make_finding(
        kind.code, item.where, item.key,
        fmt::format("{}: {} {}, first at {}: {}", item.name, kind.hits.count, kind.hits.count == 1 ? kind.one : kind.many,
                    position(item, kind.hits.first), kind.consequence),
        kind.remedy));
  }
}

}  // namespace
}  // namespace detail

Findings check_data(const Document& document, const VerifyOptions& options) {
  using namespace detail;
  if (has_class_gap(document.findings)) return {};
  const std::vector<Place> all = places(document);
  const std::vector<ScanItem> items = scan_items(document, all);
  const std::vector<Result> results = results_of(items, options);
  Findings findings;
  for (std::size_t i = 0; i < items.size(); ++i) report(items[i], results[i], findings);
  // Padding of whole buffers was cut off by the offset: zeros before it are tokens (docs/formats.md, "A table of leaves").
  for (const Place& place : all)
    if (place.sound && !place.source->eras.has(Era::P5)) check_zero_tail(place, findings);
  sort_findings(findings);
  return findings;
}

}  // namespace kvcache
