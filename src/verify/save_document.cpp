// An edited document into a file.
#include "kvcache/edit.h"
#include "kvcache/stamp.h"

namespace kvcache {

Saved save_document(const std::string& path, const Document& document, const std::optional<Target>& target,
                    const WriteOptions& how, const EncodeOptions& options) {
  Encoded encoded = encode_edited(document.cache, document, target ? *target : Target(era_to_keep(document)), options);
  Saved saved;
  saved.stamp = carry_stamp(document, document.cache, encoded);
  saved.bytes = write_safetensors(path, encoded.tensors, encoded.metadata, how);
  saved.warnings = std::move(encoded.warnings);
  return saved;
}

}  // namespace kvcache
