// In which era an edited file is written.
#include <fmt/format.h>

#include "kvcache/error.h"
#include "kvcache/format.h"

namespace kvcache {

Era era_to_keep(const Document& document) {
  EraSet writable;
  for (const Dialect& d : dialects())
    if (d.writable) writable |= EraSet{d.era};
  if (const Dialect* d = preferred(document.candidates & writable)) return d->era;
  const std::string format(document.format == nullptr ? "mixed" : document.format->id);
  throw Error(ErrorKind::impossible, fmt::format("its format, {}, can be read but not written", format),
              Remedy(Remedy::Action::convert, {{"to", std::string(dialect(Era::P3).id)}}) +
                  " first makes a file of a format that can be edited");
}

}  // namespace kvcache
