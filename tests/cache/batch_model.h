// What two batch classes hold, as lists of tokens: the model of their property tests.
#pragma once

#include <algorithm>
#include <string>

#include "tokens.h"

namespace test {

/// All tokens ever appended to each sequence of a batch.
struct BatchModel {
  Batch sequences;
  int next = 1;

  /// The next `count` tokens for every sequence, with the last right_padding[b] of them junk that does not belong to it.
  Batch append(std::int64_t count, const kvcache::Int32s& right_padding = {}) {
    Batch rows;
    for (std::size_t b = 0; b < sequences.size(); ++b) {
      const std::int64_t junk = right_padding.empty() ? 0 : right_padding[b];
      Tokens tokens = count_from(next, count - junk);
      sequences[b].insert(sequences[b].end(), tokens.begin(), tokens.end());
      next += static_cast<int>(count - junk);
      tokens.resize(static_cast<std::size_t>(count), junk_token);
      rows.push_back(std::move(tokens));
    }
    return rows;
  }
  void trim(std::int64_t count) {
    for (Tokens& tokens : sequences) tokens.resize(tokens.size() - std::min(tokens.size(), static_cast<std::size_t>(count)));
  }
  void trim_to(std::int64_t length) {
    for (Tokens& tokens : sequences) tokens.resize(std::min(tokens.size(), static_cast<std::size_t>(length)));
  }
  void filter(const std::vector<std::int64_t>& indices) {
    Batch kept;
    for (const std::int64_t index : indices) kept.push_back(sequences[static_cast<std::size_t>(index)]);
    sequences = std::move(kept);
  }

  static constexpr int junk_token = 200000;
};

inline bool is_suffix(const Tokens& part, const Tokens& whole) {
  return part.size() <= whole.size() && std::equal(part.rbegin(), part.rend(), whole.rbegin());
}

/// The tokens that a query may attend: row `query` of sequence `b` of a mask over rows that hold `columns`.
inline Tokens attended(const kvcache::Mask& mask, const Tokens& columns, std::int64_t queries, std::int64_t query,
                       std::size_t b = 0) {
  Tokens seen;
  const std::size_t width = columns.size();
  if (mask.kind != kvcache::Mask::Kind::array) {
    // Without an array the last query sees every row, each one before it one row less.
    const auto hidden = mask.kind == kvcache::Mask::Kind::causal ? static_cast<std::size_t>(queries - 1 - query) : 0;
    return {columns.begin(), columns.end() - static_cast<std::ptrdiff_t>(hidden)};
  }
  const std::vector<bool> all = booleans_in(mask.array);
  const std::size_t row = (b * static_cast<std::size_t>(queries) + static_cast<std::size_t>(query)) * width;
  for (std::size_t column = 0; column < width; ++column) {
    if (all.at(row + column)) seen.push_back(columns[column]);
  }
  return seen;
}

/// The newest `window` of the tokens up to and including query `query` of the last `queries` ones.
inline Tokens newest(const Tokens& tokens, std::int64_t queries, std::int64_t query, std::int64_t window) {
  const auto end = tokens.end() - (queries - 1 - query);
  return {end - std::min<std::int64_t>(window, end - tokens.begin()), end};
}

inline Tokens sorted(Tokens tokens) {
  std::sort(tokens.begin(), tokens.end());
  return tokens;
}

}  // namespace test
