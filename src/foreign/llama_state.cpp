#include "foreign/llama_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "foreign/cursor.h"
#include "kvcache/error.h"

namespace kvcache::foreign {
namespace {

constexpr std::uint32_t session_version = 9;
constexpr std::uint32_t most_ids = 1U << 26U;
constexpr std::uint32_t most_llama_layers = 4096;
constexpr std::uint32_t most_streams = 256;  // LLAMA_MAX_SEQ
constexpr std::string_view checkpoints_magic = "SCKP";

/// Nothing in the file says which build wrote it: magic and version are the same. So every layout that a build had is tried.
struct Layout {
  bool outputs = false;              // of a whole context: ids of outputs, logits and embeddings come first
  bool stream_counts = false;        // a memory begins with the number of its streams
  std::uint64_t cell_extension = 0;  // bytes behind a cell's position: models with positions in two dimensions have them
  bool values = true;                // models with latent attention (MLA) have none
};

std::uint32_t layers(Cursor& in) {
  const auto n = in.number<std::uint32_t>();
  if (n == 0 || n > most_llama_layers) throw Error(ErrorKind::unreadable, fmt::format("{} layers", n));
  return n;
}

void read_cells(Cursor& in, std::uint32_t cells, std::uint64_t extension, LlamaMemory& memory) {
  if (cells > in.left() / 8) throw Error(ErrorKind::unreadable, "the file is cut off");
  for (std::uint32_t i = 0; i < cells; ++i) {
    const auto position = in.number<std::int32_t>();
    const auto sequences = in.number<std::uint32_t>();
    if (position < 0 || sequences > most_streams)
      throw Error(ErrorKind::unreadable, fmt::format("cell {} has position {} and {} sequences", i, position, sequences));
    in.skip(extension);
    in.skip(sequences, sizeof(std::int32_t));
    const bool first = memory.last_position < 0;
    memory.first_position = first ? position : std::min(memory.first_position, position);
    memory.last_position = std::max(memory.last_position, position);
  }
}

LlamaRows read_rows(Cursor& in, std::uint64_t cells) {
  LlamaRows rows;
  rows.type = in.number<std::int32_t>();
  rows.row_bytes = in.number<std::uint64_t>();
  if (rows.type < 0 || rows.type > 255 || rows.row_bytes == 0) throw Error(ErrorKind::unreadable, "no row of a tensor");
  in.skip(cells, rows.row_bytes);
  return rows;
}

LlamaRows read_transposed(Cursor& in, std::uint64_t cells) {
  LlamaRows rows;
  rows.type = in.number<std::int32_t>();
  rows.row_bytes = in.number<std::uint32_t>();
  rows.rows = in.number<std::uint32_t>();
  if (rows.type < 0 || rows.type > 255 || rows.row_bytes == 0 || rows.row_bytes > 8)
    throw Error(ErrorKind::unreadable, "no transposed rows of a tensor");
  in.skip(rows.rows, rows.row_bytes * cells);
  return rows;
}

bool read_flag(Cursor& in) {
  const auto flag = in.number<std::uint32_t>();
  if (flag > 1) throw Error(ErrorKind::unreadable, fmt::format("a flag is {}", flag));
  return flag == 1;
}

void read_attention_stream(Cursor& in, const Layout& layout, LlamaMemory& memory) {
  const auto cells = in.number<std::uint32_t>();
  memory.cells += cells;
  if (cells == 0 && layout.stream_counts) return;
  read_cells(in, cells, layout.cell_extension, memory);
  memory.transposed = read_flag(in);
  const std::uint32_t n = layers(in);
  memory.keys.clear();
  memory.values.clear();
  for (std::uint32_t i = 0; i < n; ++i) memory.keys.push_back(read_rows(in, cells));
  for (std::uint32_t i = 0; layout.values && i < n; ++i)
    memory.values.push_back(memory.transposed ? read_transposed(in, cells) : read_rows(in, cells));
}

LlamaMemory read_attention(Cursor& in, const Layout& layout) {
  LlamaMemory memory;
  const std::uint64_t begin = in.position();
  memory.streams = layout.stream_counts ? in.number<std::uint32_t>() : 1;
  if (memory.streams == 0 || memory.streams > most_streams)
    throw Error(ErrorKind::unreadable, fmt::format("{} streams", memory.streams));
  for (std::uint64_t i = 0; i < memory.streams; ++i) read_attention_stream(in, layout, memory);
  memory.bytes = in.position() - begin;
  return memory;
}

/// A recurrent memory up to its layers: of a hybrid model only some of the model's are, and the file does not say how many.
struct RecurrentHead {
  LlamaMemory memory;
  std::uint64_t begin = 0;
  std::uint32_t most = 0;  // layers of the model
};

RecurrentHead read_recurrent_head(Cursor& in) {
  RecurrentHead head;
  head.begin = in.position();
  head.memory.kind = LlamaMemory::Kind::recurrent;
  const auto cells = in.number<std::uint32_t>();
  head.memory.cells = cells;
  read_cells(in, cells, 0, head.memory);
  head.memory.transposed = read_flag(in);
  head.most = layers(in);
  return head;
}

/// Layers of one model have states of one size.
bool of_one_size(const std::vector<LlamaRows>& layers) {
  return std::ranges::all_of(
      layers, [&](const LlamaRows& rows) { return rows.row_bytes == layers[0].row_bytes && rows.rows == layers[0].rows; });
}

LlamaMemory read_recurrent_layers(Cursor& in, const RecurrentHead& head, std::uint32_t stored) {
  LlamaMemory memory = head.memory;
  for (std::uint32_t i = 0; i < stored; ++i) memory.keys.push_back(read_rows(in, memory.cells));
  for (std::uint32_t i = 0; i < stored; ++i)
    memory.values.push_back(memory.transposed ? read_transposed(in, memory.cells) : read_rows(in, memory.cells));
  memory.bytes = in.position() - head.begin;
  return memory;
}

/// How far an attempt came: the best of several is the one whose complaint is shown.
struct Attempt {
  bool complete = false;
  std::uint64_t reached = 0;
  std::uint64_t extension = 0;
  std::string problem;
  std::vector<LlamaMemory> memories;
};

bool at_extension(Cursor in) {
  return in.left() >= checkpoints_magic.size() && in.text(checkpoints_magic.size()) == checkpoints_magic;
}

/// The end of the file, or of what llama.cpp itself has written into it.
bool finished(const Cursor& in, Attempt& attempt) {
  if (in.left() != 0 && !at_extension(in)) return false;
  attempt.complete = true;
  attempt.extension = in.left();
  return true;
}

/// A recurrent memory that ends the file, if there is one here: with as many layers as let the file end where it ends.
bool ends_recurrent(Cursor in, Attempt& attempt) {
  try {
    const RecurrentHead head = read_recurrent_head(in);
    for (std::uint32_t stored = 1; stored <= head.most; ++stored) {
      Cursor here = in;
      LlamaMemory memory = read_recurrent_layers(here, head, stored);
      if (!of_one_size(memory.keys) || !of_one_size(memory.values) || !finished(here, attempt)) continue;
      attempt.memories.push_back(std::move(memory));
      return true;
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unreadable) throw;
  }
  return false;
}

Attempt read_memories(Cursor in, const Layout& layout) {
  Attempt attempt;
  try {
    // One for all layers; of models with sliding windows a second one for those that have them; of hybrids a recurrent one.
    for (int i = 0; i < 2; ++i) {
      if (ends_recurrent(in, attempt)) return attempt;
      attempt.memories.push_back(read_attention(in, layout));
      attempt.reached = in.position();
      if (finished(in, attempt)) return attempt;
    }
    if (ends_recurrent(in, attempt)) return attempt;
    attempt.problem = fmt::format("{} bytes are left behind the memory", in.left());
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unreadable) throw;
    attempt.reached = std::max(attempt.reached, in.position());
    attempt.problem = error.what();
  }
  return attempt;
}

void skip_outputs(Cursor& in) {
  in.skip(in.number<std::uint32_t>(), sizeof(std::int32_t));
  for (int i = 0; i < 2; ++i) in.skip(in.number<std::uint64_t>(), sizeof(float));
}

void read_memory(Cursor& in, LlamaState& state) {
  Attempt best;
  for (const bool outputs : {false, true}) {
    if (outputs && state.sequence) continue;
    Cursor here = in;
    if (outputs) {
      try {
        skip_outputs(here);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::unreadable) throw;
        continue;
      }
    }
    for (const bool counts : {true, false})
      for (const std::uint64_t extension : {0U, 8U})
        for (const bool values : {true, false}) {
          Attempt attempt = read_memories(here, {outputs, counts, extension, values});
          if (!attempt.complete && (best.complete || attempt.reached < best.reached)) continue;
          const bool done = attempt.complete;
          if (done) {
            state.outputs = outputs;
            state.stream_counts = counts;
          }
          best = std::move(attempt);
          if (!done) continue;
          state.memories = std::move(best.memories);
          state.extension_bytes = best.extension;
          return;
        }
  }
  state.problem = "no layout of any build fits: " + best.problem;
}

std::vector<std::int32_t> read_ids(Cursor& in) {
  const auto n = in.number<std::uint32_t>();
  if (n > most_ids || n > in.left() / sizeof(std::int32_t))
    throw Error(ErrorKind::unreadable, fmt::format("cut off within its {} token ids", n));
  std::vector<std::int32_t> ids(n);
  for (std::int32_t& id : ids) id = in.number<std::int32_t>();
  return ids;
}

/// llama-server packs what it knows of a prompt into the list of ids: -1, a version, how many ids, the ids, how many media.
void unpack_server_list(LlamaState& state) {
  std::vector<std::int32_t>& ids = state.ids;
  if (ids.size() < 4 || ids[0] != -1 || ids[1] != 1 || ids[2] < 0) return;
  const auto n = static_cast<std::size_t>(ids[2]);
  if (n + 3 > ids.size()) return;
  if (n + 3 < ids.size() && ids[n + 3] > 0) state.media = static_cast<std::uint64_t>(ids[n + 3]);
  ids = std::vector<std::int32_t>(ids.begin() + 3, ids.begin() + 3 + static_cast<std::ptrdiff_t>(n));
}

}  // namespace

LlamaState read_llama_state(const ByteSource& source) {
  Cursor in(source);
  LlamaState state;
  const std::string magic = in.text(llama_session_magic.size());
  if (magic != llama_session_magic && magic != llama_sequence_magic)
    throw Error(ErrorKind::unreadable, "no state of llama.cpp");
  state.sequence = magic == llama_sequence_magic;
  state.version = in.number<std::uint32_t>();
  const bool known = state.sequence ? state.version >= 2 && state.version <= 5 : state.version == session_version;
  if (!known)
    throw Error(ErrorKind::unreadable, fmt::format("version {} of llama.cpp's states is not known here", state.version));
  state.ids = read_ids(in);
  unpack_server_list(state);
  if (in.left() == 0) {
    state.problem = "nothing follows the token ids";
    return state;
  }
  try {
    if (!state.sequence) {
      const auto length = in.number<std::uint32_t>();
      if (length == 0 || length > 256) throw Error(ErrorKind::unreadable, "no name of an architecture");
      state.architecture = in.text(length);
    }
    read_memory(in, state);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unreadable) throw;
    state.problem = error.what();
  }
  return state;
}

std::string ggml_type_name(std::int32_t type) {
  constexpr std::array<std::pair<std::int32_t, std::string_view>, 12> names = {{{0, "F32"},
                                                                                {1, "F16"},
                                                                                {2, "Q4_0"},
                                                                                {3, "Q4_1"},
                                                                                {6, "Q5_0"},
                                                                                {7, "Q5_1"},
                                                                                {8, "Q8_0"},
                                                                                {9, "Q8_1"},
                                                                                {20, "IQ4_NL"},
                                                                                {28, "F64"},
                                                                                {30, "BF16"},
                                                                                {39, "MXFP4"}}};
  for (const auto& [number, name] : names)
    if (number == type) return std::string(name);
  return fmt::format("type {}", type);
}

}  // namespace kvcache::foreign
