// Files with one thing wrong, at random: they are decoded or refused with an Error, and never anything else happens.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "files.h"
#include "kvcache/error.h"
#include "random_cache.h"

namespace kvcache {
namespace {

const std::vector<Era> mutated_eras = test::writable_eras();

std::string random_key() {
  const auto parts = *rc::gen::container<std::vector<std::string>>(
      rc::gen::elementOf(std::vector<std::string>{"0", "1", "2", "3", "01", "-1", "", "x", "4321", "0_keys"}));
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ".") + part;
  return out;
}

std::string random_value() {
  return *rc::gen::elementOf(std::vector<std::string>{"",
                                                      "0",
                                                      "1",
                                                      "2",
                                                      "-1",
                                                      "7",
                                                      "01",
                                                      "2147483647",
                                                      "2147483648",
                                                      "99999999999999999999",
                                                      "None",
                                                      "True",
                                                      "1,2",
                                                      ",",
                                                      "0,0",
                                                      "\x1b[0m",
                                                      "KVCache",
                                                      "RotatingKVCache",
                                                      "QuantizedKVCache",
                                                      "ChunkedKVCache",
                                                      "ArraysCache",
                                                      "MambaCache",
                                                      "CacheList",
                                                      "BatchKVCache",
                                                      "BatchRotatingKVCache",
                                                      "TurboQuantKVCache",
                                                      "__mlx_lm_state_v1__:KVCache",
                                                      "scalar",
                                                      "string"});
}

Tensor random_tensor() {
  const auto dtype = *rc::gen::elementOf(std::vector{Dtype::F16, Dtype::U8, Dtype::I32, Dtype::U32, Dtype::F32, Dtype::I64});
  const auto dims = *rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(0, 4));
  const Shape shape(dims.begin(), dims.end());
  return shape.size() > 6 ? Tensor::zeros(dtype, {1, 2}) : test::patterned(dtype, shape, 99);
}

void mutate(Encoded& file) {
  const auto any_meta = [&] {
    auto it = file.metadata.begin();
    std::advance(it, *rc::gen::inRange<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(file.metadata.size())));
    return it;
  };
  const auto any_tensor = [&] { return *rc::gen::inRange<std::size_t>(0, file.tensors.size()); };
  const int what = *rc::gen::inRange(0, 7);
  if (what < 4 && file.metadata.empty()) return;
  if (what > 4 && file.tensors.empty()) return;
  switch (what) {
    case 0:
      file.metadata.erase(any_meta());
      break;
    case 1:
    case 2:
      any_meta()->second = random_value();
      break;
    case 3:
      file.metadata[random_key()] = random_value();
      break;
    case 4:
      file.tensors.push_back({random_key(), random_tensor()});
      break;
    case 5:
      file.tensors.erase(file.tensors.begin() + static_cast<std::ptrdiff_t>(any_tensor()));
      break;
    default:
      file.tensors[any_tensor()].tensor = random_tensor();
  }
}

/// Everything that looks at a document; only Errors may come out of it.
void use(Document& document) {
  for (const auto& layer : document.cache.layers) {
    (void)layer->facts();
    (void)layer->parts();
  }
  for (const Era era : mutated_eras) {
    try {
      (void)encode(document.cache, era, {.drop_model_state = true, .drop_unset_slots = true});
    } catch (const Error&) {
    }
  }
  for (const char* spec : {"KVCache", "ArraysCache:1,KVCache", "QuantizedKVCache:64", "KVCache,RotatingKVCache:4:1"}) {
    try {
      restore_children(document, spec);
    } catch (const Error&) {
    }
  }
}

RC_GTEST_PROP(Mutation, NothingButErrors, ()) {
  static const test::Folder folder;
  const Era era = *rc::gen::elementOf(mutated_eras);
  Encoded file = encode(test::RandomCache(era, era).draw(), era);
  for (int n = *rc::gen::inRange(1, 4); n > 0; --n) mutate(file);
  std::set<std::string> seen;
  std::erase_if(file.tensors, [&](const NamedTensor& t) { return !seen.insert(t.key).second; });
  try {
    Document document = test::written(folder, file);
    use(document);
  } catch (const Error&) {
  }
}

}  // namespace
}  // namespace kvcache
