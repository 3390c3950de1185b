/* Loads a prompt cache, drops its last tokens and saves it in the format it had: in C11.
 *
 *   trim IN N OUT
 */
#include <kvcache/kvcache_c.h>
#include <stdio.h>
#include <stdlib.h>

static int failed(kvcache_error* error) {
  fprintf(stderr, "trim: %s: %s\n", kvcache_error_path(error), kvcache_error_message(error));
  if (kvcache_error_hint(error)[0] != '\0') fprintf(stderr, "hint: %s\n", kvcache_error_hint(error));
  kvcache_error_free(error);
  return 1;
}

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: trim IN N OUT\n");
    return 2;
  }
  kvcache_error* error = NULL;
  kvcache_cache* cache = NULL;
  kvcache_result* result = NULL;
  int64_t removed = 0;
  /* The header is read; then only a description changes; bytes move when it is saved, into a file that appears complete. */
  if (kvcache_open(argv[1], &cache, &error) != KVCACHE_OK || kvcache_trim(cache, atoll(argv[2]), &removed, &error) != KVCACHE_OK ||
      kvcache_save(cache, argv[3], NULL, NULL, &result, &error) != KVCACHE_OK) {
    kvcache_close(cache);
    return failed(error);
  }
  for (size_t i = 0; i < kvcache_result_warning_count(result); ++i)
    fprintf(stderr, "warning: %s\n", kvcache_result_warning(result, i));
  kvcache_facts facts = {.struct_size = sizeof facts};
  kvcache_cache_facts(cache, &facts, NULL);
  printf("%lld tokens removed, %lld left, %llu bytes\n", (long long)removed, (long long)facts.tokens,
         (unsigned long long)kvcache_result_bytes(result));
  kvcache_result_free(result);
  kvcache_close(cache);
  return 0;
}
