// Opening any file, gzip streams above all: a header, or an error that says what is wrong.
#include "fuzz_target.h"
#include "kvcache/error.h"
#include "kvcache/safetensors.h"
#include "work_folder.h"

using namespace kvcache;

const std::size_t fuzz_trailer = 0;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const SafetensorsFile file = SafetensorsFile::open(fuzz::as_file(fuzz::text({data, size})));
    fuzz::require(file.disk_bytes() == size, "the size on disk is that of the file");
    std::vector<std::byte> bytes;
    for (const TensorEntry& entry : file.header().tensors) {
      bytes.resize(std::min<std::uint64_t>(entry.nbytes(), 4096));
      file.tensor(entry).read(entry.nbytes() - bytes.size(), bytes);
    }
  } catch (const Error& error) {
    fuzz::require(error.kind() == ErrorKind::unreadable && !error.code().empty(), "every defect has a code");
  }
  return 0;
}
