// Keeps a cache in a prefix store and gets back the longest prefix of another prompt.
//
//   store STORE IDENTITY CACHE TOKENS PROMPT OUT
//
// TOKENS are the ids of CACHE, PROMPT those of the next prompt: JSON lists, .npy files or integers as text.
#include <kvcache/kvcache.h>
#include <kvcache/store.h>

#include <cstdio>

namespace ks = kvcache::store;

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "usage: store STORE IDENTITY CACHE TOKENS PROMPT OUT\n");
    return 2;
  }
  try {
    ks::Store store = ks::Store::open(argv[1]);
    const ks::Identity identity = ks::identity_of_text(argv[2]);

    // Blocks that are known already are neither read nor written.
    const kvcache::Document document = kvcache::read_sound_document(argv[3]);
    const ks::Put put = store.put(document, {.tokens = ks::read_token_file(argv[4]), .identity = identity});
    std::printf("put: %llu of %llu blocks were new, %llu bytes\n", static_cast<unsigned long long>(put.new_blocks),
                static_cast<unsigned long long>(put.blocks), static_cast<unsigned long long>(put.bytes));

    // A look-up reads no data. What was found is read when it is written, in one pass, in the format of any runtime.
    const ks::Got got = store.get({.prompt = {.tokens = ks::read_token_file(argv[5]), .identity = identity}});
    if (!got.match.hit()) {
      std::printf("miss: %s\n", got.match.reason.c_str());
      return 1;
    }
    const kvcache::Encoded encoded = ks::encode_got(got, kvcache::find_target("mlx-swift-lm@3.31"));
    kvcache::write_safetensors(argv[6], encoded.tensors, encoded.metadata);
    std::printf("hit: %lld of %lld tokens\n", static_cast<long long>(got.match.resume_at),
                static_cast<long long>(got.match.query));
    return 0;
  } catch (const kvcache::Error& error) {
    std::fprintf(stderr, "store: %s\n", error.what());
    if (!error.remedy().empty()) std::fprintf(stderr, "hint: %s\n", error.remedy().text().c_str());
    return 1;
  }
}
