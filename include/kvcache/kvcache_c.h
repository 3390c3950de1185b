/* libkvcache_c: prompt-cache files of mlx-lm, mlx-swift-lm and mlxrs, from C and from whatever calls C.
 *
 * CONVENTIONS, which hold for every function below
 *
 * Ownership: a handle (kvcache_cache, kvcache_error, ...) belongs to whoever got it and is given back with the function that
 * its type names; NULL may be given back. What a function only looks at, it does not keep, unless it says so. Out parameters
 * may be NULL where they say "or NULL"; a handle that cannot be made is NULL.
 *
 * Errors: what can fail returns a kvcache_status, KVCACHE_OK or what kind of failure it was. Its last parameter is where an
 * error goes, or NULL for who does not want to know more; on success that is set to NULL. A failed call has changed nothing and
 * left no file behind. No C++ exception leaves the library, and it never prints.
 *
 * Threads: one handle may be looked at (const) by several threads at once; to change one (not const), or to give it back, a
 * thread needs it alone. Different handles have nothing to do with one another, a copy and its original neither. Callbacks come
 * from any thread, one at a time unless it is said otherwise, and never after the call that they belong to has returned.
 *
 * Strings are UTF-8 and end in NUL; paths are what the operating system takes. "Borrowed" strings belong to the handle that was
 * asked and live until it is changed or given back; strings in a char** belong to the caller: kvcache_string_free().
 *
 * Structures that may grow begin with struct_size, to be set to their sizeof before they are given; of options, all other
 * fields 0 are the defaults, which kvcache_..._defaults() make, and so is NULL instead of them.
 *
 * Numbers of enumerations never change and are never used again. A field that does not apply is KVCACHE_ABSENT.
 *
 * Arrays are [B, H, S, D]: sequences of a batch, key/value heads, tokens, head dim; row-major and little-endian. Lengths are
 * tokens, sizes are bytes.
 */
#ifndef KVCACHE_KVCACHE_C_H
#define KVCACHE_KVCACHE_C_H

/* This is C: what clang-tidy would have in C++ it cannot have. */
/* NOLINTBEGIN */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __GNUC__
#define KVCACHE_API __attribute__((visibility("default")))
#else
#define KVCACHE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Versions ---------------------------------------------------------------------------------------------------------- */

/* The interface of this header. A program runs with every library of the same major and of this minor or a later one. */
#define KVCACHE_ABI_MAJOR 1
#define KVCACHE_ABI_MINOR 0

/* That of the library that runs: major * 65536 + minor. */
KVCACHE_API uint32_t kvcache_abi_version(void);
/* "0.1.0". Lives for ever. */
KVCACHE_API const char* kvcache_version(void);

/* What a library may be built without. */
typedef enum kvcache_feature {
  KVCACHE_FEATURE_STORE = 1 /* kvcache_store_... */
} kvcache_feature;
/* 1 if the library has it, else 0; what it has not fails with KVCACHE_IMPOSSIBLE. */
KVCACHE_API int32_t kvcache_has(kvcache_feature feature);

/* ---- Errors ------------------------------------------------------------------------------------------------------------ */

typedef int32_t kvcache_status;
enum {
  KVCACHE_OK = 0,
  KVCACHE_MISS = 1,        /* kvcache_store_get() and _probe(): nothing to reuse. No error: nothing is put there */
  KVCACHE_USAGE = 2,       /* the caller asked for what makes no sense: an index out of range, an output that exists */
  KVCACHE_UNREADABLE = 3,  /* an input is no readable prompt cache: broken, cut off, something else */
  KVCACHE_IMPOSSIBLE = 4,  /* not possible with this cache: a wrapped window, classes that differ, a loss */
  KVCACHE_IO = 5,          /* the operating system, or a callback: a missing file, no permission, a full disk */
  KVCACHE_INTERRUPTED = 6, /* a stop was requested */
  KVCACHE_NO_MEMORY = 7,   /* there is not enough of it */
  KVCACHE_INTERNAL = 70    /* a fault of the library: please report it */
};

/* What went wrong, as data. All strings are borrowed and never NULL; empty where there is nothing to say. */
typedef struct kvcache_error kvcache_error;
KVCACHE_API void kvcache_error_free(kvcache_error* error);
KVCACHE_API kvcache_status kvcache_error_status(const kvcache_error* error);
/* One line, without the name of the file: "layer 0 (RotatingKVCache) cannot be trimmed: ..." */
KVCACHE_API const char* kvcache_error_message(const kvcache_error* error);
/* What to do instead, often a command line that can be pasted. */
KVCACHE_API const char* kvcache_error_hint(const kvcache_error* error);
/* The same as data, a JSON array in the order in which it is to be read: {"words": "..."}, or an operation with its arguments,
   {"action": "convert", "arguments": {"to": "mlx-lm@0.31"}}. Actions are those of remedy.h, by name; "repeat" is the same call
   with other options (overwrite, allow_overflow, layers). "[]" where there is nothing to do. */
KVCACHE_API const char* kvcache_error_remedy(const kvcache_error* error);
/* Of a defect of the file, its code in docs/findings.md: "KV117". */
KVCACHE_API const char* kvcache_error_code(const kvcache_error* error);
/* The file that it is about, as it was named. */
KVCACHE_API const char* kvcache_error_path(const kvcache_error* error);
/* The key of the tensor or of the metadata that it is about, any bytes but NUL. */
KVCACHE_API const char* kvcache_error_key(const kvcache_error* error);

KVCACHE_API void kvcache_string_free(char* string);

/* ---- Stopping, and how far a call is ------------------------------------------------------------------------------------ */

/* Asks the calls that it was given to to stop: they return KVCACHE_INTERRUPTED and leave nothing half done. */
typedef struct kvcache_stop kvcache_stop;
/* NULL when there is no memory. */
KVCACHE_API kvcache_stop* kvcache_stop_new(void);
/* From any thread; it cannot be taken back. */
KVCACHE_API void kvcache_stop_request(kvcache_stop* stop);
/* Also while a call that it was given to is running. */
KVCACHE_API void kvcache_stop_free(kvcache_stop* stop);

/* Bytes done, of so many, at most some twenty times per second and at the end. */
typedef void (*kvcache_progress)(void* context, uint64_t done, uint64_t total);

/* For what reads or writes data. */
typedef struct kvcache_work {
  size_t struct_size;
  uint32_t threads;          /* 0: as many as there are cores */
  kvcache_progress progress; /* or NULL */
  void* progress_context;    /* its first argument */
  const kvcache_stop* stop;  /* or NULL: nobody will ask */
} kvcache_work;

static inline kvcache_work kvcache_work_defaults(void) {
  kvcache_work work;
  memset(&work, 0, sizeof work);
  work.struct_size = sizeof work;
  return work;
}

/* ---- Types of elements -------------------------------------------------------------------------------------------------- */

typedef int32_t kvcache_dtype;
enum {
  KVCACHE_DTYPE_NONE = -1,
  KVCACHE_BOOL = 0,
  KVCACHE_I8 = 1,
  KVCACHE_U8 = 2,
  KVCACHE_I16 = 3,
  KVCACHE_U16 = 4,
  KVCACHE_F16 = 5,
  KVCACHE_BF16 = 6,
  KVCACHE_I32 = 7,
  KVCACHE_U32 = 8,
  KVCACHE_F32 = 9,
  KVCACHE_I64 = 10,
  KVCACHE_U64 = 11,
  KVCACHE_C64 = 12,
  KVCACHE_F8_E4M3 = 13,
  KVCACHE_F8_E8M0 = 14
};
/* "BF16", or NULL for what is none. Lives for ever. */
KVCACHE_API const char* kvcache_dtype_name(kvcache_dtype dtype);
/* Bytes of one element; 0 for what is none. */
KVCACHE_API size_t kvcache_dtype_size(kvcache_dtype dtype);

/* ---- Opening ------------------------------------------------------------------------------------------------------------ */

/* A prompt cache: what a file holds, and the edits made since. Opening costs the header; edits only describe what is to be
 * done; bytes move when it is saved. */
typedef struct kvcache_cache kvcache_cache;

/* Bytes that a program has. Size and bytes stay what they are until `release` is called. */
typedef struct kvcache_source {
  size_t struct_size;
  void* context;     /* first argument of the functions */
  const char* label; /* what messages call it; copied. NULL: "source" */
  uint64_t size;     /* bytes */
  /* Fills `out` with `count` bytes from `offset`; 0, or any other number for a failure. Called from several threads at once,
   * and as long as the cache, a copy of it or what was made from it lives. */
  int32_t (*read_at)(void* context, uint64_t offset, void* out, size_t count);
  /* Called once, from any thread, when the bytes are no longer needed; also when opening fails. Or NULL. */
  void (*release)(void* context);
} kvcache_source;

static inline kvcache_source kvcache_source_defaults(void) {
  kvcache_source source;
  memset(&source, 0, sizeof source);
  source.struct_size = sizeof source;
  return source;
}

/* A file. KVCACHE_IO, or KVCACHE_UNREADABLE for what is no prompt cache. Layers that are damaged or not
 * known are opened all the same: kvcache_finding_count() tells, and edits refuse. */
KVCACHE_API kvcache_status kvcache_open(const char* path, kvcache_cache** cache, kvcache_error** error);
/* Bytes in memory, which are not copied: they have to stay until the cache, its copies and what was made from it are closed. */
KVCACHE_API kvcache_status kvcache_open_memory(const void* bytes, size_t size, const char* label, kvcache_cache** cache,
                                               kvcache_error** error);
/* What comes once and in order from a descriptor, as 0, standard input: read into a temporary file, no further than its header
 * asks for. The descriptor stays open. label: NULL is "stream". */
KVCACHE_API kvcache_status kvcache_open_stream(int descriptor, const char* label, kvcache_cache** cache, kvcache_error** error);
KVCACHE_API kvcache_status kvcache_open_source(const kvcache_source* source, kvcache_cache** cache, kvcache_error** error);
/* An array that a program has in memory. */
typedef struct kvcache_named_array {
  const char* name; /* as it is called where it goes */
  kvcache_dtype dtype;
  size_t rank;
  const int64_t* shape; /* `rank` dimensions, outermost first */
  const void* bytes;    /* row-major */
  size_t size;          /* of them: the product of the dimensions times the size of an element */
} kvcache_named_array;
/* What a file of these arrays and this metadata would hold, without writing one: for programs that have a cache in memory in
 * the form of one of the formats (docs/formats.md). `metadata`: `pairs` times a key and a value. Bytes are borrowed as by
 * kvcache_open_memory(), all else is copied. */
KVCACHE_API kvcache_status kvcache_open_arrays(const kvcache_named_array* arrays, size_t count, const char* const* metadata,
                                               size_t pairs, const char* label, kvcache_cache** cache, kvcache_error** error);
/* Another one with the same contents, to be edited on its own. Arrays are shared, as they never change. */
KVCACHE_API kvcache_status kvcache_copy(const kvcache_cache* cache, kvcache_cache** copy, kvcache_error** error);
KVCACHE_API void kvcache_close(kvcache_cache* cache);

/* ---- Facts -------------------------------------------------------------------------------------------------------------- */

#define KVCACHE_ABSENT INT64_MIN

/* Of the whole cache. */
typedef struct kvcache_facts {
  size_t struct_size;
  const char* path;       /* borrowed: as it was opened */
  const char* format;     /* "mlx-lm@0.31", the one that it is saved in; NULL: mixed. Lives for ever */
  uint64_t file_bytes;    /* of the file that was opened, as it lies on the disk */
  uint64_t bytes;         /* of keys, values and states */
  uint64_t padding_bytes; /* part of `bytes` that no token uses */
  int64_t tokens;         /* the largest offset of all layers */
  size_t layers;          /* how many */
  uint8_t gzip;           /* the file is compressed */
  uint8_t trimmable;      /* every layer is */
  uint8_t edited;         /* it is not what the file holds */
} kvcache_facts;

/* Of one layer. Fields that its class has not are KVCACHE_ABSENT. */
typedef struct kvcache_layer_facts {
  size_t struct_size;
  const char* class_name; /* borrowed: "RotatingKVCache" */
  int64_t tokens;         /* logical length: the cache's offset */
  int64_t rows;           /* rows stored on the sequence axis */
  int64_t batch;          /* sequences: B */
  int64_t kv_heads;       /* H */
  int64_t key_dim;        /* Dk, unpacked */
  int64_t value_dim;      /* Dv, unpacked */
  int64_t keep;           /* tokens that a window pins */
  int64_t max_size;       /* of a window, tokens */
  int64_t idx;            /* row of the ring after the newest one */
  int64_t wrapped;        /* 1: tokens were evicted, or the ring is out of temporal order */
  int64_t bits;           /* of a quantized value */
  int64_t group_size;     /* quantized values that share a scale */
  int64_t chunk_size;     /* tokens */
  int64_t start_position; /* tokens that a chunked cache has dropped from the front */
  int64_t slots;          /* of recurrent state, those that are not set as well */
  int64_t total;          /* of a batch of windows: rows appended, padding included */
  int64_t rotated;        /* of a batch of windows, 1: the oldest row is at idx */
  uint64_t bytes;         /* of its arrays */
  uint64_t padding_bytes; /* part of `bytes` that no token uses */
  size_t children;        /* of a CacheList */
  size_t arrays;          /* for kvcache_array_at(): of a layer, 0 for a child */
  kvcache_dtype dtype;    /* of keys (of the scales, if quantized), or KVCACHE_DTYPE_NONE */
  uint8_t trimmable;      /* tokens can be given back */
  uint8_t empty;          /* never used: holds no arrays */
} kvcache_layer_facts;

typedef enum kvcache_integers {
  KVCACHE_LEFT_PADDING = 0, /* rows, [B] */
  KVCACHE_OFFSETS = 1,      /* tokens, [B] */
  KVCACHE_LENGTHS = 2       /* tokens, [B] */
} kvcache_integers;

KVCACHE_API kvcache_status kvcache_cache_facts(const kvcache_cache* cache, kvcache_facts* facts, kvcache_error** error);
/* The layer path[0], its child path[1], ...; most often depth is 1. */
KVCACHE_API kvcache_status kvcache_layer_at(const kvcache_cache* cache, const size_t* path, size_t depth,
                                            kvcache_layer_facts* facts, kvcache_error** error);
/* Of the first `capacity` layers in one call; struct_size of the first element counts for all. `count`: how many there are. */
KVCACHE_API kvcache_status kvcache_layers(const kvcache_cache* cache, kvcache_layer_facts* facts, size_t capacity,
                                          size_t* count, kvcache_error** error);
/* Per-sequence integers of a batch: the first `capacity` of them. `count`: how many there are, 0 where a class has none. */
KVCACHE_API kvcache_status kvcache_layer_integers(const kvcache_cache* cache, const size_t* path, size_t depth,
                                                  kvcache_integers which, int64_t* values, size_t capacity, size_t* count,
                                                  kvcache_error** error);

/* User metadata, sorted by key. Lengths, or NULL, are for values with NUL in them. */
KVCACHE_API size_t kvcache_metadata_count(const kvcache_cache* cache);
KVCACHE_API kvcache_status kvcache_metadata_at(const kvcache_cache* cache, size_t index, const char** key, size_t* key_length,
                                               const char** value, size_t* value_length, kvcache_error** error);
/* *value is NULL where there is no such key. */
KVCACHE_API kvcache_status kvcache_metadata_get(const kvcache_cache* cache, const char* key, const char** value,
                                                size_t* value_length, kvcache_error** error);

/* Ids of all formats: those of mlx-lm, mlx-swift-lm, mlxrs, in each the oldest first. NULL beyond the last. Live for ever. */
KVCACHE_API size_t kvcache_format_count(void);
KVCACHE_API const char* kvcache_format_at(size_t index);

/* Who can load it as it is, or would be saved: an era or a release ("mlx-swift-lm@3.31", "mlx-lm@0.30.7"), or a runtime alone,
 * which means its newest. */
typedef struct kvcache_verdict {
  size_t struct_size;
  int32_t ok;         /* 1: it restores what the file means */
  const char* reason; /* borrowed: why not, or empty */
  const char* fix;    /* borrowed: a command line that makes a file it loads, or empty */
} kvcache_verdict;
KVCACHE_API kvcache_status kvcache_loads_in(const kvcache_cache* cache, const char* target, kvcache_verdict* verdict,
                                            kvcache_error** error);

typedef enum kvcache_severity { KVCACHE_INFO = 0, KVCACHE_WARNING = 1, KVCACHE_ERROR = 2 } kvcache_severity;

/* What is wrong, as far as headers tell. All strings are borrowed, and empty where there is nothing to say. */
typedef struct kvcache_finding {
  size_t struct_size;
  kvcache_severity severity;
  const char* code;    /* "KV413", as in docs/findings.md */
  const char* where;   /* "layer 3" */
  const char* key;     /* of a tensor or of metadata */
  const char* message; /* what is wrong, and what follows from it */
  const char* hint;    /* what to do about it */
} kvcache_finding;
KVCACHE_API kvcache_status kvcache_finding_count(const kvcache_cache* cache, size_t* count, kvcache_error** error);
KVCACHE_API kvcache_status kvcache_finding_at(const kvcache_cache* cache, size_t index, kvcache_finding* finding,
                                              kvcache_error** error);

/* ---- Documents ---------------------------------------------------------------------------------------------------------- */

/* What `kvcache inspect --json` prints (schema kvcache.inspect/1), of the file, or of the one that an edited cache would
 * become. `stats` 1: with statistics of all values, for which data are read. */
KVCACHE_API kvcache_status kvcache_inspect(const kvcache_cache* cache, int32_t stats, const kvcache_work* work, char** json,
                                           kvcache_error** error);

typedef struct kvcache_verify_options {
  size_t struct_size;
  const char* const* load_in; /* ids of formats, releases or runtimes that have to load it, or "all" */
  size_t load_in_count;       /* how many */
  const char* model;          /* the model's folder, to compare with; or NULL */
  uint8_t recursive;          /* every cache below folders; what does not claim to be one is counted only */
  uint8_t data;               /* read all data: NaN, infinities, rows of zeros */
  uint8_t fix;                /* say what kvcache_repair() would do */
} kvcache_verify_options;

static inline kvcache_verify_options kvcache_verify_options_defaults(void) {
  kvcache_verify_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  return options;
}

/* What `kvcache verify --json` prints (schema kvcache.verify/1). `worst`, or NULL: 0, or the largest exit status of all files:
 * 1 for findings that are errors, KVCACHE_UNREADABLE, KVCACHE_IO. What is wrong with a file is no failure of the call. */
KVCACHE_API kvcache_status kvcache_verify(const char* const* paths, size_t count, const kvcache_verify_options* options,
                                          const kvcache_work* work, char** json, int32_t* worst, kvcache_error** error);

/* ---- Arrays ------------------------------------------------------------------------------------------------------------- */

#define KVCACHE_MAX_RANK 32

/* An array of the state of a layer. */
typedef struct kvcache_array {
  size_t struct_size;
  const char* name; /* borrowed: "keys", "key scales", "slot 1"; of a list "child 0 keys" */
  uint64_t bytes;   /* of all elements */
  /* Where they lie in the source, one after the other; KVCACHE_ABSENT where they do not, or where they are computed. */
  int64_t source_offset;
  int64_t shape[KVCACHE_MAX_RANK]; /* the first `rank` count, outermost first */
  size_t rank;
  kvcache_dtype dtype; /* KVCACHE_DTYPE_NONE: the slot is not set, and nothing else counts */
} kvcache_array;

KVCACHE_API kvcache_status kvcache_array_at(const kvcache_cache* cache, size_t layer, size_t index, kvcache_array* array,
                                            kvcache_error** error);
/* Elements [begin[d], end[d]) of every dimension d, row-major, into a buffer of exactly their size; begin and end NULL: all.
 * What is lazy is computed now. */
KVCACHE_API kvcache_status kvcache_array_read(const kvcache_cache* cache, size_t layer, size_t index, const int64_t* begin,
                                              const int64_t* end, void* buffer, size_t size, kvcache_error** error);
/* File descriptor of the file that was opened, for mmap() at source_offset, or -1: it is compressed, or no file. It belongs to
 * the cache. */
KVCACHE_API int32_t kvcache_descriptor(const kvcache_cache* cache);

/* ---- Edits -------------------------------------------------------------------------------------------------------------- */

/* Every edit is made in all layers or in none, and refused for a cache with errors (KVCACHE_IMPOSSIBLE). Counts may be NULL.
 * What they lose as the runtimes do is a warning: kvcache_result_warning() of what is saved then. */

/* Remove the last n tokens, in a batch of each sequence. *removed: the largest count of all layers. */
KVCACHE_API kvcache_status kvcache_trim(kvcache_cache* cache, int64_t n, int64_t* removed, kvcache_error** error);
/* Keep the first `length` tokens of each layer and sequence. */
KVCACHE_API kvcache_status kvcache_trim_to(kvcache_cache* cache, int64_t length, int64_t* removed, kvcache_error** error);
/* Rewrite rings in temporal order. *layers: how many were not. */
KVCACHE_API kvcache_status kvcache_unrotate(kvcache_cache* cache, size_t* layers, kvcache_error** error);

typedef struct kvcache_convert_options {
  size_t struct_size;
  const char* model;        /* the model's folder or config.json, or NULL: refuses what its code in the target would misread */
  uint8_t drop_model_state; /* leave out the state of a Swift vision model */
  uint8_t drop_unset_slots; /* leave out trailing slots of recurrent layers that are not set */
} kvcache_convert_options;

static inline kvcache_convert_options kvcache_convert_options_defaults(void) {
  kvcache_convert_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  return options;
}

/* Another format: a runtime, an era or a release. target NULL: the same one, with options. */
KVCACHE_API kvcache_status kvcache_convert(kvcache_cache* cache, const char* target, const kvcache_convert_options* options,
                                           kvcache_error** error);
/* Cast keys and values to F16, BF16 or F32. Values beyond its range fail the call that saves, unless allow_overflow is 1. */
KVCACHE_API kvcache_status kvcache_cast(kvcache_cache* cache, kvcache_dtype dtype, int32_t allow_overflow, size_t* layers,
                                        kvcache_error** error);
/* Windows that have dropped nothing become plain caches. */
KVCACHE_API kvcache_status kvcache_to_plain(kvcache_cache* cache, size_t* layers, kvcache_error** error);
/* Plain caches become windows of max_size tokens that pin the first `keep`. *dropped: tokens that went, of the layer that lost
 * most. */
KVCACHE_API kvcache_status kvcache_to_rotating(kvcache_cache* cache, int64_t max_size, int64_t keep, size_t* layers,
                                               int64_t* dropped, kvcache_error** error);
/* What CacheLists held, for files that forgot: "KVCache,ArraysCache:2". The one edit for a cache with errors beside repair. */
KVCACHE_API kvcache_status kvcache_restore_children(kvcache_cache* cache, const char* spec, kvcache_error** error);

typedef struct kvcache_quantize_options {
  size_t struct_size;
  int32_t bits;         /* 2, 3, 4, 5, 6 or 8; 0: 8 */
  int32_t group_size;   /* 32, 64 or 128; 0: 64 */
  const size_t* layers; /* indices of those meant; NULL: all */
  size_t layer_count;   /* how many */
  uint8_t requantize;   /* decode layers that are quantized already, and quantize them again */
} kvcache_quantize_options;

static inline kvcache_quantize_options kvcache_quantize_options_defaults(void) {
  kvcache_quantize_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  return options;
}

/* Plain layers become quantized ones, bit for bit as mlx-lm's to_quantized makes them. *layers: how many. */
KVCACHE_API kvcache_status kvcache_quantize(kvcache_cache* cache, const kvcache_quantize_options* options, size_t* layers,
                                            kvcache_error** error);
/* And back. dtype: of the result, KVCACHE_DTYPE_NONE: that of the scales. */
KVCACHE_API kvcache_status kvcache_dequantize(kvcache_cache* cache, kvcache_dtype dtype, size_t* layers, kvcache_error** error);

/* Append new tokens, to every layer: arrays "LAYER.keys" and "LAYER.values" ("LAYER.CHILD.keys" in a CacheList) of [B, H, N, D]
 * for N new tokens, which are copied. Windows drop their oldest ones, quantized layers quantize. *appended: tokens. */
KVCACHE_API kvcache_status kvcache_append(kvcache_cache* cache, const kvcache_named_array* arrays, size_t count,
                                          int64_t* appended, kvcache_error** error);
/* The same from a safetensors file with such names. */
KVCACHE_API kvcache_status kvcache_append_file(kvcache_cache* cache, const char* path, int64_t* appended,
                                               kvcache_error** error);

/* Caches of single sequences become one batch; user metadata and format are the first one's. */
KVCACHE_API kvcache_status kvcache_merge(const kvcache_cache* const* caches, size_t count, kvcache_cache** batch,
                                         kvcache_error** error);
/* Append the sequences of another batch. */
KVCACHE_API kvcache_status kvcache_extend(kvcache_cache* cache, const kvcache_cache* other, kvcache_error** error);
/* Keep one sequence of a batch, as a cache of its own. */
KVCACHE_API kvcache_status kvcache_extract(kvcache_cache* cache, int64_t index, kvcache_error** error);
/* Keep these sequences, in this order. */
KVCACHE_API kvcache_status kvcache_filter(kvcache_cache* cache, const int64_t* indices, size_t count, kvcache_error** error);
/* The last right_padding[b] rows of sequence b are padding: move them to the left. */
KVCACHE_API kvcache_status kvcache_align(kvcache_cache* cache, const int64_t* right_padding, size_t count,
                                         kvcache_error** error);

/* User metadata. A key that mlx-lm returns as something else than was stored is refused unless `force` is 1. value NULL: remove
 * it, KVCACHE_IMPOSSIBLE where it is not there. */
KVCACHE_API kvcache_status kvcache_metadata_set(kvcache_cache* cache, const char* key, const char* value, int32_t force,
                                                kvcache_error** error);
/* All of it. */
KVCACHE_API kvcache_status kvcache_metadata_clear(kvcache_cache* cache, kvcache_error** error);

typedef struct kvcache_stamp_options {
  size_t struct_size;
  const char* time;         /* RFC 3339, UTC; NULL: now, or SOURCE_DATE_EPOCH */
  const char* model;        /* the model's folder, or NULL */
  const int32_t* token_ids; /* of the prompt, or NULL */
  size_t token_count;       /* how many */
  const char* text;         /* of the prompt, or NULL */
} kvcache_stamp_options;

static inline kvcache_stamp_options kvcache_stamp_options_defaults(void) {
  kvcache_stamp_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  return options;
}

/* Checksums of all arrays as they would be saved, and which model and prompt it is of. Reads all data. The last edit: those
 * after it take out of the stamp what they make untrue. */
KVCACHE_API kvcache_status kvcache_stamp(kvcache_cache* cache, const kvcache_stamp_options* options, const kvcache_work* work,
                                         kvcache_error** error);
/* Put right what has exactly one answer. Before other edits. *repairs: how many; 0: it stays as it is, byte for byte. */
KVCACHE_API kvcache_status kvcache_repair(kvcache_cache* cache, size_t* repairs, kvcache_error** error);

/* ---- Saving ------------------------------------------------------------------------------------------------------------- */

typedef struct kvcache_save_options {
  size_t struct_size;
  uint8_t overwrite;        /* replace an existing file, else KVCACHE_USAGE */
  uint8_t gzip;             /* compress it */
  uint8_t public_mode;      /* permissions 0666 in place of 0600, both masked by umask */
  const char* keep_mode_of; /* or owner and permissions of this file; or NULL */
} kvcache_save_options;

static inline kvcache_save_options kvcache_save_options_defaults(void) {
  kvcache_save_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  return options;
}

/* What was saved. */
typedef struct kvcache_result kvcache_result;
KVCACHE_API void kvcache_result_free(kvcache_result* result);
/* Of the file. */
KVCACHE_API uint64_t kvcache_result_bytes(const kvcache_result* result);
/* Losses that the runtimes would incur as well, and doubts: of the edits, then of saving. */
KVCACHE_API size_t kvcache_result_warning_count(const kvcache_result* result);
/* Borrowed; NULL beyond the last. */
KVCACHE_API const char* kvcache_result_warning(const kvcache_result* result, size_t index);
/* What no longer held and was taken out of the stamp: "checksums", "token ids", "text". */
KVCACHE_API size_t kvcache_result_dropped_count(const kvcache_result* result);
/* Borrowed; NULL beyond the last. */
KVCACHE_API const char* kvcache_result_dropped(const kvcache_result* result, size_t index);

/* Where bytes go that a program takes. First reserve, once; then write_at, for ranges that do not overlap, in any order and
 * from several threads at once; in the end commit, or abort. Each returns 0, or any other number for a failure. */
typedef struct kvcache_sink {
  size_t struct_size;
  void* context;                                                                        /* first argument of the functions */
  const char* label;                                                                    /* NULL: "sink" */
  int32_t (*reserve)(void* context, uint64_t size);                                     /* or NULL */
  int32_t (*write_at)(void* context, uint64_t offset, const void* bytes, size_t count); /* wanted */
  int32_t (*commit)(void* context);                                                     /* or NULL */
  void (*abort)(void* context);                                                         /* or NULL */
} kvcache_sink;

static inline kvcache_sink kvcache_sink_defaults(void) {
  kvcache_sink sink;
  memset(&sink, 0, sizeof sink);
  sink.struct_size = sizeof sink;
  return sink;
}

/* Into a file, which appears complete or not at all. The cache stays what it is. result: or NULL. */
KVCACHE_API kvcache_status kvcache_save(const kvcache_cache* cache, const char* path, const kvcache_save_options* options,
                                        const kvcache_work* work, kvcache_result** result, kvcache_error** error);
/* Bytes in memory. */
typedef struct kvcache_buffer kvcache_buffer;
KVCACHE_API void kvcache_buffer_free(kvcache_buffer* buffer);
/* Borrowed, with kvcache_buffer_size() bytes. */
KVCACHE_API const void* kvcache_buffer_data(const kvcache_buffer* buffer);
KVCACHE_API size_t kvcache_buffer_size(const kvcache_buffer* buffer);
/* Into memory. Of the options, gzip counts. */
KVCACHE_API kvcache_status kvcache_save_memory(const kvcache_cache* cache, const kvcache_save_options* options,
                                               const kvcache_work* work, kvcache_buffer** buffer, kvcache_result** result,
                                               kvcache_error** error);
/* Into a descriptor that takes bytes in order, as 1, standard output: all of them once they are computed, in a temporary file
 * until then. It stays open. label: NULL is "stream". Of the options, gzip counts. */
KVCACHE_API kvcache_status kvcache_save_stream(const kvcache_cache* cache, int descriptor, const char* label,
                                               const kvcache_save_options* options, const kvcache_work* work,
                                               kvcache_result** result, kvcache_error** error);
KVCACHE_API kvcache_status kvcache_save_sink(const kvcache_cache* cache, const kvcache_sink* sink,
                                             const kvcache_save_options* options, const kvcache_work* work,
                                             kvcache_result** result, kvcache_error** error);

/* ---- Store --------------------------------------------------------------------------------------------------------------- */

/* Prompt caches kept on disk by their tokens: docs/store.md. Several processes may work on one at once. A handle may be used by
 * several threads, one after the other. Without the feature, kvcache_has(), everything fails with KVCACHE_IMPOSSIBLE. */
typedef struct kvcache_store kvcache_store;

/* A folder, which is made where there is none; NULL: the default one ($KVCACHE_STORE, or the platform's folder for caches). */
KVCACHE_API kvcache_status kvcache_store_open(const char* path, kvcache_store** store, kvcache_error** error);
KVCACHE_API void kvcache_store_close(kvcache_store* store);

/* Whose keys and values, and of which tokens. */
typedef struct kvcache_prompt {
  size_t struct_size;
  const int32_t* tokens; /* of the whole sequence */
  size_t token_count;    /* how many */
  const char* model;     /* the model's folder: config.json and weights make the identity. Or NULL */
  const char* adapter;   /* and an adapter's folder, or NULL */
  const char* identity;  /* instead of the model: a text, which then has to change with it. Or NULL */
  const char* salt;      /* a secret without which nothing is found, or NULL */
} kvcache_prompt;

static inline kvcache_prompt kvcache_prompt_defaults(void) {
  kvcache_prompt prompt;
  memset(&prompt, 0, sizeof prompt);
  prompt.struct_size = sizeof prompt;
  return prompt;
}

typedef struct kvcache_put_options {
  size_t struct_size;
  const char* label; /* the user's word for it, or NULL */
  uint8_t pin;       /* never evict it */
  uint8_t check;     /* compare rows of known blocks by their checksums, and store apart what differs */
} kvcache_put_options;

static inline kvcache_put_options kvcache_put_options_defaults(void) {
  kvcache_put_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  return options;
}

/* What a put has done, or a look-up found. */
typedef struct kvcache_match kvcache_match;
KVCACHE_API void kvcache_match_free(kvcache_match* match);

/* Strings are borrowed from the match, and empty where there is nothing to say. */
typedef struct kvcache_match_facts {
  size_t struct_size;
  int64_t query;       /* tokens of the prompt */
  int64_t matched;     /* leading tokens whose blocks are stored */
  int64_t resume_at;   /* tokens of the cache that kvcache_store_get() gives; 0: a miss */
  uint64_t blocks;     /* complete blocks that it is made of */
  uint64_t bytes;      /* of its arrays; of a put, written */
  uint64_t new_blocks; /* of a put: those that were not there */
  uint64_t evicted;    /* of a put: bytes that had to go for it */
  const char* entry;   /* id of the entry */
  const char* reason;  /* why not more, a clause that a person understands */
  const char* format;  /* of the entry */
  size_t warnings;     /* for kvcache_match_warning() */
} kvcache_match_facts;
KVCACHE_API kvcache_status kvcache_match_get(const kvcache_match* match, kvcache_match_facts* facts, kvcache_error** error);
/* Borrowed; NULL beyond the last. */
KVCACHE_API const char* kvcache_match_warning(const kvcache_match* match, size_t index);

/* Store a cache, which holds just the prompt's tokens. tokens NULL: those of its stamp. match: or NULL. */
KVCACHE_API kvcache_status kvcache_store_put(kvcache_store* store, const kvcache_cache* cache, const kvcache_prompt* prompt,
                                             const kvcache_put_options* options, const kvcache_work* work,
                                             kvcache_match** match, kvcache_error** error);

typedef struct kvcache_query_options {
  size_t struct_size;
  uint8_t leave_none; /* a hit may be of all tokens; else one at least remains to be processed */
  uint8_t exact;      /* nothing but a hit of all tokens */
  int64_t leave;      /* tokens that must remain; 0: 1 */
  int64_t min_tokens; /* a shorter hit is none; 0: 1 */
} kvcache_query_options;

static inline kvcache_query_options kvcache_query_options_defaults(void) {
  kvcache_query_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  return options;
}

/* Look up only: one query of the index, no data. KVCACHE_MISS where there is nothing to resume from; *match says why. */
KVCACHE_API kvcache_status kvcache_store_probe(kvcache_store* store, const kvcache_prompt* prompt,
                                               const kvcache_query_options* options, kvcache_match** match,
                                               kvcache_error** error);
/* Look up, and the cache of what was found: of resume_at tokens, read when it is saved or an array is. What it is read from
 * stays as long as the cache lives, or what was made from it. match: or NULL. */
KVCACHE_API kvcache_status kvcache_store_get(kvcache_store* store, const kvcache_prompt* prompt,
                                             const kvcache_query_options* options, kvcache_cache** cache, kvcache_match** match,
                                             kvcache_error** error);

#ifdef __cplusplus
}
#endif
/* NOLINTEND */
#endif
