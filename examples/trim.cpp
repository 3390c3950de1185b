// Loads a prompt cache, drops its last tokens and saves it in the format it had.
//
//   trim IN N OUT
#include <kvcache/kvcache.h>

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: trim IN N OUT\n");
    return 2;
  }
  try {
    // Reads the header only, and refuses a file with errors.
    kvcache::Document document = kvcache::read_sound_document(argv[1]);
    // From every layer or from none. Only a description changes: the arrays are not touched.
    const auto trimmed = kvcache::trim_prompt_cache(document.cache, std::atoll(argv[2]));
    // Now bytes move: into a temporary file that takes its place when it is complete.
    const kvcache::Saved saved = kvcache::save_document(argv[3], document);
    for (const std::string& warning : saved.warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
    std::printf("%lld tokens removed, %lld left, %llu bytes\n", static_cast<long long>(trimmed),
                static_cast<long long>(kvcache::token_count(document.cache)), static_cast<unsigned long long>(saved.bytes));
    return 0;
  } catch (const kvcache::Error& error) {
    std::fprintf(stderr, "trim: %s\n", error.what());
    if (!error.remedy().empty()) std::fprintf(stderr, "hint: %s\n", error.remedy().text().c_str());
    return 1;
  }
}
