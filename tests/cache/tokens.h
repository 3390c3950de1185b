// Keys and values whose rows say which token they belong to, and the way back.
#pragma once

#include <cstring>
#include <stdexcept>
#include <vector>

#include "kvcache/cache.h"

namespace test {

using Tokens = std::vector<int>;  ///< ids from 1; 0 is a row of zeros
using Batch = std::vector<Tokens>;

inline constexpr std::int64_t heads = 2;
inline constexpr std::int64_t key_dim = 4;
inline constexpr std::int64_t value_dim = 2;  // not key_dim, so that mixing them up shows

struct Rows {
  kvcache::Tensor keys;    ///< F32 [B, heads, N, key_dim]
  kvcache::Tensor values;  ///< F32 [B, heads, N, value_dim]
};

/// Every element of a row has a value of its own: id, head, column, and whether it is a key.
inline float element(int token, std::int64_t head, std::int64_t column, bool key) {
  return token == 0 ? 0.0F : static_cast<float>(token * 64 + head * 16 + column * 2 + (key ? 1 : 0));
}

inline kvcache::Tensor array_of(const Batch& batch, std::int64_t dim, bool key) {
  std::vector<float> elements;
  for (const Tokens& tokens : batch) {
    for (std::int64_t head = 0; head < heads; ++head) {
      for (const int token : tokens) {
        for (std::int64_t column = 0; column < dim; ++column) elements.push_back(element(token, head, column, key));
      }
    }
  }
  std::vector<std::byte> bytes(elements.size() * sizeof(float));
  if (!bytes.empty()) std::memcpy(bytes.data(), elements.data(), bytes.size());
  const auto rows = static_cast<std::int64_t>(batch.front().size());
  return kvcache::Tensor::of_bytes(kvcache::Dtype::F32, {static_cast<std::int64_t>(batch.size()), heads, rows, dim},
                                   std::move(bytes));
}

/// Sequences of equal length.
inline Rows rows_of(const Batch& batch) {
  return {array_of(batch, key_dim, true), array_of(batch, value_dim, false)};
}
inline Rows rows_of(const Tokens& tokens) {
  return rows_of(Batch{tokens});
}

/// first, first + 1, ...
inline Tokens count_from(int first, std::int64_t count) {
  Tokens tokens;
  for (std::int64_t i = 0; i < count; ++i) tokens.push_back(first + static_cast<int>(i));
  return tokens;
}

inline std::vector<std::byte> bytes_of(const kvcache::Tensor& tensor) {
  std::vector<std::byte> bytes(tensor.nbytes());
  tensor.read(0, bytes);
  return bytes;
}

inline Batch batch_in(const kvcache::Tensor& array, bool key) {
  const std::int64_t rows = array.dim(2);
  const std::int64_t dim = array.dim(3);
  const std::vector<std::byte> bytes = bytes_of(array);
  std::vector<float> elements(bytes.size() / sizeof(float));
  if (!bytes.empty()) std::memcpy(elements.data(), bytes.data(), bytes.size());
  Batch batch(static_cast<std::size_t>(array.dim(0)));
  std::size_t at = 0;
  for (Tokens& tokens : batch) {
    for (std::int64_t head = 0; head < heads; ++head) {
      for (std::int64_t row = 0; row < rows; ++row) {
        const int token = static_cast<int>(elements[at]) / 64;
        if (head == 0) tokens.push_back(token);
        for (std::int64_t column = 0; column < dim; ++column, ++at) {
          if (tokens[static_cast<std::size_t>(row)] != token || elements[at] != element(token, head, column, key)) {
            throw std::logic_error("a row is made of pieces of several rows");
          }
        }
      }
    }
  }
  return batch;
}

/// Tokens of a state's rows, sequence by sequence; keys and values must agree. Empty for a cache never used.
template <class State>
Batch batch_in(const State& state) {
  if (!state.keys.defined()) return {};
  Batch keys = batch_in(state.keys, true);
  if (batch_in(state.values, false) != keys) throw std::logic_error("keys and values hold different tokens");
  return keys;
}

/// The same of one sequence.
template <class State>
Tokens tokens_in(const State& state) {
  const Batch batch = batch_in(state);
  return batch.empty() ? Tokens{} : batch.at(0);
}

inline void append(kvcache::Cache& cache, const Batch& batch) {
  const Rows rows = rows_of(batch);
  cache.update(rows.keys, rows.values);
}
inline void append(kvcache::Cache& cache, const Tokens& tokens) {
  append(cache, Batch{tokens});
}

/// All elements of a mask.
inline std::vector<bool> booleans_in(const kvcache::Tensor& mask) {
  std::vector<bool> all;
  for (const std::byte byte : bytes_of(mask)) all.push_back(byte != std::byte{0});
  return all;
}

/// A mask as a picture: one string per row, '#' may attend.
inline std::vector<std::string> picture(const kvcache::Mask& mask) {
  const std::vector<bool> all = booleans_in(mask.array);
  const auto columns = static_cast<std::size_t>(mask.array.dim(-1));
  std::vector<std::string> rows(all.size() / columns);
  for (std::size_t i = 0; i < all.size(); ++i) rows[i / columns] += all[i] ? '#' : '.';
  return rows;
}

}  // namespace test
