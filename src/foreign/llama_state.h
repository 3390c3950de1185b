// llama.cpp's saved states, as far as they can be told without the model: what llama_state_save_file() and
// llama_state_seq_save_file() write, and llama-server's slots.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/byte_source.h"

namespace kvcache::foreign {

/// Rows of one layer: keys, values, or a recurrent state.
struct LlamaRows {
  std::int32_t type = 0;        ///< ggml's number of it
  std::uint64_t row_bytes = 0;  ///< of one cell; of transposed values: of one element
  std::uint64_t rows = 1;       ///< of transposed values: how many there are of a cell
};

/// One memory of the model: all its attention layers of one kind, or its recurrent layers.
struct LlamaMemory {
  enum class Kind { attention, recurrent };
  Kind kind = Kind::attention;
  std::uint64_t cells = 0;  ///< in all streams
  std::uint64_t streams = 1;
  std::int32_t first_position = 0;  ///< the smallest of the cells
  std::int32_t last_position = -1;  ///< the largest
  std::vector<LlamaRows> keys;      ///< one per layer; of a recurrent memory: its convolution state
  std::vector<LlamaRows> values;    ///< one per layer, or none; of a recurrent memory: its state
  bool transposed = false;          ///< the values are
  std::uint64_t bytes = 0;          ///< in the file
};

struct LlamaState {
  bool sequence = false;      ///< of one sequence ("ggsq"); else of a whole context ("ggsn")
  std::uint32_t version = 0;  ///< of its format
  std::vector<std::int32_t> ids;
  std::uint64_t media = 0;     ///< images and the like among the ids, where the server says so
  std::string architecture;    ///< "llama"; a state of one sequence names none
  bool outputs = false;        ///< logits and embeddings are stored too, as builds before 2026 did
  bool stream_counts = false;  ///< memories begin with the number of their streams, as since the middle of 2025
  std::vector<LlamaMemory> memories;
  std::uint64_t extension_bytes = 0;  ///< what a server has appended ("SCKP": checkpoints)
  std::string problem;                ///< why the memory cannot be told, or empty
};

/// The first bytes of such a file: a word that says which kind it is.
inline constexpr std::string_view llama_session_magic = "nsgg";
inline constexpr std::string_view llama_sequence_magic = "qsgg";

/// Reads it: never a tensor. Throws Error(unreadable) where the ids are cut off or the version is none that is known; what is
/// wrong behind them is in `problem`.
[[nodiscard]] LlamaState read_llama_state(const ByteSource& source);

/// "Q8_0", or "type 99".
[[nodiscard]] std::string ggml_type_name(std::int32_t type);

}  // namespace kvcache::foreign
