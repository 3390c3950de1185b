// CRC-32 of arrays: one pass over the file, in pieces that any thread can take.
#include <zlib.h>

#include <algorithm>

#include "kvcache/stamp.h"
#include "platform/stop.h"
#include "safetensors/progress.h"
#include "tensor/parallel.h"
#include "tensor/scratch.h"

namespace kvcache {
namespace {

// Large enough that joining the sums of two pieces (a microsecond) costs nothing, small enough that threads end together.
constexpr std::uint64_t piece_bytes = 4U << 20U;
// Stays in a core's cache between reading and summing.
constexpr std::uint64_t buffer_bytes = 256U << 10U;

struct Piece {
  const Tensor* tensor;
  std::uint64_t begin;
  std::uint64_t size;
  std::uint32_t crc = 0;
};

std::uint32_t crc_of(const Piece& piece) {
  const Scratch buffer(buffer_bytes);
  uLong crc = 0;
  for (std::uint64_t done = 0; done < piece.size;) {
    const auto part = buffer.first(std::min(buffer_bytes, piece.size - done));
    piece.tensor->read(piece.begin + done, part);
    crc = crc32_z(crc, reinterpret_cast<const Bytef*>(part.data()), part.size());
    done += part.size();
  }
  return static_cast<std::uint32_t>(crc);
}

}  // namespace

std::map<std::string, std::uint32_t> checksums(const std::vector<NamedTensor>& tensors, unsigned threads,
                                               const Progress& progress) {
  std::vector<Piece> pieces;
  std::uint64_t total = 0;
  for (const NamedTensor& named : tensors) {
    const std::uint64_t size = named.tensor.nbytes();
    for (std::uint64_t begin = 0; begin < size; begin += piece_bytes)
      pieces.push_back({&named.tensor, begin, std::min(piece_bytes, size - begin)});
    total += size;
  }
  detail::ProgressMeter meter(progress, total);
  detail::parallel_for(pieces.size(), threads, [&](std::uint64_t i) {
    detail::throw_if_stopped();
    pieces[i].crc = crc_of(pieces[i]);
    meter.add(pieces[i].size);
  });

  std::map<std::string, std::uint32_t> sums;
  std::size_t next = 0;
  for (const NamedTensor& named : tensors) {
    uLong crc = 0;
    for (; next < pieces.size() && pieces[next].tensor == &named.tensor; ++next)
      crc = crc32_combine(crc, pieces[next].crc, static_cast<z_off_t>(pieces[next].size));
    sums.insert_or_assign(named.key, static_cast<std::uint32_t>(crc));
  }
  return sums;
}

}  // namespace kvcache
