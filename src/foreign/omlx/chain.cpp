#include "foreign/omlx/chain.h"

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <utility>

#include "cache/axes.h"
#include "cache/invariants/keys_and_values.h"
#include "foreign/header_fields.h"
#include "foreign/known_ids.h"
#include "foreign/omlx/block_hash.h"
#include "foreign/stored_layers.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::foreign::omlx {
namespace {

using kvcache::detail::row_axis;

/// Of a block that was seen: no more is kept of it.
struct Link {
  std::string hash;
  std::int64_t tokens = 0;  ///< up to its end
};

std::int64_t rows_of(const StoredState& state) {
  const bool pair = state.arrays.size() == 2 && state.arrays[0].tensor.defined() && state.arrays[1].tensor.defined();
  return pair && state.arrays[0].tensor.rank() == 4 ? state.arrays[0].tensor.dim(row_axis) : -1;
}

[[noreturn]] void refuse_chain(const std::string& why) {
  throw Error(ErrorKind::impossible, why);
}

std::string layer_name(std::size_t layer) {
  return fmt::format("layer {}", layer);
}

std::string in_words(const Tensor& tensor) {
  return tensor.defined() ? fmt::format("{} {}", name(tensor.dtype()), to_string(tensor.shape())) : "nothing";
}

/// What has to be the same in all blocks of a chain, or their rows cannot be joined: of each layer of plain attention, and of
/// each such member of a list.
struct RowKind {
  Dtype keys = Dtype::F32, values = Dtype::F32;
  Shape key_shape, value_shape;  ///< without the number of rows
  friend bool operator==(const RowKind&, const RowKind&) = default;
};

/// Nothing where they are no keys and values at all.
std::optional<RowKind> row_kind(const StoredState& state) {
  if (rows_of(state) < 0) return std::nullopt;
  const Tensor& keys = state.arrays[0].tensor;
  const Tensor& values = state.arrays[1].tensor;
  if (kvcache::detail::pair_of_wrong_rank(keys, values) || kvcache::detail::pair_disagrees(keys.shape(), values.shape()) ||
      !is_float(keys.dtype()) || !is_float(values.dtype()))
    return std::nullopt;
  RowKind kind{keys.dtype(), values.dtype(), keys.shape(), values.shape()};
  kind.key_shape[row_axis] = 0;
  kind.value_shape[row_axis] = 0;
  return kind;
}

std::string in_words(const RowKind& kind) {
  return fmt::format("keys {} {} and values {} {}", name(kind.keys), to_string(kind.key_shape), name(kind.values),
                     to_string(kind.value_shape));
}

/// What the metadata say of a ring: true only of a block that has its rows.
RingFields ring_fields(const StoredState& state, const std::string& where) {
  RingFields fields;
  std::vector<std::int64_t> numbers;
  if (state.meta.is_array())
    for (const Json& text : state.meta)
      if (text.is_string()) numbers.push_back(whole_number<std::int64_t>(text.get<std::string>()).value_or(-1));
  if (numbers.size() != 4) throw Error(ErrorKind::unreadable, fmt::format("{}: its window has no four numbers", where));
  fields.keep = numbers[0];
  fields.max_size = numbers[1];
  fields.offset = numbers[2];
  return fields;
}

/// As the server makes a ring: in temporal order, longer ones cut to the pinned and the newest rows.
std::unique_ptr<Cache> make_ring(const StoredState& state, std::int64_t tokens, const std::string& where) {
  RingFields fields = ring_fields(state, where);
  if (fields.offset != tokens)
    refuse_chain(fmt::format("{}: its window ends at token {}, the block at token {}", where, fields.offset, tokens));
  if (state.arrays.size() != 2) throw Error(ErrorKind::unreadable, fmt::format("{}: a window without keys and values", where));
  Tensor keys = state.arrays[0].tensor;
  Tensor values = state.arrays[1].tensor;
  const std::int64_t rows = rows_of(state);
  if (rows < 0 || values.rank() != 4 || values.dim(row_axis) != rows)
    throw Error(ErrorKind::unreadable, fmt::format("{}: keys and values of its window disagree", where));
  if (rows > fields.max_size && fields.keep >= 0 && fields.keep < fields.max_size) {
    const auto cut = [&](const Tensor& x) {
      const Tensor newest = x.slice(row_axis, rows - (fields.max_size - fields.keep), rows);
      return fields.keep == 0 ? newest : concatenate({x.slice(row_axis, 0, fields.keep), newest}, row_axis);
    };
    keys = cut(keys);
    values = cut(values);
  }
  fields.idx = std::min(keys.dim(row_axis), fields.offset);
  return ring_layer({where}, keys, values, fields);
}

std::unique_ptr<Cache> make_slots(const StoredState& state, const std::string& where) {
  ArraysCache::State out;
  for (const StateArray& array : state.arrays) {
    if (array.kind == StateArray::Kind::nested || array.kind == StateArray::Kind::missing)
      throw Error(ErrorKind::unreadable, fmt::format("{}: a slot is not in the file", where));
    out.slots.push_back(array.tensor);
  }
  return std::make_unique<ArraysCache>(std::move(out));
}

/// Rows of all blocks.
struct Rows {
  std::vector<Tensor> keys, values;

  void add(const StoredState& state) {
    keys.push_back(state.arrays[0].tensor);
    values.push_back(state.arrays[1].tensor);
  }
  [[nodiscard]] std::unique_ptr<Cache> join(const std::string& where) const {
    const auto joined = [&](const std::vector<Tensor>& parts) {
      for (const Tensor& part : parts) {
        bool fit = part.rank() == 4 && part.dtype() == parts[0].dtype();
        for (int axis = 0; fit && axis < 4; ++axis) fit = axis == row_axis || part.dim(axis) == parts[0].dim(axis);
        if (!fit)
          throw Error(ErrorKind::unreadable,
                      fmt::format("{}: blocks of {} {} and {} {}", where, name(parts[0].dtype()), to_string(parts[0].shape()),
                                  name(part.dtype()), to_string(part.shape())));
      }
      return concatenate(parts, row_axis);
    };
    const Tensor all = joined(keys);
    return plain_layer({where}, all, joined(values), all.dim(row_axis));
  }
};

/// Why a list without a state per member cannot be carried over, whatever the block. Empty: it can.
std::string list_problem(const StoredLayer& layer) {
  const auto has = [&](auto is) { return std::ranges::any_of(layer.members, is); };
  if (layer.per_member || !has(&StoredState::is_ring) || has(&StoredState::is_slots)) return {};
  return "its window was cut like plain rows: those of the window's end are missing, and nothing in a block tells which it has";
}

/// How far a prompt leads, and what is made of it.
class Walk {
 public:
  Walk(const BlockStore& store, std::string_view model, std::int64_t block_size, std::span<const std::int32_t> ids)
      : store_(store), model_(model), block_size_(block_size), ids_(ids) {}

  Restored run(bool look_only) {
    out_.block_size = block_size_;
    out_.blocks_wanted = static_cast<std::int64_t>(ids_.size()) / block_size_;
    follow();
    out_.blocks_present = static_cast<std::int64_t>(chain_.size());
    if (!out_.why.empty()) return std::move(out_);  // nothing of this model can be carried over
    find_restore_point();
    if (end_ == 0) return std::move(out_);
    out_.walked_back = out_.blocks_present - static_cast<std::int64_t>(used_.size() - (terminal_ ? 1 : 0));
    out_.ids.assign(ids_.begin(), ids_.begin() + end_);
    out_.outcome = Restored::Outcome::restored;
    if (!look_only) build();
    return std::move(out_);
  }

 private:
  /// The next whole blocks, as long as they are there and belong together.
  void follow() {
    std::string parent;
    for (std::int64_t at = 0; at + block_size_ <= static_cast<std::int64_t>(ids_.size()); at += block_size_) {
      const auto ids = ids_.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(block_size_));
      std::string hash = block_hash(model_, parent, ids);
      if (!store_.has_block(hash) && store_.extra_keys) {
        const std::vector<std::string> keys = store_.extra_keys(parent, ids);
        if (!keys.empty()) {
          hash = block_hash(model_, parent, ids, keys);
          images_from_ = std::min(images_from_, at);
          images_ = fmt::format("{}", fmt::join(keys, ","));
        }
      }
      if (!take(hash, block_size_, at + block_size_)) return;
      parent = hash;
    }
  }

  /// A block of the chain, looked at and let go. False where the chain ends before it.
  bool take(const std::string& hash, std::int64_t tokens, std::int64_t end) {
    const std::string which = fmt::format("block {} ({})", chain_.size(), hash.substr(0, 12));
    try {
      std::optional<Block> block = store_.block(hash);
      if (!block) {
        out_.stopped_by = fmt::format("{} is not there", which);
        return false;
      }
      if (const std::string problem = check(*block, tokens); !problem.empty()) {
        out_.stopped_by = fmt::format("{}: {}", which, problem);
        return false;
      }
      if (!first_) first_ = std::move(block->facts);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
      out_.stopped_by = fmt::format("{}: {}", which, error.what());
      return false;
    }
    chain_.push_back({hash, end});
    return true;
  }

  /// Why a block does not go on with those before it; empty: it does.
  std::string check(const Block& block, std::int64_t tokens) {
    const BlockFacts& facts = block.facts;
    if (chain_.empty()) kinds_.clear();  // of one that was tried and not taken
    if (facts.token_count != tokens) return fmt::format("it has {} tokens, not {}", facts.token_count, tokens);
    if (facts.has_settings && facts.block_size != block_size_) return fmt::format("it is of blocks of {}", facts.block_size);
    if (facts.model != model_) return fmt::format("it is of model '{}'", printable(facts.model));
    if (first_ && !same_layers(*first_, facts)) return "it was written for other layers than the blocks before it";
    for (std::size_t i = 0; i < facts.classes.size(); ++i) {
      const StoredLayer layer = read_layer(block, i);
      if (!layer.unreadable.empty()) {
        refuse_all(fmt::format("{} ({}): {}", layer_name(i), printable(facts.classes[i]), layer.unreadable));
        return "it cannot be carried over";
      }
      if (layer.is_list) {
        if (const std::string problem = list_problem(layer); !problem.empty()) {
          refuse_all(fmt::format("{} (CacheList): {}", layer_name(i), problem));
          return "it cannot be carried over";
        }
        for (std::size_t j = 0; j < layer.members.size(); ++j)
          if (std::string problem = check_rows(layer.members[j], {i, j}, fmt::format("{} member {}", layer_name(i), j));
              !problem.empty())
            return problem;
        continue;
      }
      if (!layer.own.is_plain()) continue;
      if (std::string problem = check_rows(layer.own, {i, 0}, layer_name(i)); !problem.empty()) return problem;
      if (rows_of(layer.own) != tokens)
        return fmt::format("{} has {} rows for {} tokens", layer_name(i), rows_of(layer.own), tokens);
    }
    return {};
  }

  /// Whether the rows of plain attention can be joined to those of the blocks before. Empty: they can.
  std::string check_rows(const StoredState& state, std::pair<std::size_t, std::size_t> where, const std::string& layer) {
    if (!state.is_plain()) return {};
    const std::optional<RowKind> kind = row_kind(state);
    if (!kind) {
      const auto shown = [&](std::size_t k) { return k < state.arrays.size() ? in_words(state.arrays[k].tensor) : "nothing"; };
      return fmt::format("{} holds {} and {}, which are no keys and values", layer, shown(0), shown(1));
    }
    const auto [first, added] = kinds_.emplace(where, *kind);
    if (first->second == *kind) return {};
    return fmt::format("{} holds {}, and in the blocks before it {}", layer, in_words(*kind), in_words(first->second));
  }

  void refuse_all(std::string why) {
    out_.outcome = Restored::Outcome::refused;
    out_.why = std::move(why);
    out_.remedy = Remedy(Remedy::Action::inspect) + " shows what it holds";
  }

  /// The deepest end at which every layer that needs a state has one.
  void find_restore_point() {
    for (std::size_t blocks = chain_.size() + 1; blocks-- > 0;) {
      if (try_terminals(blocks)) return;
      if (blocks == 0) break;
      const std::vector<std::int64_t> stopped = without_state(chain_[blocks - 1]);
      if (blocks == chain_.size()) out_.layers_without_state = stopped;
      if (!stopped.empty()) continue;
      used_.assign(chain_.begin(), chain_.begin() + static_cast<std::ptrdiff_t>(blocks));
      end_ = used_.back().tokens;
      return;
    }
    if (chain_.empty()) {
      out_.why = fmt::format("no block of model '{}' and {} tokens begins as the prompt does", printable(model_), block_size_);
      if (static_cast<std::int64_t>(ids_.size()) < block_size_)
        out_.why = fmt::format("the prompt has {} tokens, and blocks are of {}", ids_.size(), block_size_);
      return;
    }
    out_.why = wrong_.empty()
                   ? fmt::format("{} of the prompt are there, but in none of them has {} the state that a prefix ends with",
                                 chain_.size() == 1 ? "1 block" : fmt::format("{} blocks", chain_.size()), layers_in_words())
                   : wrong_;
    if (!wrong_.empty()) out_.outcome = Restored::Outcome::refused;
  }

  [[nodiscard]] std::string layers_in_words() const {
    const std::vector<std::int64_t>& layers = out_.layers_without_state;
    return layers.size() == 1 ? fmt::format("layer {}", layers[0]) : fmt::format("layers {}", fmt::join(layers, ", "));
  }

  /// Blocks of any length that end a static prefix, behind so many whole ones.
  bool try_terminals(std::size_t blocks) {
    const std::int64_t begin = blocks == 0 ? 0 : chain_[blocks - 1].tokens;
    const auto left = static_cast<std::int64_t>(ids_.size()) - begin;
    const auto most = static_cast<std::size_t>(std::clamp<std::int64_t>(left, 0, block_size_ - 1));
    const std::string parent = blocks == 0 ? std::string() : chain_[blocks - 1].hash;
    const std::vector<std::string> hashes =
        terminal_hashes(model_, parent, ids_.subspan(static_cast<std::size_t>(begin), most));
    for (std::size_t n = hashes.size(); n > 0; --n) {
      if (!store_.has_block(hashes[n - 1])) continue;
      std::vector<Link> whole(chain_.begin(), chain_.begin() + static_cast<std::ptrdiff_t>(blocks));
      const Link last{hashes[n - 1], begin + static_cast<std::int64_t>(n)};
      try {
        const std::optional<Block> block = store_.block(last.hash);
        if (!block || !check(*block, static_cast<std::int64_t>(n)).empty()) continue;
      } catch (const Error& error) {
        if (error.kind() == ErrorKind::interrupted) throw;
        continue;
      }
      if (!without_state(last).empty()) continue;
      whole.push_back(last);
      used_ = std::move(whole);
      end_ = last.tokens;
      terminal_ = true;
      return true;
    }
    return false;
  }

  /// Layers whose state a block does not have, or not of its end.
  std::vector<std::int64_t> without_state(const Link& link) {
    std::vector<std::int64_t> out;
    try {
      const std::optional<Block> block = store_.block(link.hash);
      if (!block) return {0};
      std::optional<GdnSidecar> beside;
      bool asked = false;
      for (std::size_t i = 0; i < block->facts.classes.size(); ++i) {
        const StoredLayer layer = read_layer(*block, i);
        if (!layer.needs_state()) continue;
        bool has = layer.has_state() && windows_end_at(layer, link.tokens, layer_name(i));
        if (!layer.has_state() && !layer.is_list && layer.own.is_slots()) {
          if (!std::exchange(asked, true)) beside = store_.gdn(link.hash, block->facts, link.tokens);
          has = beside && !beside->layers[i].own.arrays.empty();
        }
        if (!has) out.push_back(static_cast<std::int64_t>(i));
      }
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
      wrong_ = error.what();
      return {0};
    }
    return out;
  }

  bool windows_end_at(const StoredLayer& layer, std::int64_t tokens, const std::string& where) {
    const auto right = [&](const StoredState& state, const std::string& name) {
      if (!state.is_ring()) return true;
      try {
        static_cast<void>(make_ring(state, tokens, name));
        return true;
      } catch (const Error& error) {
        wrong_ = error.what();
        return false;
      }
    };
    if (!layer.is_list) return right(layer.own, where);
    for (std::size_t j = 0; j < layer.members.size(); ++j)
      if (!right(layer.members[j], fmt::format("{} member {}", where, j))) return false;
    return true;
  }

  /// Second pass: the arrays of every layer.
  void build() {
    const std::size_t layers = first_facts().classes.size();
    std::vector<Rows> rows(layers);
    // Rows of the attention members of lists, block by block: whole or in slices, which only all of them together tell.
    std::vector<std::vector<Rows>> member_rows(layers);
    std::vector<bool> sliced(layers, true);
    for (const Link& link : used_) {
      const std::optional<Block> block = store_.block(link.hash);
      if (!block) throw Error(ErrorKind::io, "a block was evicted meanwhile", "try again", "KV100");
      const bool last = &link == &used_.back();
      for (std::size_t i = 0; i < layers; ++i) {
        const StoredLayer layer = read_layer(*block, i);
        if (layer.is_list)
          add_list(layer, block->facts.token_count, member_rows[i], sliced, i);
        else if (layer.own.is_plain())
          rows[i].add(layer.own);
        if (last) last_.push_back(layer);
      }
      if (last) note_last(*block, link);
    }
    for (std::size_t i = 0; i < layers; ++i) out_.cache.layers.push_back(make_layer(i, rows[i], member_rows[i], sliced[i]));
    if (!model_.empty()) out_.cache.metadata["model"] = model_;
    if (images_from_ < end_) {
      out_.cache.metadata[std::string(omlx_images_key)] = images_;
      out_.notes.emplace_back("its prompt holds more than text (images): the ids alone do not say which");
    }
    const auto left = static_cast<std::int64_t>(ids_.size()) - end_;
    if (left > 0)
      out_.notes.push_back(fmt::format("{} of the {} tokens are not in it: they have to be computed", left, ids_.size()));
  }

  static void add_list(const StoredLayer& layer, std::int64_t tokens, std::vector<Rows>& rows, std::vector<bool>& sliced,
                       std::size_t index) {
    if (layer.members.empty()) sliced[index] = false;
    rows.resize(std::max(rows.size(), layer.members.size()));
    for (std::size_t j = 0; j < layer.members.size(); ++j) {
      if (!layer.members[j].is_plain()) continue;
      if (rows_of(layer.members[j]) != tokens) sliced[index] = false;
      rows[j].add(layer.members[j]);
    }
  }

  void note_last(const Block& block, const Link& link) {
    const BlockFacts& facts = block.facts;
    out_.entry = block.file.header().tensors.empty() ? std::string() : link.hash;
    const bool slots = std::ranges::any_of(
        last_, [](const StoredLayer& l) { return !l.is_list && l.own.is_slots() && !l.own.is_placeholder(); });
    if (facts.version < oldest_served_version && slots)
      out_.losses.push_back(
          fmt::format("doubt: format {} may have kept the recurrent state of a later token, and nothing in a "
                      "block shows it",
                      facts.version));
    for (StoredLayer& layer : last_) {
      if (layer.is_list || !layer.own.is_slots() || !layer.own.is_placeholder()) continue;
      if (!gdn_) gdn_ = store_.gdn(link.hash, facts, link.tokens);
    }
    std::vector<std::string> codecs = gdn_ ? gdn_->codecs : std::vector<std::string>();
    bool empty = false;
    const auto look = [&](const StoredState& state) {
      for (const StateArray& array : state.arrays) {
        empty = empty || array.kind == StateArray::Kind::empty;
        if (!array.codec.empty() && std::ranges::find(codecs, array.codec) == codecs.end()) codecs.push_back(array.codec);
      }
    };
    for (const StoredLayer& layer : last_) {
      look(layer.own);
      for (const StoredState& member : layer.members) look(member);
    }
    for (const std::string& codec : codecs)
      out_.losses.push_back(fmt::format("recurrent state was stored in {}, not in float32", codec));
    if (empty) out_.losses.emplace_back("arrays without elements are float32: their dtype is not stored");
  }

  std::unique_ptr<Cache> make_layer(std::size_t i, const Rows& rows, const std::vector<Rows>& member_rows, bool sliced) {
    const StoredLayer& layer = last_[i];
    const std::string where = layer_name(i);
    if (!layer.is_list) {
      if (layer.own.is_plain()) return rows.join(where);
      if (layer.own.is_ring()) return make_ring(layer.own, end_, where);
      if (!layer.own.is_placeholder()) return make_slots(layer.own, where);
      if (!gdn_) throw Error(ErrorKind::io, "recurrent state was evicted meanwhile", "try again", "KV100");
      return make_slots(gdn_->layers[i].own, where);
    }
    std::vector<std::unique_ptr<Cache>> members;
    for (std::size_t j = 0; j < layer.members.size(); ++j) {
      const StoredState& member = layer.members[j];
      const std::string name = fmt::format("{} member {}", where, j);
      if (member.is_ring())
        members.push_back(make_ring(member, end_, name));
      else if (member.is_slots())
        members.push_back(make_slots(member, name));
      else
        members.push_back(make_member_rows(member, member_rows[j], sliced, name));
    }
    return std::make_unique<CacheList>(std::move(members));
  }

  /// Attention beside recurrent state is stored whole at the end of a block, or in slices as everywhere else.
  [[nodiscard]] std::unique_ptr<Cache> make_member_rows(const StoredState& member, const Rows& rows, bool sliced,
                                                        const std::string& where) const {
    if (sliced) return rows.join(where);
    if (rows_of(member) != end_)
      refuse_chain(
          fmt::format("{}: {} rows in the block that ends at token {}, neither its own nor all", where, rows_of(member), end_));
    return plain_layer({where}, member.arrays[0].tensor, member.arrays[1].tensor, end_);
  }

  [[nodiscard]] const BlockFacts& first_facts() {
    if (!first_) {
      // A prefix of one block that is no whole one.
      const std::optional<Block> block = store_.block(used_.front().hash);
      if (!block) throw Error(ErrorKind::io, "a block was evicted meanwhile", "try again", "KV100");
      first_ = block->facts;
    }
    return *first_;
  }

  const BlockStore& store_;
  std::string model_;
  std::int64_t block_size_;
  std::span<const std::int32_t> ids_;
  Restored out_;
  std::optional<BlockFacts> first_;
  std::map<std::pair<std::size_t, std::size_t>, RowKind> kinds_;         // by layer and member, as the first block has them
  std::vector<Link> chain_;                                              // all that follow one another
  std::vector<Link> used_;                                               // up to the restore point
  bool terminal_ = false;                                                // the last of them is no whole block
  std::int64_t end_ = 0;                                                 // tokens up to there
  std::string wrong_;                                                    // a state that is there and cannot be used
  std::string images_;                                                   // keys of the hash beside the ids, the last ones
  std::int64_t images_from_ = std::numeric_limits<std::int64_t>::max();  // token
  std::vector<StoredLayer> last_;
  std::optional<GdnSidecar> gdn_;
};

}  // namespace

Restored restore_chain(const BlockStore& store, std::string_view model, std::int64_t block_size,
                       std::span<const std::int32_t> ids, bool look_only) {
  return Walk(store, model, block_size, ids).run(look_only);
}

}  // namespace kvcache::foreign::omlx
