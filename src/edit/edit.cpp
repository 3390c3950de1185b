// An edited document into a file.
#include "kvcache/edit.h"
#include "kvcache/stamp.h"

namespace kvcache {
namespace {

/// `to`: a path or a sink.
template <typename Output>
Saved save_to(Output& to, const Document& document, const std::optional<Target>& target, const WriteOptions& how,
              const EncodeOptions& options) {
  Encoded encoded = encode_edited(document.cache, document, target ? *target : Target(era_to_keep(document)), options);
  Saved saved;
  saved.stamp = carry_stamp(document, document.cache, encoded);
  saved.bytes = write_safetensors(to, encoded.tensors, encoded.metadata, how);
  saved.warnings = std::move(encoded.warnings);
  return saved;
}

}  // namespace

Saved save_document(const std::string& path, const Document& document, const std::optional<Target>& target,
                    const WriteOptions& how, const EncodeOptions& options) {
  return save_to(path, document, target, how, options);
}

Saved save_document(ByteSink& out, const Document& document, const std::optional<Target>& target, const WriteOptions& how,
                    const EncodeOptions& options) {
  try {
    return save_to(out, document, target, how, options);
  } catch (...) {
    out.abort();  // also where nothing was written yet
    throw;
  }
}

}  // namespace kvcache
