// Quantizes a prompt cache of any size in one pass with little memory, telling how far it is and what it cost.
//
//   quantize IN BITS GROUP_SIZE OUT
#include <kvcache/kvcache.h>

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: quantize IN BITS GROUP_SIZE OUT\n");
    return 2;
  }
  try {
    kvcache::Document document = kvcache::read_sound_document(argv[1]);

    kvcache::QuantizeRequest request;
    request.bits = std::atoi(argv[2]);
    request.group_size = std::atoi(argv[3]);
    request.report = true;
    // Describes the work; nothing is computed yet.
    const auto layers = kvcache::quantize_prompt_cache(document.cache, request);

    // Computes tile by tile while the file is written, on all cores.
    kvcache::WriteOptions how;
    how.progress = [](std::uint64_t done, std::uint64_t total) {
      std::fprintf(stderr, "\r%3.0f %%", total == 0 ? 100.0 : 100.0 * static_cast<double>(done) / static_cast<double>(total));
    };
    const auto era = kvcache::era_to_keep(document);
    kvcache::save_document(argv[4], document, era, how);
    std::fprintf(stderr, "\n");

    for (const kvcache::QuantizedLayer& layer : layers) {
      if (!layer.quantized)
        std::printf("layer %zu: unchanged: %s\n", layer.layer, layer.why_not.c_str());
      else
        std::printf("layer %zu: %llu bytes instead of %llu, keys %.1f dB, values %.1f dB\n", layer.layer,
                    static_cast<unsigned long long>(layer.key_bytes_after + layer.value_bytes_after),
                    static_cast<unsigned long long>(layer.key_bytes_before + layer.value_bytes_before), layer.keys->snr_db(),
                    layer.values->snr_db());
    }
    return 0;
  } catch (const kvcache::Error& error) {
    std::fprintf(stderr, "\nquantize: %s\n", error.what());
    if (!error.remedy().empty()) std::fprintf(stderr, "hint: %s\n", error.remedy().text().c_str());
    return 1;
  }
}
