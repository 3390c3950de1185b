#include "safetensors/tiles.h"

#include <algorithm>

#include "tensor/scratch.h"

namespace kvcache::detail {

std::optional<Extent> whole_output(const Tensor& tensor) {
  const std::uint64_t size = tensor.nbytes();
  std::optional<Extent> first;
  // Its first byte tells nearly always, where visiting a tensor of a million runs would take long.
  if (size > 0) tensor.visit(0, 1, [&](const Extent& extent) { first = extent; });
  if (!first || first->kind != Extent::Kind::computed || first->offset != 0) return std::nullopt;
  if (first->computation->units() * first->computation->unit_bytes(first->output) != size) return std::nullopt;
  std::size_t extents = 0;
  tensor.visit(0, size, [&](const Extent&) { ++extents; });
  return extents == 1 ? first : std::nullopt;
}

std::uint64_t TiledComputation::unit_bytes() const {
  std::uint64_t bytes = 0;
  for (std::size_t k = 0; k < positions.size(); ++k) {
    if (!positions[k].empty()) bytes += computation->unit_bytes(k);
  }
  return bytes;
}

std::uint64_t TiledComputation::units_in(std::uint64_t bytes) const {
  const std::uint64_t unit = std::max({computation->unit_input_bytes(), unit_bytes(), std::uint64_t{1}});
  return std::max<std::uint64_t>(1, bytes / unit);
}

std::uint64_t TiledComputation::write(ByteSink& out, std::uint64_t first, std::uint64_t last) const {
  // Input and output of one tile stay in the L2 cache together.
  constexpr std::uint64_t tile_bytes = 512U << 10U;
  const std::uint64_t tile = std::min(units_in(tile_bytes), last - first);
  const std::uint64_t begin = first;
  const Scratch buffer(tile * unit_bytes());

  std::vector<std::span<std::byte>> outputs(positions.size());
  std::uint64_t written = 0;
  while (first < last) {
    const std::uint64_t count = std::min(tile, last - first);
    std::span<std::byte> rest = buffer.first(tile * unit_bytes());
    for (std::size_t k = 0; k < positions.size(); ++k) {
      if (positions[k].empty()) continue;
      outputs[k] = rest.first(count * computation->unit_bytes(k));
      rest = rest.subspan(outputs[k].size());
    }
    computation->evaluate(first, count, outputs);
    for (std::size_t k = 0; k < positions.size(); ++k) {
      for (const std::uint64_t position : positions[k]) {
        out.write_at(position + first * computation->unit_bytes(k), outputs[k]);
        written += outputs[k].size();
      }
    }
    first += count;
  }
  for (std::size_t k = 0; k < positions.size(); ++k) {
    const std::uint64_t unit = computation->unit_bytes(k);
    for (const std::uint64_t position : positions[k]) out.complete({position + begin * unit, (last - begin) * unit});
  }
  return written;
}

}  // namespace kvcache::detail
