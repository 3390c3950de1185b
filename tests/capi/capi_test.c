/* The C interface from C11: what every function promises, refusals, callbacks, threads, and that nothing leaks.
 *
 *   capi_test TESTDATA FOLDER     (FOLDER is for what is written)
 */
#include <fcntl.h>
#include <kvcache/kvcache_c.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failures = 0;
static int checks = 0;

#define CHECK(condition)                                                  \
  do {                                                                    \
    ++checks;                                                             \
    if (!(condition)) {                                                   \
      ++failures;                                                         \
      fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
    }                                                                     \
  } while (0)
#define CHECK_OK(call)                                                                                    \
  do {                                                                                                    \
    kvcache_error* error_ = NULL;                                                                         \
    kvcache_error** error = &error_;                                                                      \
    ++checks;                                                                                             \
    if ((call) != KVCACHE_OK) {                                                                           \
      ++failures;                                                                                         \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, kvcache_error_message(error_));       \
    }                                                                                                     \
    kvcache_error_free(error_);                                                                           \
  } while (0)
/* It fails so, and says `part` in the message. */
#define CHECK_FAILS(call, status, part)                                                                     \
  do {                                                                                                      \
    kvcache_error* error_ = NULL;                                                                           \
    kvcache_error** error = &error_;                                                                        \
    const kvcache_status status_ = (call);                                                                  \
    ++checks;                                                                                               \
    if (status_ != (status) || kvcache_error_status(error_) != (status) ||                                  \
        strstr(kvcache_error_message(error_), (part)) == NULL) {                                            \
      ++failures;                                                                                           \
      fprintf(stderr, "%s:%d: %s: %d, %s\n", __FILE__, __LINE__, #call, status_, kvcache_error_message(error_)); \
    }                                                                                                       \
    kvcache_error_free(error_);                                                                             \
  } while (0)

static const char* testdata;
static const char* folder;

static const char* in(char* out, size_t size, const char* parent, const char* name) {
  snprintf(out, size, "%s/%s", parent, name);
  return out;
}
#define MODEL(name) in((char[1024]){0}, 1024, testdata, "golden/models/files/" name)
#define OUT(name) in((char[1024]){0}, 1024, folder, name)

static kvcache_cache* open_file(const char* path) {
  kvcache_cache* cache = NULL;
  CHECK_OK(kvcache_open(path, &cache, error));
  return cache;
}

static unsigned char* read_file(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  if (file == NULL) return NULL;
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  unsigned char* bytes = malloc(*size + 1);
  *size = fread(bytes, 1, *size, file);
  fclose(file);
  return bytes;
}

static int64_t tokens_of(const kvcache_cache* cache) {
  kvcache_facts facts = {.struct_size = sizeof facts};
  CHECK_OK(kvcache_cache_facts(cache, &facts, error));
  return facts.tokens;
}

static void test_versions(void) {
  CHECK(kvcache_abi_version() == KVCACHE_ABI_MAJOR * 65536U + KVCACHE_ABI_MINOR);
  CHECK(strlen(kvcache_version()) >= 5);
  CHECK(strcmp(kvcache_dtype_name(KVCACHE_BF16), "BF16") == 0 && kvcache_dtype_size(KVCACHE_BF16) == 2);
  CHECK(kvcache_dtype_name(KVCACHE_DTYPE_NONE) == NULL && kvcache_dtype_name(99) == NULL && kvcache_dtype_size(99) == 0);
  CHECK(kvcache_format_count() >= 12 && strcmp(kvcache_format_at(0), "mlx-lm@0.19") != 0);
  CHECK(kvcache_format_at(kvcache_format_count()) == NULL);
}

static void test_errors(void) {
  kvcache_cache* cache = (kvcache_cache*)1;
  kvcache_error* error = NULL;
  CHECK(kvcache_open("/no/such/file", &cache, &error) == KVCACHE_IO);
  CHECK(cache == NULL);
  CHECK(strcmp(kvcache_error_path(error), "/no/such/file") == 0);
  CHECK(strcmp(kvcache_error_code(error), "KV100") == 0);
  CHECK(kvcache_error_remedy(error)[0] == '[' && strcmp(kvcache_error_remedy(NULL), "[]") == 0);
  CHECK(strcmp(kvcache_error_key(error), "") == 0);
  kvcache_error_free(error);
  CHECK(kvcache_open("/no/such/file", &cache, NULL) == KVCACHE_IO);
  CHECK_FAILS(kvcache_open(NULL, &cache, error), KVCACHE_USAGE, "path is NULL");
  CHECK_FAILS(kvcache_open(MODEL("llama-f16.safetensors"), NULL, error), KVCACHE_USAGE, "cache is NULL");
  CHECK_FAILS(kvcache_open_memory("nonsense", 8, NULL, &cache, error), KVCACHE_UNREADABLE, "");
  CHECK_FAILS(kvcache_trim(NULL, 1, NULL, error), KVCACHE_USAGE, "cache is NULL");
  /* Nobody asks, and nothing is there to give back. */
  CHECK(strcmp(kvcache_error_message(NULL), "") == 0 && kvcache_error_status(NULL) == KVCACHE_OK);
  kvcache_error_free(NULL);
  kvcache_close(NULL);
  kvcache_result_free(NULL);
  kvcache_buffer_free(NULL);
  kvcache_stop_free(NULL);
  kvcache_stop_request(NULL);
  kvcache_string_free(NULL);
  /* A window that has wrapped: the layer, why, and what to do. Nothing has changed. */
  cache = open_file(MODEL("gemma3_text-bf16.safetensors"));
  const int64_t tokens = tokens_of(cache);
  error = NULL;
  CHECK(kvcache_trim(cache, 7, NULL, &error) == KVCACHE_IMPOSSIBLE);
  CHECK(strstr(kvcache_error_message(error), "layer 0 (RotatingKVCache) cannot be trimmed") != NULL);
  CHECK(strstr(kvcache_error_hint(error), "keep an untrimmed copy") != NULL);
  kvcache_error_free(error);
  CHECK(tokens_of(cache) == tokens);
  kvcache_close(cache);
}

static void test_facts(void) {
  kvcache_cache* cache = open_file(MODEL("llama-f16.safetensors"));
  kvcache_facts facts = {.struct_size = sizeof facts};
  CHECK_OK(kvcache_cache_facts(cache, &facts, error));
  CHECK(strcmp(facts.format, "mlx-lm@0.31") == 0 && facts.layers == 4 && facts.tokens == 43 && facts.trimmable == 1);
  CHECK(facts.bytes == 4 * 2 * 2 * 43 * 32 * 2 && facts.edited == 0 && facts.gzip == 0);
  kvcache_layer_facts layers[8];
  memset(layers, 0x55, sizeof layers);
  layers[0].struct_size = sizeof layers[0];
  size_t count = 0;
  CHECK_OK(kvcache_layers(cache, layers, 8, &count, error));
  CHECK(count == 4 && strcmp(layers[3].class_name, "KVCache") == 0 && layers[3].kv_heads == 2 && layers[3].key_dim == 32);
  CHECK(layers[3].max_size == KVCACHE_ABSENT && layers[3].dtype == KVCACHE_F16 && layers[3].arrays == 2 && layers[4].tokens != 43);
  /* A program that was compiled when the structures were shorter: nothing is written beyond what it knows. */
  struct {
    size_t struct_size;
    const char* class_name;
    int64_t tokens;
    int64_t behind;
  } early[4] = {{.struct_size = 24, .behind = -5}};
  early[1].behind = -6;
  CHECK_OK(kvcache_layer_at(cache, (size_t[]){2}, 1, (kvcache_layer_facts*)(void*)&early[0], error));
  CHECK(early[0].tokens == 43 && early[0].behind == -5 && early[0].struct_size == 24);
  CHECK_FAILS(kvcache_layer_at(cache, (size_t[]){4}, 1, layers, error), KVCACHE_USAGE, "there is no layer 4: the cache has 4");
  layers[0].struct_size = 0;
  CHECK_FAILS(kvcache_layer_at(cache, (size_t[]){0}, 1, layers, error), KVCACHE_USAGE, "struct_size is not set");
  const char *key = NULL, *value = NULL;
  size_t length = 0;
  CHECK(kvcache_metadata_count(cache) == 2);
  CHECK_OK(kvcache_metadata_at(cache, 0, &key, NULL, &value, &length, error));
  CHECK(strcmp(key, "model") == 0 && strcmp(value, "llama") == 0 && length == 5);
  CHECK_OK(kvcache_metadata_get(cache, "none", &value, NULL, error));
  CHECK(value == NULL);
  kvcache_verdict verdict = {.struct_size = sizeof verdict};
  CHECK_OK(kvcache_loads_in(cache, "mlx-swift-lm@3.31", &verdict, error));
  CHECK(verdict.ok == 0 && strstr(verdict.reason, "layer 0 (KVCache)") != NULL && strstr(verdict.fix, "kvcache convert ") != NULL);
  CHECK_OK(kvcache_loads_in(cache, "mlx-lm@0.31", &verdict, error));
  CHECK(verdict.ok == 1 && strcmp(verdict.reason, "") == 0);
  CHECK_FAILS(kvcache_loads_in(cache, "no-such-runtime", &verdict, error), KVCACHE_USAGE, "no-such-runtime");
  size_t findings = 9;
  CHECK_OK(kvcache_finding_count(cache, &findings, error));
  CHECK(findings == 0);
  char* json = NULL;
  CHECK_OK(kvcache_inspect(cache, 1, NULL, &json, error));
  CHECK(json != NULL && strstr(json, "\"schema\": \"kvcache.inspect/1\"") != NULL && strstr(json, "\"histogram\"") != NULL);
  kvcache_string_free(json);
  kvcache_close(cache);

  cache = open_file(in((char[1024]){0}, 1024, testdata, "golden/hostile/files/rotating-r1-keep-is-window.safetensors"));
  kvcache_finding finding = {.struct_size = sizeof finding};
  CHECK_OK(kvcache_finding_at(cache, 0, &finding, error));
  CHECK(finding.severity == KVCACHE_ERROR && strcmp(finding.code, "KV411") == 0 && strcmp(finding.where, "layer 0") == 0);
  CHECK_FAILS(kvcache_trim(cache, 1, NULL, error), KVCACHE_IMPOSSIBLE, "KV411");
  CHECK_FAILS(kvcache_save(cache, OUT("refused"), NULL, NULL, NULL, error), KVCACHE_IMPOSSIBLE, "KV411");
  kvcache_close(cache);
}

static void test_verify(void) {
  char* json = NULL;
  int32_t worst = -1;
  const char* paths[] = {MODEL("llama-f16.safetensors"), "/no/such/file"};
  const char* targets[] = {"mlx-swift-lm"};
  kvcache_verify_options options = kvcache_verify_options_defaults();
  CHECK_OK(kvcache_verify(paths, 1, &options, NULL, &json, &worst, error));
  CHECK(worst == 0 && strstr(json, "\"status\": \"ok\"") != NULL);
  kvcache_string_free(json);
  options.load_in = targets;
  options.load_in_count = 1;
  CHECK_OK(kvcache_verify(paths, 1, &options, NULL, &json, &worst, error));
  CHECK(worst == 1 && strstr(json, "KV720") != NULL);
  kvcache_string_free(json);
  CHECK_OK(kvcache_verify(paths, 2, NULL, NULL, &json, &worst, error));
  CHECK(worst == KVCACHE_IO && strstr(json, "\"status\": \"unreadable\"") != NULL);
  kvcache_string_free(json);
  options.recursive = 1;
  CHECK_FAILS(kvcache_verify((const char*[]){folder}, 1, &options, NULL, &json, NULL, error), KVCACHE_USAGE, "nothing to check");
  CHECK(json == NULL);
}

static void test_arrays(void) {
  kvcache_cache* cache = open_file(MODEL("llama-f16.safetensors"));
  kvcache_array array = {.struct_size = sizeof array};
  CHECK_OK(kvcache_array_at(cache, 1, 0, &array, error));
  CHECK(strcmp(array.name, "keys") == 0 && array.rank == 4 && array.shape[1] == 2 && array.shape[2] == 43 && array.shape[3] == 32);
  CHECK(array.dtype == KVCACHE_F16 && array.bytes == 2 * 43 * 32 * 2 && array.source_offset > 0);
  uint16_t all[2][43][32];
  CHECK_OK(kvcache_array_read(cache, 1, 0, NULL, NULL, all, sizeof all, error));
  /* Where it says that it lies. */
  size_t size = 0;
  unsigned char* file = read_file(MODEL("llama-f16.safetensors"), &size);
  CHECK(memcmp(file + array.source_offset, all, sizeof all) == 0);
  uint16_t mapped[4] = {0};
  CHECK(pread(kvcache_descriptor(cache), mapped, sizeof mapped, (off_t)array.source_offset) == sizeof mapped);
  CHECK(memcmp(mapped, all, sizeof mapped) == 0);
  /* Rows 40 to 42, columns 5 and 6 of head 1. */
  uint16_t box[3][2];
  CHECK_OK(kvcache_array_read(cache, 1, 0, (int64_t[]){0, 1, 40, 5}, (int64_t[]){1, 2, 43, 7}, box, sizeof box, error));
  for (int row = 0; row < 3; ++row)
    for (int column = 0; column < 2; ++column) CHECK(box[row][column] == all[1][40 + row][5 + column]);
  CHECK_FAILS(kvcache_array_read(cache, 1, 0, NULL, NULL, all, 7, error), KVCACHE_USAGE, "a buffer of 7 bytes");
  CHECK_FAILS(kvcache_array_read(cache, 1, 0, NULL, (int64_t[]){1, 2, 44, 32}, all, sizeof all, error), KVCACHE_USAGE, "");
  CHECK_FAILS(kvcache_array_at(cache, 1, 2, &array, error), KVCACHE_USAGE, "has no array 2");
  /* Of an edited cache they are those that would be saved. */
  CHECK_OK(kvcache_trim_to(cache, 41, NULL, error));
  CHECK_OK(kvcache_array_read(cache, 1, 0, (int64_t[]){0, 1, 40, 5}, (int64_t[]){1, 2, 41, 7}, box, 4, error));
  CHECK(box[0][0] == all[1][40][5]);
  CHECK_OK(kvcache_array_at(cache, 1, 0, &array, error));
  CHECK(array.shape[2] == 41 && array.source_offset == KVCACHE_ABSENT);
  free(file);
  kvcache_close(cache);
}

/* A program's own bytes. */
typedef struct memory {
  unsigned char* bytes;
  size_t size;
  size_t capacity;
  int fail_after; /* calls; negative: never */
  int calls;
  int released, committed, aborted;
} memory;

static int32_t memory_read(void* context, uint64_t offset, void* out, size_t count) {
  memory* from = context;
  if (from->fail_after >= 0 && __atomic_add_fetch(&from->calls, 1, __ATOMIC_RELAXED) > from->fail_after) return 42;
  memcpy(out, from->bytes + offset, count);
  return 0;
}
static void memory_release(void* context) { ++((memory*)context)->released; }
static int32_t memory_reserve(void* context, uint64_t size) {
  memory* to = context;
  to->size = (size_t)size;
  to->bytes = realloc(to->bytes, to->size);
  return to->bytes == NULL;
}
static int32_t memory_write(void* context, uint64_t offset, const void* bytes, size_t count) {
  memory* to = context;
  if (to->fail_after >= 0 && __atomic_add_fetch(&to->calls, 1, __ATOMIC_RELAXED) > to->fail_after) return 28;
  if (offset + count > to->size) return 1;
  memcpy(to->bytes + offset, bytes, count);
  return 0;
}
static int32_t memory_commit(void* context) { return ++((memory*)context)->committed, 0; }
static void memory_abort(void* context) { ++((memory*)context)->aborted; }

static void count_calls(void* context, uint64_t done, uint64_t total) {
  uint64_t* seen = context;
  ++seen[0];
  if (done == total) seen[1] = total;
}

static void test_saving(void) {
  kvcache_cache* cache = open_file(MODEL("llama-f16.safetensors"));
  CHECK_OK(kvcache_trim(cache, 7, NULL, error));
  CHECK(tokens_of(cache) == 36);
  kvcache_result* result = NULL;
  uint64_t seen[2] = {0, 0};
  kvcache_work work = kvcache_work_defaults();
  work.progress = count_calls;
  work.progress_context = seen;
  unlink(OUT("saved"));
  CHECK_OK(kvcache_save(cache, OUT("saved"), NULL, &work, &result, error));
  CHECK(seen[0] > 0 && seen[1] > 0 && kvcache_result_warning_count(result) == 0 && kvcache_result_warning(result, 0) == NULL);
  size_t size = 0;
  unsigned char* file = read_file(OUT("saved"), &size);
  CHECK(size == kvcache_result_bytes(result));
  kvcache_result_free(result);
  CHECK_FAILS(kvcache_save(cache, OUT("saved"), NULL, NULL, &result, error), KVCACHE_USAGE, "exists");
  CHECK(result == NULL);
  kvcache_save_options options = kvcache_save_options_defaults();
  options.overwrite = 1;
  CHECK_OK(kvcache_save(cache, OUT("saved"), &options, NULL, NULL, error));
  /* The same bytes into memory, and into what a program has. */
  kvcache_buffer* buffer = NULL;
  CHECK_OK(kvcache_save_memory(cache, NULL, NULL, &buffer, NULL, error));
  CHECK(kvcache_buffer_size(buffer) == size && memcmp(kvcache_buffer_data(buffer), file, size) == 0);
  memory to = {.fail_after = -1};
  kvcache_sink sink = kvcache_sink_defaults();
  sink.context = &to;
  sink.reserve = memory_reserve;
  sink.write_at = memory_write;
  sink.commit = memory_commit;
  sink.abort = memory_abort;
  CHECK_OK(kvcache_save_sink(cache, &sink, NULL, NULL, NULL, error));
  CHECK(to.size == size && memcmp(to.bytes, file, size) == 0 && to.committed == 1 && to.aborted == 0);
  to.fail_after = 0;
  to.calls = 0;
  CHECK_FAILS(kvcache_save_sink(cache, &sink, NULL, NULL, NULL, error), KVCACHE_IO, "write_at() failed with 28");
  CHECK(to.committed == 1 && to.aborted == 1);
  /* What comes and goes in order, through descriptors that stay open. */
  const int kept = open(OUT("stream"), O_RDWR | O_CREAT | O_TRUNC, 0600);
  CHECK(kept >= 0);
  CHECK_OK(kvcache_save_stream(cache, kept, NULL, NULL, NULL, NULL, error));
  kvcache_cache* streamed = NULL;
  CHECK(lseek(kept, 0, SEEK_SET) == 0);
  CHECK_OK(kvcache_open_stream(kept, "pipe", &streamed, error));
  kvcache_buffer* back = NULL;
  CHECK_OK(kvcache_save_memory(streamed, NULL, NULL, &back, NULL, error));
  CHECK(kvcache_buffer_size(back) == size && memcmp(kvcache_buffer_data(back), file, size) == 0);
  kvcache_buffer_free(back);
  kvcache_close(streamed);
  CHECK_FAILS(kvcache_open_stream(kept, "pipe", &streamed, error), KVCACHE_UNREADABLE, "empty");
  CHECK(streamed == NULL && close(kept) == 0);
  CHECK_FAILS(kvcache_save_stream(cache, -1, "pipe", NULL, NULL, NULL, error), KVCACHE_IO, "pipe");
  /* Who is asked to stop leaves nothing behind. */
  kvcache_stop* stop = kvcache_stop_new();
  kvcache_stop_request(stop);
  work.stop = stop;
  unlink(OUT("stopped"));
  CHECK_FAILS(kvcache_save(cache, OUT("stopped"), NULL, &work, NULL, error), KVCACHE_INTERRUPTED, "interrupted");
  CHECK(access(OUT("stopped"), F_OK) != 0);
  kvcache_stop_free(stop);
  kvcache_close(cache);
  /* Opened from a program's bytes, which are read as long as a copy lives. */
  memory from = {.bytes = file, .size = size, .fail_after = -1};
  kvcache_source source = kvcache_source_defaults();
  source.context = &from;
  source.size = size;
  source.read_at = memory_read;
  source.release = memory_release;
  CHECK_OK(kvcache_open_source(&source, &cache, error));
  kvcache_cache* copy = NULL;
  CHECK_OK(kvcache_copy(cache, &copy, error));
  kvcache_close(cache);
  CHECK(from.released == 0);
  kvcache_buffer* again = NULL;
  CHECK_OK(kvcache_save_memory(copy, NULL, NULL, &again, NULL, error));
  CHECK(kvcache_buffer_size(again) == size && memcmp(kvcache_buffer_data(again), file, size) == 0);
  kvcache_buffer_free(again);
  from.fail_after = 0;
  CHECK_FAILS(kvcache_save_memory(copy, NULL, NULL, &again, NULL, error), KVCACHE_IO, "read_at() failed with 42");
  CHECK(again == NULL);
  kvcache_close(copy);
  CHECK(from.released == 1);
  CHECK_FAILS(kvcache_open_source(&source, &cache, error), KVCACHE_IO, "");
  CHECK(from.released == 2);
  CHECK_OK(kvcache_open_memory(kvcache_buffer_data(buffer), size, "mine", &cache, error));
  CHECK(tokens_of(cache) == 36);
  kvcache_close(cache);
  kvcache_buffer_free(buffer);
  free(to.bytes);
  free(file);
}

static void test_edits(void) {
  kvcache_cache* cache = open_file(MODEL("llama-f16.safetensors"));
  kvcache_cache* shorter = NULL;
  size_t layers = 0;
  int64_t tokens = 0;
  CHECK_OK(kvcache_copy(cache, &shorter, error));
  CHECK_OK(kvcache_trim(shorter, 7, &tokens, error));
  CHECK(tokens == 7 && tokens_of(cache) == 43);
  /* Batches. */
  kvcache_cache* batch = NULL;
  CHECK_OK(kvcache_merge((const kvcache_cache*[]){cache, shorter}, 2, &batch, error));
  int64_t offsets[4] = {0};
  size_t count = 0;
  CHECK_OK(kvcache_layer_integers(batch, (size_t[]){0}, 1, KVCACHE_OFFSETS, offsets, 4, &count, error));
  CHECK(count == 2 && offsets[0] == 43 && offsets[1] == 36);
  CHECK_OK(kvcache_extend(batch, batch, error));
  CHECK_OK(kvcache_filter(batch, (int64_t[]){3, 0}, 2, error));
  CHECK_OK(kvcache_extract(batch, 0, error));
  CHECK(tokens_of(batch) == 36);
  kvcache_cache* none = NULL;
  CHECK_FAILS(kvcache_merge(NULL, 0, &none, error), KVCACHE_USAGE, "");
  kvcache_buffer *one = NULL, *two = NULL;
  kvcache_cache* extracted = NULL;
  CHECK_OK(kvcache_merge((const kvcache_cache*[]){cache, shorter}, 2, &extracted, error));
  CHECK_OK(kvcache_extract(extracted, 1, error));
  CHECK_OK(kvcache_save_memory(shorter, NULL, NULL, &one, NULL, error));
  CHECK_OK(kvcache_save_memory(extracted, NULL, NULL, &two, NULL, error));
  CHECK(kvcache_buffer_size(one) == kvcache_buffer_size(two) &&
        memcmp(kvcache_buffer_data(one), kvcache_buffer_data(two), kvcache_buffer_size(one)) == 0);
  kvcache_buffer_free(one);
  kvcache_buffer_free(two);
  kvcache_close(extracted);
  /* Conversions: facts and verdicts are those of what would be saved. */
  CHECK_OK(kvcache_convert(shorter, "mlx-swift-lm", NULL, error));
  kvcache_verdict verdict = {.struct_size = sizeof verdict};
  CHECK_OK(kvcache_loads_in(shorter, "mlx-swift-lm", &verdict, error));
  CHECK(verdict.ok == 1);
  kvcache_facts facts = {.struct_size = sizeof facts};
  CHECK_OK(kvcache_cache_facts(shorter, &facts, error));
  CHECK(strcmp(facts.format, "mlx-swift-lm@3.31") == 0 && facts.edited == 1);
  CHECK_FAILS(kvcache_convert(shorter, "mlx-swift-lm@99", NULL, error), KVCACHE_USAGE, "");
  CHECK_OK(kvcache_cast(shorter, KVCACHE_BF16, 0, &layers, error));
  CHECK(layers == 4);
  CHECK_FAILS(kvcache_cast(shorter, KVCACHE_I8, 0, NULL, error), KVCACHE_USAGE, "");
  CHECK_OK(kvcache_to_rotating(shorter, 16, 4, &layers, &tokens, error));
  CHECK(layers == 4 && tokens == 20);
  CHECK_FAILS(kvcache_to_plain(shorter, NULL, error), KVCACHE_IMPOSSIBLE, "layer 0");
  /* Quantized, but for the first layer. */
  kvcache_quantize_options quantize = kvcache_quantize_options_defaults();
  quantize.bits = 4;
  quantize.group_size = 32;
  quantize.layers = (size_t[]){1, 2, 3};
  quantize.layer_count = 3;
  CHECK_OK(kvcache_quantize(cache, &quantize, &layers, error));
  CHECK(layers == 3);
  kvcache_layer_facts layer = {.struct_size = sizeof layer};
  CHECK_OK(kvcache_layer_at(cache, (size_t[]){1}, 1, &layer, error));
  CHECK(strcmp(layer.class_name, "QuantizedKVCache") == 0 && layer.bits == 4 && layer.group_size == 32);
  CHECK_OK(kvcache_dequantize(cache, KVCACHE_DTYPE_NONE, &layers, error));
  CHECK(layers == 3);
  /* New tokens from memory. */
  uint16_t zeros[2][3][32] = {{{0}}};
  kvcache_named_array update[8];
  char names[8][16];
  const int64_t shape[] = {1, 2, 3, 32};
  for (int i = 0; i < 8; ++i) {
    snprintf(names[i], sizeof names[i], "%d.%s", i / 2, i % 2 == 0 ? "keys" : "values");
    update[i] = (kvcache_named_array){names[i], KVCACHE_F16, 4, shape, zeros, sizeof zeros};
  }
  CHECK_OK(kvcache_append(cache, update, 8, &tokens, error));
  CHECK(tokens == 3 && tokens_of(cache) == 46);
  CHECK_FAILS(kvcache_append(cache, update, 7, NULL, error), KVCACHE_IMPOSSIBLE, "layer 3 (KVCache): the update has no 3.values");
  update[0].size = 1;
  CHECK_FAILS(kvcache_append(cache, update, 8, NULL, error), KVCACHE_USAGE, "1 bytes are not shape [1, 2, 3, 32] of F16");
  /* Metadata and stamps. */
  const char* value = NULL;
  CHECK_OK(kvcache_metadata_set(cache, "model", "other", 0, error));
  CHECK_OK(kvcache_metadata_get(cache, "model", &value, NULL, error));
  CHECK(strcmp(value, "other") == 0);
  CHECK_FAILS(kvcache_metadata_set(cache, "no such", NULL, 0, error), KVCACHE_IMPOSSIBLE, "no such");
  CHECK_FAILS(kvcache_metadata_set(cache, "1", "x", 0, error), KVCACHE_USAGE, "");
  CHECK_OK(kvcache_stamp(cache, NULL, NULL, error));
  CHECK_OK(kvcache_trim(cache, 1, NULL, error));
  kvcache_result* result = NULL;
  CHECK_OK(kvcache_save_memory(cache, NULL, NULL, &one, &result, error));
  CHECK(kvcache_result_dropped_count(result) == 1 && strcmp(kvcache_result_dropped(result, 0), "checksums") == 0);
  kvcache_result_free(result);
  kvcache_buffer_free(one);
  CHECK_OK(kvcache_metadata_clear(cache, error));
  CHECK(kvcache_metadata_count(cache) == 0);
  CHECK_FAILS(kvcache_repair(cache, NULL, error), KVCACHE_USAGE, "edited");
  kvcache_close(cache);
  /* A sound file comes out of a repair byte for byte. */
  cache = open_file(MODEL("llama-f16.safetensors"));
  CHECK_OK(kvcache_repair(cache, &count, error));
  CHECK(count == 0);
  CHECK_OK(kvcache_save_memory(cache, NULL, NULL, &one, NULL, error));
  size_t size = 0;
  unsigned char* file = read_file(MODEL("llama-f16.safetensors"), &size);
  CHECK(size == kvcache_buffer_size(one) && memcmp(file, kvcache_buffer_data(one), size) == 0);
  free(file);
  kvcache_buffer_free(one);
  kvcache_close(cache);
  kvcache_close(shorter);
  kvcache_close(batch);
}

static void test_open_arrays(void) {
  float rows[2][5][4];
  for (int i = 0; i < 40; ++i) (&rows[0][0][0])[i] = (float)i;
  const int64_t shape[] = {1, 2, 5, 4};
  const kvcache_named_array arrays[] = {{"0.0", KVCACHE_F32, 4, shape, rows, sizeof rows}, {"0.1", KVCACHE_F32, 4, shape, rows, sizeof rows}};
  const char* metadata[] = {"0.0", "", "1.model", "m", "2.0", "KVCache"};
  kvcache_cache* cache = NULL;
  CHECK_OK(kvcache_open_arrays(arrays, 2, metadata, 3, "mine", &cache, error));
  CHECK(tokens_of(cache) == 5);
  CHECK_OK(kvcache_convert(cache, "mlx-lm@0.32", NULL, error));
  kvcache_buffer* buffer = NULL;
  CHECK_OK(kvcache_save_memory(cache, NULL, NULL, &buffer, NULL, error));
  kvcache_cache* again = NULL;
  CHECK_OK(kvcache_open_memory(kvcache_buffer_data(buffer), kvcache_buffer_size(buffer), NULL, &again, error));
  float row[4] = {0};
  CHECK_OK(kvcache_array_read(again, 0, 1, (int64_t[]){0, 1, 2, 0}, (int64_t[]){1, 2, 3, 4}, row, sizeof row, error));
  CHECK(row[0] == 28 && row[3] == 31);
  kvcache_close(again);
  kvcache_close(cache);
  kvcache_buffer_free(buffer);
}

static const char* const files[] = {"llama-f16.safetensors", "gemma3_text-bf16.safetensors"};

static void* convert_many(void* out) {
  const int id = *(int*)out;
  for (int i = 0; i < 6; ++i) {
    char path[1024];
    snprintf(path, sizeof path, "%s/golden/models/files/%s", testdata, files[(id + i) % 2]);
    kvcache_cache* cache = NULL;
    kvcache_buffer* buffer = NULL;
    char* json = NULL;
    kvcache_quantize_options options = kvcache_quantize_options_defaults();
    options.group_size = 32;
    if (kvcache_open(path, &cache, NULL) != KVCACHE_OK || kvcache_quantize(cache, &options, NULL, NULL) != KVCACHE_OK ||
        kvcache_inspect(cache, 0, NULL, &json, NULL) != KVCACHE_OK ||
        kvcache_save_memory(cache, NULL, NULL, &buffer, NULL, NULL) != KVCACHE_OK)
      *(int*)out = -1;
    kvcache_string_free(json);
    kvcache_buffer_free(buffer);
    kvcache_close(cache);
  }
  return NULL;
}

static void* ask_one(void* cache) {
  for (int i = 0; i < 20; ++i) {
    kvcache_layer_facts layers[8] = {{.struct_size = sizeof layers[0]}};
    size_t count = 0;
    kvcache_verdict verdict = {.struct_size = sizeof verdict};
    uint16_t all[2 * 43 * 32];
    if (kvcache_layers(cache, layers, 8, &count, NULL) != KVCACHE_OK || count != 4 ||
        kvcache_loads_in(cache, kvcache_format_at((size_t)i % kvcache_format_count()), &verdict, NULL) != KVCACHE_OK ||
        kvcache_array_read(cache, 3, 1, NULL, NULL, all, sizeof all, NULL) != KVCACHE_OK)
      return "failed";
  }
  return NULL;
}

static void test_threads(void) {
  enum { n = 8 };
  pthread_t threads[n];
  int ids[n];
  for (int i = 0; i < n; ++i) {
    ids[i] = i;
    pthread_create(&threads[i], NULL, convert_many, &ids[i]);
  }
  for (int i = 0; i < n; ++i) {
    pthread_join(threads[i], NULL);
    CHECK(ids[i] == i);
  }
  /* Several look at one. */
  kvcache_cache* cache = open_file(MODEL("llama-f16.safetensors"));
  for (int i = 0; i < n; ++i) pthread_create(&threads[i], NULL, ask_one, cache);
  for (int i = 0; i < n; ++i) {
    void* failed = NULL;
    pthread_join(threads[i], &failed);
    CHECK(failed == NULL);
  }
  kvcache_close(cache);
}

static long resident(void) {
  FILE* file = fopen("/proc/self/statm", "r");
  long pages = 0;
  if (file == NULL) return -1;
  if (fscanf(file, "%*s %ld", &pages) != 1) pages = -1;
  fclose(file);
  return pages < 0 ? -1 : pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* KVCACHE_OPENS=100000 for the long run. */
static void test_leaks(void) {
  const char* wanted = getenv("KVCACHE_OPENS");
  const long opens = wanted == NULL ? 3000 : atol(wanted);
  long before = -1;
  for (long i = 0; i < opens; ++i) {
    kvcache_cache* cache = NULL;
    kvcache_error* error = NULL;
    kvcache_facts facts = {.struct_size = sizeof facts};
    kvcache_open(MODEL("llama-f16.safetensors"), &cache, &error);
    kvcache_cache_facts(cache, &facts, &error);
    kvcache_trim(cache, 1, NULL, &error);
    kvcache_close(cache);
    kvcache_open("/no/such/file", &cache, &error);
    kvcache_error_free(error);
    if (i == opens / 5) before = resident(); /* what allocators keep is kept by then */
  }
  const long after = resident();
  if (before >= 0 && getenv("KVCACHE_SANITIZED") == NULL) {
    fprintf(stderr, "%ld opens: %ld KiB, then %ld KiB\n", opens, before, after);
    CHECK(after - before < 1024);
  }
  /* No descriptor stays open. */
  const int descriptor = dup(0);
  CHECK(descriptor < 64);
  close(descriptor);
}

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: capi_test TESTDATA FOLDER\n");
    return 2;
  }
  testdata = argv[1];
  folder = argv[2];
  test_versions();
  test_errors();
  test_facts();
  test_verify();
  test_arrays();
  test_saving();
  test_edits();
  test_open_arrays();
  test_threads();
  test_leaks();
  printf("%d checks, %d failures\n", checks, failures);
  return failures == 0 ? 0 : 1;
}
