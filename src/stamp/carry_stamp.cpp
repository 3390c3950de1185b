// The stamp of an edited cache: what of it is still true.
#include <map>
#include <utility>

#include "kvcache/error.h"
#include "kvcache/stamp.h"
#include "stamp/stamped_prompt.h"

namespace kvcache {
namespace {

// Arrays that are kept as numbers in memory (offsets and paddings of batches) are compared by their sums instead of by place.
constexpr std::uint64_t small_bytes = 1U << 20U;

/// Where the bytes of a tensor are in a file, if they are one run of it.
std::optional<std::uint64_t> place_in(const ByteSource* source, const Tensor& tensor) {
  std::optional<std::uint64_t> begin;
  std::uint64_t next = 0;
  bool one_run = true;
  tensor.visit(0, tensor.nbytes(), [&](const Extent& extent) {
    one_run = one_run && extent.kind == Extent::Kind::source && extent.source == source && (!begin || extent.offset == next);
    if (!begin) begin = extent.offset;
    next = extent.offset + extent.length;
  });
  return one_run ? begin : std::nullopt;
}

/// What is known of an array of the input: its sum holds for every tensor that is the same bytes.
class StampedArrays {
 public:
  StampedArrays(const Document& input, const std::map<std::string, std::uint32_t>& sums)
      : source_(input.file.source().get()), sums_(sums) {
    const Header& header = input.file.header();
    for (const TensorEntry& entry : header.tensors) {
      const auto sum = sums.find(entry.key);
      if (sum != sums.end() && entry.nbytes() > 0)
        by_place_.emplace(std::pair(header.data_begin + entry.begin, entry.nbytes()), sum->second);
    }
  }

  [[nodiscard]] std::optional<std::uint32_t> sum_of(const NamedTensor& named) const {
    const std::uint64_t size = named.tensor.nbytes();
    if (size == 0) return 0;
    if (const auto place = place_in(source_, named.tensor)) {
      const auto found = by_place_.find({*place, size});
      return found == by_place_.end() ? std::nullopt : std::optional(found->second);
    }
    const auto stamped = sums_.find(named.key);
    if (stamped == sums_.end() || size > small_bytes || !in_memory(named.tensor)) return std::nullopt;
    const std::uint32_t sum = checksums({named}, 1).begin()->second;
    return sum == stamped->second ? std::optional(sum) : std::nullopt;
  }

 private:
  [[nodiscard]] bool in_memory(const Tensor& tensor) const {
    bool all = true;
    tensor.visit(0, tensor.nbytes(), [&](const Extent& extent) {
      all = all && extent.kind != Extent::Kind::computed && (extent.kind != Extent::Kind::source || extent.source != source_);
    });
    return all;
  }

  const ByteSource* source_;
  const std::map<std::string, std::uint32_t>& sums_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint32_t> by_place_;  ///< begin and size, bytes
};

/// The sums under the keys of the new file, or nothing when an array is not one of those that were stamped.
std::optional<std::map<std::string, std::uint32_t>> carried_sums(const Document& input,
                                                                 const std::map<std::string, std::uint32_t>& sums,
                                                                 const std::vector<NamedTensor>& tensors) {
  const StampedArrays stamped(input, sums);
  std::map<std::string, std::uint32_t> out;
  for (const NamedTensor& named : tensors) {
    const auto sum = stamped.sum_of(named);
    if (!sum) return std::nullopt;
    out.emplace(named.key, *sum);
  }
  // What the input has lost is still missed.
  for (const auto& [key, sum] : sums)
    if (input.file.header().find(key) == nullptr) out.emplace(key, sum);
  return out;
}

bool same_prompt(const PromptCache& before, const PromptCache& after) {
  return detail::sequences(before) == 1 && detail::sequences(after) == 1 &&
         detail::counted_tokens(before) == detail::counted_tokens(after);
}

}  // namespace

CarriedStamp carry_stamp(const Document& input, const PromptCache& edited, Encoded& encoded) {
  CarriedStamp result;
  const auto now = edited.metadata.find(std::string(stamp_key));
  if (now == edited.metadata.end()) return result;
  // Operations change the cache of their document, so what it was is asked of the file.
  const PromptCache original = decode(input.file).cache;
  const auto before = original.metadata.find(std::string(stamp_key));
  if (before == original.metadata.end() || now->second != before->second) return result;
  Stamp stamp;
  try {
    stamp = parse_stamp(now->second);
  } catch (const Error&) {
    return result;
  }
  result.present = true;

  if (stamp.crc32) {
    stamp.crc32 = carried_sums(input, *stamp.crc32, encoded.tensors);
    if (!stamp.crc32) result.dropped.emplace_back("checksums");
  }
  if (!stamp.crc32 && !same_prompt(original, edited)) {
    if (std::exchange(stamp.tokens, std::nullopt)) result.dropped.emplace_back("token ids");
    if (std::exchange(stamp.text, std::nullopt)) result.dropped.emplace_back("text");
  }
  result.empty = !stamp.crc32 && !stamp.tokens && !stamp.text && stamp.model_sha256.empty() && stamp.model_type.empty();
  // Under "1.", or under "0." in the layout that has user metadata there; no other entry can have either name.
  for (const std::string_view section : {"0.", "1."}) {
    const auto entry = encoded.metadata.find(std::string(section).append(stamp_key));
    if (entry == encoded.metadata.end()) continue;
    if (result.empty)
      encoded.metadata.erase(entry);
    else
      entry->second = to_json(stamp);
  }
  return result;
}

}  // namespace kvcache
