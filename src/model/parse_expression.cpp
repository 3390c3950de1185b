// Text to Expression, by recursive descent: one function for each level of precedence.
#include <fmt/format.h>

#include <array>
#include <cctype>
#include <stdexcept>

#include "model/expression.h"

namespace kvcache::detail {
namespace {

using Operation = Expression::Kind;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) { next(); }

  Expression all() {
    Expression e = disjunction();
    if (!token_.empty()) fail(fmt::format("'{}' is left over", token_));
    return e;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw std::invalid_argument(fmt::format("{}: {}", std::string(text_), why));
  }

  static bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

  void next() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    const std::size_t start = at_;
    if (at_ == text_.size()) {
      token_ = {};
    } else if (text_[at_] == '"') {
      at_ = text_.find('"', at_ + 1);
      if (at_ == std::string_view::npos) fail("a text without end");
      ++at_;
      token_ = text_.substr(start, at_ - start);
    } else if (is_word(text_[at_])) {
      while (at_ < text_.size() && is_word(text_[at_])) ++at_;
      token_ = text_.substr(start, at_ - start);
    } else {
      static constexpr std::array<std::string_view, 4> pairs = {"==", "!=", "<=", ">="};
      std::size_t length = 1;
      for (const std::string_view pair : pairs)
        if (text_.substr(at_, 2) == pair) length = 2;
      at_ += length;
      token_ = text_.substr(start, length);
    }
  }

  bool take(std::string_view token) {
    if (token_ != token) return false;
    next();
    return true;
  }

  void expect(std::string_view token) {
    if (!take(token)) fail(fmt::format("'{}' is missing before '{}'", token, token_));
  }

  static Expression binary(std::string_view op, Expression a, Expression b) {
    Expression e{Operation::binary, std::string(op), {}, {}};
    e.parts.push_back(std::move(a));
    e.parts.push_back(std::move(b));
    return e;
  }

  Expression disjunction() {
    Expression e = conjunction();
    while (take("or")) e = binary("or", std::move(e), conjunction());
    return e;
  }

  Expression conjunction() {
    Expression e = negation();
    while (take("and")) e = binary("and", std::move(e), negation());
    return e;
  }

  Expression negation() {
    if (!take("not")) return comparison();
    Expression e{Operation::unary, "not", {}, {}};
    e.parts.push_back(negation());
    return e;
  }

  Expression comparison() {
    Expression e = sum();
    for (const std::string_view op : {"==", "!=", "<=", ">=", "<", ">", "in"})
      if (take(op)) return binary(op, std::move(e), sum());
    return e;
  }

  Expression sum() {
    Expression e = product();
    while (token_ == "+" || token_ == "-") {
      const std::string op(token_);
      next();
      e = binary(op, std::move(e), product());
    }
    return e;
  }

  Expression product() {
    Expression e = postfix();
    while (token_ == "*" || token_ == "/" || token_ == "%") {
      const std::string op(token_);
      next();
      e = binary(op, std::move(e), postfix());
    }
    return e;
  }

  Expression postfix() {
    Expression e = primary();
    while (true) {
      if (take("[")) {
        Expression item{Operation::index, {}, {}, {}};
        item.parts.push_back(std::move(e));
        item.parts.push_back(disjunction());
        expect("]");
        e = std::move(item);
      } else if (take(".")) {
        // A field of an object is a name with a dot; of what an index gave, a member.
        if (e.kind == Operation::name) {
          e.text += '.' + std::string(token_);
        } else {
          Expression member{Operation::member, std::string(token_), {}, {}};
          member.parts.push_back(std::move(e));
          e = std::move(member);
        }
        next();
      } else {
        return e;
      }
    }
  }

  std::vector<Expression> until(std::string_view end) {
    std::vector<Expression> all;
    if (take(end)) return all;
    do all.push_back(disjunction());
    while (take(","));
    expect(end);
    return all;
  }

  Expression primary() {
    const std::string token(token_);
    if (token.empty()) fail("it ends too early");
    next();
    if (token == "(") {
      Expression e = disjunction();
      expect(")");
      return e;
    }
    if (token == "[") return {Operation::list, {}, {}, until("]")};
    if ((token == "f32" || token == "i64") && take("[")) return {Operation::list, token, {}, until("]")};
    if (token.front() == '"') return {Operation::literal, {}, {token.substr(1, token.size() - 2)}, {}};
    if (std::isdigit(static_cast<unsigned char>(token.front())) != 0) {
      for (const char c : token)
        if (std::isdigit(static_cast<unsigned char>(c)) == 0 || token.size() > 9) fail(fmt::format("'{}' is no number", token));
      return {Operation::literal, {}, {static_cast<std::int64_t>(std::stoll(token))}, {}};
    }
    if (token == "none" || token == "nothing") return {};
    if (token == "true" || token == "false") return {Operation::literal, {}, {token == "true"}, {}};
    if (!is_word(token.front())) fail(fmt::format("'{}' is not expected", token));
    if (take("(")) return {Operation::call, token, {}, until(")")};
    return {Operation::name, token, {}, {}};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string_view token_;
};

}  // namespace

Expression parse_expression(std::string_view text) {
  return Parser(text).all();
}

}  // namespace kvcache::detail
