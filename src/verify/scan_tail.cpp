#include "verify/scan_tail.h"

#include <fmt/format.h>

#include <algorithm>

#include "verify/scan_kernels.h"

namespace kvcache::detail {
namespace {

// The arrays whose rows would be zero in padding, all [B, H, rows, width].
struct Tail {
  std::vector<Tensor> arrays;
  std::int64_t rows = 0;
  std::vector<bool> skip;  // sequences whose last row is left padding; empty: none
};

template <typename State>
Tail plain(const State& s) {
  return {.arrays = {s.keys, s.values}, .rows = rows_in(s.keys), .skip = {}};
}

std::optional<Tail> tail_of(const Place& place) {
  using MaybeTail = std::optional<Tail>;
  return visit(
      *place.cache,
      PerClass{[](const OneOf<KVCache, RotatingKVCache> auto& c) { return MaybeTail(plain(c.state())); },
               [](const ChunkedKVCache& c) {
                 // After a front trim, zero rows up to the offset are what makes loaders restore it.
                 return c.state().start_position != 0 ? MaybeTail() : MaybeTail(plain(c.state()));
               },
               [](const QuantizedKVCache& c) {
                 const auto& s = c.state();
                 // A zero row is codes and biases of zero, whatever the scales.
                 return MaybeTail(Tail{.arrays = {s.keys.weights, s.keys.biases, s.values.weights, s.values.biases},
                                       .rows = s.offset,
                                       .skip = {}});
               },
               [](const BatchKVCache& c) {
                 Tail tail = plain(c.state());
                 for (const std::int32_t padding : c.state().left_padding) tail.skip.push_back(padding >= tail.rows);
                 return MaybeTail(std::move(tail));
               },
               [](const BatchRotatingKVCache& c) {
                 Tail tail = plain(c.state());
                 // Left padding of a rotated ring can be anywhere in it.
                 for (const std::int32_t padding : c.state().left_padding)
                   tail.skip.push_back(c.state().rotated ? padding > 0 : padding >= tail.rows);
                 return MaybeTail(std::move(tail));
               },
               // State has no rows, and what tiles and codebooks hold is not known; children of lists are
               // places of their own.
               [](const OneOf<ArraysCache, CacheList, TurboQuantKVCache, VarianceNormalizedKVCache, OpaqueCache> auto&) {
                 return MaybeTail();
               }});
}

// Is row `row` zero in every head of the sequences that count? Heads that lie close together are read in one go.
bool row_is_zero(const Tensor& array, const std::vector<bool>& skip, std::int64_t row, std::vector<std::byte>& buffer) {
  constexpr std::uint64_t most_at_once = 64 * 1024;
  const auto dim = [&](int axis) { return static_cast<std::uint64_t>(array.dim(axis)); };
  const std::uint64_t row_bytes = dim(3) * item_size(array.dtype());
  const std::uint64_t head_bytes = dim(2) * row_bytes;
  const std::uint64_t heads_at_once = std::max<std::uint64_t>(1, most_at_once / head_bytes);
  for (std::uint64_t b = 0; b < dim(0); ++b) {
    if (b < skip.size() && skip[b]) continue;
    for (std::uint64_t h = 0; h < dim(1); h += heads_at_once) {
      const std::uint64_t heads = std::min(heads_at_once, dim(1) - h);
      const std::uint64_t begin = (b * dim(1) + h) * head_bytes + static_cast<std::uint64_t>(row) * row_bytes;
      // A row may itself be wider than a read; nothing about it is bounded but the file.
      for (std::uint64_t done = 0; done < row_bytes; done += most_at_once) {
        const std::uint64_t piece = std::min(most_at_once, row_bytes - done);
        buffer.resize((heads - 1) * head_bytes + piece);
        array.read(begin + done, buffer);
        for (std::uint64_t i = 0; i < heads; ++i)
          if (!all_zero(array.dtype(), std::span(buffer).subspan(i * head_bytes, piece))) return false;
      }
    }
  }
  return true;
}

}  // namespace

void check_zero_tail(const Place& place, Findings& findings) {
  auto tail = tail_of(place);
  if (!tail || tail->rows < 1) return;
  std::erase_if(tail->arrays, [&](const Tensor& array) {
    return !array.defined() || array.rank() != 4 || array.nbytes() == 0 || array.dim(2) < tail->rows;
  });
  const bool nothing_counts = !tail->skip.empty() && std::ranges::all_of(tail->skip, [](bool skip) { return skip; });
  if (tail->arrays.empty() || nothing_counts) return;

  // Buffers grow in steps of 256 rows, so that no honest file has more to count.
  constexpr std::int64_t most = 256;
  std::vector<std::byte> buffer;
  std::int64_t zero = 0;
  while (zero < std::min(most, tail->rows) && std::ranges::all_of(tail->arrays, [&](const Tensor& array) {
           return row_is_zero(array, tail->skip, tail->rows - 1 - zero, buffer);
         }))
    ++zero;
  if (zero == 0) return;
  const std::string rows = zero == 1      ? fmt::format("the last of {} rows is", tail->rows)
                           : zero == most ? fmt::format("{} or more of {} rows at the end are", zero, tail->rows)
                                          : fmt::format("the last {} of {} rows are", zero, tail->rows);
  findings.push_back(
      make_finding("KV605", place.where, first_key(place),
                   rows + " zero in keys and values of every head: most likely padding that a writer forgot to cut "
                          "off, which attention takes for tokens",
                   Remedy("if no token made them: ") + Remedy(Remedy::Action::trim, {{"count", std::to_string(zero)}})));
}

}  // namespace kvcache::detail
