// Writing a file whose header says something of its data that is known only once they are written: their checksums.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "kvcache/byte_sink.h"
#include "kvcache/safetensors.h"

namespace kvcache::detail {

/// Sees the data of arrays on their way into a file: every byte of each once, in runs of any size and order, from several
/// threads.
class DataObserver {
 public:
  DataObserver() = default;
  DataObserver(const DataObserver&) = delete;
  DataObserver& operator=(const DataObserver&) = delete;
  virtual ~DataObserver() = default;
  /// `tensor`: its place among those that are written. `begin`: bytes of it before these.
  virtual void bytes(std::size_t tensor, std::uint64_t begin, std::span<const std::byte> data) = 0;
  virtual void zeros(std::size_t tensor, std::uint64_t begin, std::uint64_t count) = 0;
};

/// As write_safetensors() without gzip, but the header comes last: `metadata` is called when all data passed the observer, and
/// what it throws leaves nothing behind. `like`: metadata of the same size, as JSON.
std::uint64_t write_with_late_header(const std::string& path, const std::vector<NamedTensor>& tensors, const Metadata& like,
                                     const WriteOptions& options, DataObserver& observer,
                                     const std::function<Metadata()>& metadata);
/// The same into a sink, which is committed, or aborted where anything is thrown.
std::uint64_t write_with_late_header(ByteSink& out, const std::vector<NamedTensor>& tensors, const Metadata& like,
                                     const WriteOptions& options, DataObserver& observer,
                                     const std::function<Metadata()>& metadata);

}  // namespace kvcache::detail
