#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "kvcache/error.h"
#include "model/expression.h"
#include "model/unknown.h"

namespace kvcache::detail {
namespace {

using Operation = Expression::Kind;

/// For messages: the name where there is one.
std::string in_words(const Expression& e) {
  if (e.kind == Operation::name || e.kind == Operation::member) return e.text;
  if (e.kind == Operation::index) return in_words(e.parts[0]);
  return "a number";
}

std::int64_t integer(const Expression& e, Names& names) {
  const Value value = evaluate(e, names);
  if (const auto* number = std::get_if<std::int64_t>(&value.is)) return *number;
  if (value.none()) unknown(fmt::format("there is no {}", in_words(e)));
  unknown(fmt::format("{} is {}, not a number", in_words(e), in_json(value)));
}

std::int64_t arithmetic(char op, std::int64_t a, std::int64_t b) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  switch (op) {
    case '+':
      if (b > 0 ? a > most - b : a < -most - b) break;
      return a + b;
    case '-':
      if (b < 0 ? a > most + b : a < -most + b) break;
      return a - b;
    case '*':
      if (a != 0 && (b > most / std::abs(a) || b < -(most / std::abs(a)))) break;
      return a * b;
    default: {
      if (b == 0) unknown("a division by 0");
      // As Python's // and %: rounded down.
      const std::int64_t quotient = a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
      return op == '/' ? quotient : a - quotient * b;
    }
  }
  unknown("a number that is too large");
}

/// Entries of a list, or letters of a text.
List entries(const Expression& e, Names& names) {
  const Value value = evaluate(e, names);
  if (const auto* list = std::get_if<List>(&value.is)) return *list;
  if (const auto* text = std::get_if<std::string>(&value.is)) {
    Values letters;
    for (const char c : *text) letters.push_back({std::string(1, c)});
    return std::make_shared<const Values>(std::move(letters));
  }
  if (value.none()) unknown(fmt::format("there is no {}", in_words(e)));
  unknown(fmt::format("{} is {}, not a list", in_words(e), in_json(value)));
}

bool contains(const Values& list, const Value& value) {
  return std::any_of(list.begin(), list.end(), [&](const Value& item) { return equal(item, value); });
}

Value entry(const Expression& list, const Expression& position, Names& names, bool strict) {
  const List found = entries(list, names);
  const Values& items = *found;
  const std::int64_t i = integer(position, names);
  if (i < 0 || static_cast<std::size_t>(i) >= items.size()) {
    if (!strict) return {};
    unknown(fmt::format("{} has only {} {}", in_words(list), items.size(), items.size() == 1 ? "entry" : "entries"));
  }
  names.last_entry = fmt::format("{}[{}] is {}", in_words(list), i, in_json(items[static_cast<std::size_t>(i)]));
  return items[static_cast<std::size_t>(i)];
}

Value member(const Value& object, const std::string& name) {
  const auto* json = std::get_if<const nlohmann::json*>(&object.is);
  if (json == nullptr) return {};
  const auto it = (*json)->find(name);
  return it == (*json)->end() ? Value{} : value_of(*it);
}

/// A dimension or size of a cache.
std::int64_t dim(const Expression& e, Names& names, std::int64_t low) {
  const std::int64_t value = integer(e, names);
  if (value < low || value > max_dim) unknown(fmt::format("{} is {}: no size of a cache", in_words(e), value));
  return value;
}

LayerSpec keys_and_values(const std::vector<Expression>& args, std::size_t from, Names& names) {
  LayerSpec spec;
  spec.kv_heads = dim(args.at(from), names, 1);
  spec.key_dim = dim(args.at(from + 1), names, 1);
  // An indexer keeps keys only; latents without rotation have no second part.
  spec.value_dim = args.size() > from + 2 ? dim(args[from + 2], names, 0) : spec.key_dim;
  return spec;
}

void add_slot(const Expression& e, Names& names, LayerSpec& spec) {
  if (e.kind != Operation::list) throw std::invalid_argument("state() takes shapes");
  std::vector<std::int64_t> shape;
  for (const Expression& part : e.parts) shape.push_back(dim(part, names, 0));
  spec.slot_shapes.push_back(std::move(shape));
  spec.slot_dtypes.push_back(e.text == "f32"   ? std::optional(Dtype::F32)
                             : e.text == "i64" ? std::optional(Dtype::I64)
                                               : std::nullopt);
}

Value make_cache(const Expression& e, Names& names) {
  const std::string& what = e.text;
  LayerSpec spec;
  if (what == "plain") {
    spec = keys_and_values(e.parts, 0, names);
  } else if (what == "window") {
    spec = keys_and_values(e.parts, 1, names);
    spec.kind = LayerSpec::Kind::rotating;
    spec.max_size = dim(e.parts[0], names, 1);
  } else if (what == "chunk") {
    spec = keys_and_values(e.parts, 1, names);
    spec.kind = LayerSpec::Kind::chunked;
    spec.chunk_size = dim(e.parts[0], names, 1);
  } else if (what == "unused") {
    spec.unused = true;
  } else if (what == "state") {
    spec.kind = LayerSpec::Kind::arrays;
    spec.slots = e.parts.size();
    for (const Expression& part : e.parts) add_slot(part, names, spec);
  } else {
    spec.kind = LayerSpec::Kind::list;
    for (const Expression& part : e.parts) spec.children.push_back(*std::get<Made>(evaluate(part, names).is));
  }
  return {std::make_shared<const LayerSpec>(std::move(spec))};
}

Value call(const Expression& e, Names& names) {
  const std::string& f = e.text;
  const std::vector<Expression>& args = e.parts;
  if (f == "if") return evaluate(truth(evaluate(args.at(0), names)) ? args.at(1) : args.at(2), names);
  if (f == "len") return {static_cast<std::int64_t>(entries(args.at(0), names)->size())};
  if (f == "at") return entry(args.at(0), args.at(1), names, false);
  if (f == "first") {
    Values items = *entries(args.at(0), names);
    const auto n = static_cast<std::size_t>(std::max<std::int64_t>(0, integer(args.at(1), names)));
    if (n < items.size()) items.resize(n);
    return list_value(std::move(items));
  }
  if (f == "subset") {
    const List all = entries(args.at(1), names);
    const List some = entries(args.at(0), names);
    return {std::all_of(some->begin(), some->end(), [&](const Value& item) { return contains(*all, item); })};
  }
  if (f == "ceil" || f == "exact") {
    const std::int64_t a = integer(args.at(0), names);
    const std::int64_t b = integer(args.at(1), names);
    if (f == "ceil") return {arithmetic('/', a + b - 1, b)};
    if (arithmetic('%', a, b) != 0)
      unknown(fmt::format("{} {} is no multiple of {} {}", in_words(args[0]), a, in_words(args[1]), b));
    return {a / b};
  }
  if (f == "plain" || f == "window" || f == "chunk" || f == "unused" || f == "state" || f == "list")
    return make_cache(e, names);
  throw std::invalid_argument(fmt::format("no function '{}'", f));
}

Value binary(const Expression& e, Names& names) {
  const std::string& op = e.text;
  const Expression& left = e.parts[0];
  const Expression& right = e.parts[1];
  if (op == "or") return {truth(evaluate(left, names)) || truth(evaluate(right, names))};
  if (op == "and") return {truth(evaluate(left, names)) && truth(evaluate(right, names))};
  if (op == "==" || op == "!=") {
    // Left before right, which arguments of a call are not sure to be: the order of the fields read is shown.
    const Value a = evaluate(left, names);
    const Value b = evaluate(right, names);
    return {equal(a, b) == (op == "==")};
  }
  if (op == "in") {
    const Value item = evaluate(left, names);
    return {contains(*entries(right, names), item)};
  }
  const std::int64_t a = integer(left, names);
  const std::int64_t b = integer(right, names);
  if (op == "<") return {a < b};
  if (op == "<=") return {a <= b};
  if (op == ">") return {a > b};
  if (op == ">=") return {a >= b};
  return {arithmetic(op.front(), a, b)};
}

/// "attention_other_setting.num_attention_groups": a field of that name, or a member of a shorter one.
Value named(const std::string& name, Names& names) {
  if (names.has(name)) return names.of(name);
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos) throw std::invalid_argument(fmt::format("no field '{}' in this row", name));
  return member(named(name.substr(0, dot), names), name.substr(dot + 1));
}

}  // namespace

Value evaluate(const Expression& e, Names& names) {
  switch (e.kind) {
    case Operation::name:
      return named(e.text, names);
    case Operation::unary:
      return {!truth(evaluate(e.parts[0], names))};
    case Operation::binary:
      return binary(e, names);
    case Operation::index:
      return entry(e.parts[0], e.parts[1], names, true);
    case Operation::member:
      return member(evaluate(e.parts[0], names), e.text);
    case Operation::call:
      return call(e, names);
    case Operation::list: {
      Values items;
      for (const Expression& part : e.parts) items.push_back(evaluate(part, names));
      return list_value(std::move(items));
    }
    case Operation::literal:
      break;
  }
  return e.value;
}

}  // namespace kvcache::detail
