// CRC-32 of arrays: one pass over the file, in pieces that any thread can take.
#include <zlib.h>

#include <algorithm>

#include "kvcache/stamp.h"
#include "safetensors/progress_meter.h"
#include "stamp/crc32.h"
#include "tensor/scan.h"
#include "tensor/scratch.h"

namespace kvcache {
namespace {

// Large enough that joining the sums of two pieces (a microsecond) costs nothing, small enough that threads end together.
constexpr std::uint64_t piece_bytes = 4U << 20U;
// Stays in a core's cache between reading and summing.
constexpr std::uint64_t buffer_bytes = 256U << 10U;

std::uint32_t crc_of(const Tensor& tensor, const detail::Piece& piece) {
  const Scratch buffer(buffer_bytes);
  std::uint32_t crc = 0;
  for (std::uint64_t done = 0; done < piece.size;) {
    const auto part = buffer.first(std::min(buffer_bytes, piece.size - done));
    tensor.read(piece.begin + done, part);
    crc = detail::crc32_after(crc, part);
    done += part.size();
  }
  return crc;
}

}  // namespace

std::map<std::string, std::uint32_t> checksums(const std::vector<NamedTensor>& tensors, unsigned threads,
                                               const Progress& progress, const StopToken& stop) {
  detail::Pieces pieces(piece_bytes);
  for (const NamedTensor& named : tensors) pieces.add(named.tensor.nbytes());
  detail::ProgressMeter meter(progress, pieces.total());
  std::vector<uLong> sums(tensors.size());
  detail::scan(
      pieces.count(), threads, stop,
      [&](std::uint64_t i) {
        const detail::Piece piece = pieces[i];
        const std::uint32_t crc = crc_of(tensors[piece.array].tensor, piece);
        meter.add(piece.size);
        return crc;
      },
      [&](std::uint64_t i, std::uint32_t crc) {
        const detail::Piece piece = pieces[i];
        sums[piece.array] = crc32_combine(sums[piece.array], crc, static_cast<z_off_t>(piece.size));
      });
  std::map<std::string, std::uint32_t> by_key;
  for (std::size_t i = 0; i < tensors.size(); ++i) by_key.insert_or_assign(tensors[i].key, static_cast<std::uint32_t>(sums[i]));
  return by_key;
}

}  // namespace kvcache
