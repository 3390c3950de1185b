// The container parser over bytes in memory: it takes them or throws, and what it took is consistent and survives writing.
#include <algorithm>

#include "fuzz_target.h"
#include "kvcache/error.h"
#include "kvcache/safetensors.h"

using namespace kvcache;

const std::size_t fuzz_trailer = 0;

namespace {

std::shared_ptr<const ByteSource> source_of(std::string_view bytes) {
  std::vector<std::byte> copy(bytes.size());
  std::transform(bytes.begin(), bytes.end(), copy.begin(), [](char c) { return static_cast<std::byte>(c); });
  return memory_source(std::move(copy));
}

void check_entries(const Header& header) {
  const std::uint64_t data_bytes = header.file_bytes - header.data_begin;
  for (std::size_t i = 0; i < header.tensors.size(); ++i) {
    const TensorEntry& entry = header.tensors[i];
    fuzz::require(entry.begin <= entry.end && entry.end <= data_bytes, "every range lies in the file");
    fuzz::require(i == 0 || header.tensors[i - 1].key < entry.key, "keys are sorted and unique");
    fuzz::require(header.find(entry.key) == &entry, "find() finds every key");
  }
}

void check_written_again(const Header& header, const std::shared_ptr<const ByteSource>& source) {
  std::vector<NamedTensor> tensors;
  std::uint64_t bytes = 0;
  for (const TensorEntry& entry : header.tensors) {
    tensors.push_back({entry.key, Tensor::stored(source, header.data_begin + entry.begin, entry.dtype, entry.shape)});
    bytes += entry.nbytes();
  }
  // Overlapping tensors of a hostile file add up to more than the file.
  if (bytes > (1U << 20U)) return;
  const Header again = parse_header(*source_of(render_header(tensors, header.metadata) + std::string(bytes, '\0')));
  fuzz::require(again.defects.empty(), "what we write has no holes, overlaps or trailing bytes");
  fuzz::require(again.metadata == header.metadata, "metadata survive");
  const auto same = [](const TensorEntry& a, const TensorEntry& b) {
    return a.key == b.key && a.dtype == b.dtype && a.shape == b.shape;
  };
  fuzz::require(std::equal(again.tensors.begin(), again.tensors.end(), header.tensors.begin(), header.tensors.end(), same),
                "tensors survive");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto source = source_of(fuzz::text({data, size}));
  Header header;
  try {
    header = parse_header(*source);
  } catch (const Error& error) {
    fuzz::require(error.kind() == ErrorKind::unreadable && !error.code().empty(), "every defect has a code");
    return 0;
  }
  check_entries(header);
  check_written_again(header, source);
  return 0;
}
