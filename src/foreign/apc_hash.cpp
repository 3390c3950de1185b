#include "foreign/apc_hash.h"

#include <bit>

#include "foreign/little_endian.h"
#include "kvcache/sha256.h"

namespace kvcache::foreign {
namespace {

/// CPython's hash(int): the value modulo the prime 2^61 - 1, with its sign; -1 is what its C functions say for an error.
std::uint64_t python_hash(std::int64_t value) {
  constexpr std::uint64_t modulus = (std::uint64_t{1} << 61U) - 1;
  const std::uint64_t magnitude =
      value < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  const std::uint64_t reduced = magnitude % modulus;
  const std::uint64_t hash = value < 0 ? std::uint64_t{0} - reduced : reduced;
  return hash == ~std::uint64_t{0} ? hash - 1 : hash;
}

/// CPython's hash of a tuple, which is made like xxHash, from the hashes of its items.
class TupleHash {
 public:
  void add(std::uint64_t item) {
    sum_ += item * prime_2;
    sum_ = std::rotl(sum_, 31) * prime_1;
    ++size_;
  }
  [[nodiscard]] std::uint64_t value() const {
    const std::uint64_t sum = sum_ + (size_ ^ (prime_5 ^ 3527539U));
    return sum == ~std::uint64_t{0} ? 1546275796U : sum;
  }

 private:
  static constexpr std::uint64_t prime_1 = 11400714785074694791U;
  static constexpr std::uint64_t prime_2 = 14029467366897019727U;
  static constexpr std::uint64_t prime_5 = 2870177450012600261U;
  std::uint64_t sum_ = prime_5;
  std::uint64_t size_ = 0;
};

std::int64_t first_eight_bytes(const std::string& text) {
  return read_le<std::int64_t>(from_hex(sha256(text)));
}

}  // namespace

std::int64_t apc_block_hash(ApcRule rule, std::int64_t parent, std::span<const std::int32_t> ids, std::int64_t extra) {
  if (rule == ApcRule::sha256) {
    std::string text;
    append_le(text, parent);
    text += ids_le<std::int32_t>(ids);
    append_le(text, extra);
    return first_eight_bytes(text);
  }
  TupleHash tokens;
  for (const std::int32_t id : ids) tokens.add(python_hash(id));
  TupleHash block;
  block.add(python_hash(parent));
  block.add(tokens.value());
  block.add(python_hash(extra));
  return static_cast<std::int64_t>(block.value());
}

std::optional<ApcRule> apc_block_rule(std::int64_t hash, std::int64_t parent, std::span<const std::int32_t> ids,
                                      std::int64_t extra) {
  for (const ApcRule rule : {ApcRule::python, ApcRule::sha256})
    if (apc_block_hash(rule, parent, ids, extra) == hash) return rule;
  return std::nullopt;
}

std::int64_t apc_exact_hash(std::int64_t extra, std::uint32_t block_size, std::span<const std::int32_t> ids) {
  std::string text;
  append_le(text, extra);
  append_le(text, block_size);
  append_le(text, std::uint64_t{ids.size()});
  return first_eight_bytes(text + ids_le<std::int32_t>(ids));
}

std::string apc_shard_stem(std::span<const std::int64_t> block_hashes) {
  std::string text;
  for (const std::int64_t hash : block_hashes) append_le(text, hash);
  return "shard_" + sha256(text).substr(0, 32);
}

std::string apc_exact_stem(std::int64_t cache_hash) {
  std::string text;
  append_le(text, cache_hash);
  return "exact_" + sha256(text).substr(0, 32);
}

}  // namespace kvcache::foreign
