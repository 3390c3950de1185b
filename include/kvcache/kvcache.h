// libkvcache: everything.
#pragma once

#if !defined(_MSVC_LANG) && __cplusplus < 202002L
#error "kvcache needs C++20: compile with -std=c++20 (CMake: target_compile_features(NAME PRIVATE cxx_std_20))"
#endif

#include "kvcache/byte_sink.h"       // IWYU pragma: export
#include "kvcache/byte_source.h"     // IWYU pragma: export
#include "kvcache/caches.h"          // IWYU pragma: export
#include "kvcache/compare.h"         // IWYU pragma: export
#include "kvcache/dialect.h"         // IWYU pragma: export
#include "kvcache/document.h"        // IWYU pragma: export
#include "kvcache/edit.h"            // IWYU pragma: export
#include "kvcache/encode.h"          // IWYU pragma: export
#include "kvcache/error.h"           // IWYU pragma: export
#include "kvcache/estimate.h"        // IWYU pragma: export
#include "kvcache/finding.h"         // IWYU pragma: export
#include "kvcache/format.h"          // IWYU pragma: export
#include "kvcache/generate.h"        // IWYU pragma: export
#include "kvcache/model_config.h"    // IWYU pragma: export
#include "kvcache/model_folder.h"    // IWYU pragma: export
#include "kvcache/model_types.h"     // IWYU pragma: export
#include "kvcache/printable.h"       // IWYU pragma: export
#include "kvcache/progress.h"        // IWYU pragma: export
#include "kvcache/prompt_cache.h"    // IWYU pragma: export
#include "kvcache/quantize.h"        // IWYU pragma: export
#include "kvcache/quantize_cache.h"  // IWYU pragma: export
#include "kvcache/release.h"         // IWYU pragma: export
#include "kvcache/repair.h"          // IWYU pragma: export
#include "kvcache/safetensors.h"     // IWYU pragma: export
#include "kvcache/sha256.h"          // IWYU pragma: export
#include "kvcache/stamp.h"           // IWYU pragma: export
#include "kvcache/stats.h"           // IWYU pragma: export
#include "kvcache/stop.h"            // IWYU pragma: export
#include "kvcache/tensor.h"          // IWYU pragma: export
#include "kvcache/transform.h"       // IWYU pragma: export
#include "kvcache/verify.h"          // IWYU pragma: export
#include "kvcache/where.h"           // IWYU pragma: export

/// Prompt-cache files of mlx-lm, mlx-swift-lm and mlxrs.
///
///     kvcache::Document document = kvcache::read_sound_document("chat.safetensors");
///     kvcache::trim_prompt_cache(document.cache, 7);
///     kvcache::save_document("shorter.safetensors", document);
///
/// Reading costs the header of the file; operations only describe what is to be done; bytes move when a file is saved, through
/// small buffers. Whatever goes wrong is a kvcache::Error, and then nothing was written and nothing changed. Arrays are
/// [B, H, S, D]: sequences of a batch, key/value heads, tokens, head dim. Lengths are tokens, sizes are bytes.
///
/// An object may be used by one thread at a time; different objects, by different threads.
namespace kvcache {}
