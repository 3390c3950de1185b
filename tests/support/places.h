// Rules applied to caches that are in no file.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "verify/rules.h"

namespace test {

inline std::string codes_of(const kvcache::Findings& findings) {
  std::string codes;
  for (const kvcache::Finding& finding : findings) codes += (codes.empty() ? "" : " ") + finding.code;
  return codes;
}

/// Which invariants of its class a state breaks: "KV411", "" when it is fine.
template <typename Class>
std::string check(typename Class::State state) {
  const kvcache::Document document;
  const kvcache::LayerSource source;
  const Class cache(std::move(state));
  kvcache::Findings findings;
  kvcache::detail::check_class(
      {.document = &document, .source = &source, .cache = &cache, .where = kvcache::Where::of_layer(0)}, findings);
  return codes_of(findings);
}

inline kvcache::Tensor zeros(kvcache::Shape shape, kvcache::Dtype dtype = kvcache::Dtype::F16) {
  return kvcache::Tensor::zeros(dtype, std::move(shape));
}

}  // namespace test
