// The expressions of the table of model types: numbers, texts and lists as in Python, and calls that make caches.
//
//   or, and, not          as in Python, but true or false
//   == != < <= > >= in    "in" of a list, or of the letters of a text
//   + - * / %             whole numbers; / rounds down
//   LIST[i], OBJECT.name  an entry; a member, none when absent
//   [a, b] f32[a, b] i64[a]   a list, which in state(...) is the shape of an array; arrays of another dtype than the model's
//   if(C, A, B)  len(L)  at(L, i)  first(L, n)  subset(A, B)  ceil(a, b)  exact(a, b)
//   plain(H, D[, Dv])  window(size, H, D[, Dv])  chunk(size, H, D[, Dv])  state(SHAPE, ...)  list(CACHE, ...)  unused() nothing
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/value.h"

namespace kvcache::detail {

/// A parsed expression; never changes.
struct Expression {
  enum class Kind { literal, name, unary, binary, index, member, call, list };
  Kind kind = Kind::literal;
  std::string text;  ///< name, operator, function or member
  Value value;       ///< of a literal
  std::vector<Expression> parts;
};

/// What names stand for.
class Names {
 public:
  Names() = default;
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;
  Names(Names&&) = delete;
  Names& operator=(Names&&) = delete;
  virtual ~Names() = default;
  [[nodiscard]] virtual bool has(const std::string& name) const = 0;
  /// Throws Error(unreadable) for a field that is missing or is none.
  [[nodiscard]] virtual Value of(const std::string& name) = 0;
  /// An entry of a list that was looked up, for messages: "layer_types[3] is \"conv\"".
  std::string last_entry;
};

/// Throws std::invalid_argument saying what is wrong with the text: a fault of the table.
[[nodiscard]] Expression parse_expression(std::string_view text);

/// Throws Error(unreadable) for what the config does not tell, with the reason.
[[nodiscard]] Value evaluate(const Expression& expression, Names& names);

}  // namespace kvcache::detail
