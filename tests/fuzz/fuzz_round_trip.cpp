// A sound file, written again in an era that could have written it and read again, is the same prompt cache; and written once
// more it is the same bytes.
#include <algorithm>

#include "fuzz_target.h"
#include "kvcache/error.h"
#include "kvcache/format.h"
#include "kvcache/verify.h"
#include "work_folder.h"

using namespace kvcache;

const std::size_t fuzz_trailer = 0;

namespace {

bool sound(const Document& document) {
  const Findings findings = check(document);
  return std::none_of(findings.begin(), findings.end(), [](const Finding& f) { return f.severity == Severity::error; });
}

std::string bytes_of(const Tensor& tensor) {
  std::string out(tensor.nbytes(), '\0');
  tensor.read(0, std::as_writable_bytes(std::span(out)));
  return out;
}

std::string bytes_of(const Encoded& encoded) {
  std::string out = render_header(encoded.tensors, encoded.metadata);
  for (const NamedTensor& named : encoded.tensors) out += bytes_of(named.tensor);
  return out;
}

void require_same(const Cache& a, const Cache& b) {
  const Facts was = a.facts();
  const Facts is = b.facts();
  fuzz::require(is.tokens == was.tokens && is.rows == was.rows && is.batch == was.batch, "tokens, rows and batch are the same");
  fuzz::require(is.max_size == was.max_size && is.keep == was.keep && is.idx == was.idx, "windows are the same");
  fuzz::require(is.left_padding == was.left_padding && is.offsets == was.offsets, "paddings and offsets are the same");
  fuzz::require(is.bytes == was.bytes && is.trimmable == was.trimmable, "bytes are the same");
  const auto parts = a.parts();
  const auto again = b.parts();
  fuzz::require(again.size() == parts.size(), "there are as many arrays");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    fuzz::require(again[i].name == parts[i].name && again[i].tensor.defined() == parts[i].tensor.defined(),
                  "arrays are the same");
    if (!parts[i].tensor.defined()) continue;
    fuzz::require(again[i].tensor.shape() == parts[i].tensor.shape() && again[i].tensor.dtype() == parts[i].tensor.dtype(),
                  "shapes are the same");
    fuzz::require(bytes_of(again[i].tensor) == bytes_of(parts[i].tensor), "values are the same");
  }
}

void check_era(const Document& document, Era era) {
  static const fuzz::WorkFolder folder;
  const std::string path = folder / "written.safetensors";
  std::string first;
  try {
    first = bytes_of(encode(document.cache, era));
  } catch (const Error& error) {
    fuzz::require(error.kind() == ErrorKind::impossible, "what cannot be encoded is impossible, nothing else");
    return;
  }
  std::ofstream(path, std::ios::binary | std::ios::trunc) << first;
  const Document again = read_document(path);
  fuzz::require(sound(again), "what is written of a sound file is sound");
  fuzz::require(again.candidates.has(era), "and recognised as what it was written as");
  fuzz::require(again.cache.metadata == document.cache.metadata, "user metadata are the same");
  fuzz::require(again.cache.layers.size() == document.cache.layers.size(), "there are as many layers");
  for (std::size_t i = 0; i < again.cache.layers.size(); ++i) require_same(*document.cache.layers[i], *again.cache.layers[i]);
  fuzz::require(bytes_of(encode(again.cache, era)) == first, "written once more it is the same bytes");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Document document;
  try {
    document = read_document(fuzz::as_file(fuzz::text({data, size})));
  } catch (const Error&) {
    return 0;  // fuzz_decode.cpp judges those
  }
  // Overlapping tensors add up to more than the file has.
  std::uint64_t bytes = 0;
  for (const auto& layer : document.cache.layers) bytes += layer->nbytes();
  if (bytes > (1U << 20U) || !sound(document)) return 0;
  for (const Dialect& d : dialects())
    if (d.writable && document.candidates.has(d.era)) check_era(document, d.era);
  return 0;
}
