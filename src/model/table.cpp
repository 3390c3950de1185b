#include "model/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace kvcache::detail {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t start = text.find_first_not_of(' ');
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(' ') - start + 1);
}

/// Takes the first word off the text.
std::string take_word(std::string_view& text) {
  text = trimmed(text);
  const std::size_t end = std::min(text.find(' '), text.size());
  std::string word(text.substr(0, end));
  text = trimmed(text.substr(end));
  return word;
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> all;
  while (!trimmed(text).empty()) all.push_back(take_word(text));
  return all;
}

/// "LEFT : RIGHT".
std::pair<std::string_view, std::string_view> halves(std::string_view text) {
  const std::size_t colon = text.find(" : ");
  if (colon == std::string_view::npos) throw std::invalid_argument("' : ' is missing");
  return {trimmed(text.substr(0, colon)), trimmed(text.substr(colon + 3))};
}

/// What a field is when it is absent, null, or zero. "or" is all three, "else" the first two, "=" the first.
ModelField parse_field(ModelField::Kind kind, std::string_view text) {
  ModelField field;
  field.kind = kind;
  field.name = take_word(text);
  field.rule = std::string(text);
  static constexpr std::array<std::string_view, 5> starts = {"=", "else", "or", "null", "zero"};
  const auto is_start = [](std::string_view word) { return std::find(starts.begin(), starts.end(), word) != starts.end(); };
  while (!text.empty()) {
    const std::string start = take_word(text);
    if (!is_start(start)) throw std::invalid_argument(fmt::format("'{}' is none of =, else, or, null, zero", start));
    std::string rest;
    while (!text.empty()) {
      std::string_view ahead = text;
      const std::string word = take_word(ahead);
      // Of these words only "or" may be within an expression, where no default has one.
      if (kind != ModelField::Kind::let && is_start(word)) break;
      rest += (rest.empty() ? "" : " ") + word;
      text = ahead;
    }
    const Expression value = parse_expression(rest);
    if (start == "=" || start == "else" || start == "or") field.absent = value;
    if (start == "null" || start == "else" || start == "or") field.null = value;
    if (start == "zero" || start == "or") field.zero = value;
  }
  return field;
}

ModelRow::Text text_of(const std::string& word) {
  if (word == "required") return ModelRow::Text::required;
  if (word == "top") return ModelRow::Text::top;
  if (word == "empty") return ModelRow::Text::empty;
  throw std::invalid_argument(fmt::format("text '{}' is none of required, top, empty", word));
}

void put_field(ModelRow& row, ModelField field) {
  for (ModelField& old : row.fields)
    if (old.name == field.name) {
      old = std::move(field);
      return;
    }
  row.fields.push_back(std::move(field));
}

void put_example(std::map<std::string, std::string>& examples, std::string_view text) {
  const std::size_t sign = text.find('=');
  if (sign == std::string_view::npos) throw std::invalid_argument("an example is NAME=VALUE");
  examples[std::string(text.substr(0, sign))] = std::string(text.substr(sign + 1));
}

class Reader {
 public:
  ModelTable read(std::string_view text) {
    std::size_t number = 0;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      const std::string_view line = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      ++number;
      try {
        read_line(line);
      } catch (const std::invalid_argument& e) {
        throw std::invalid_argument(fmt::format("line {}: {}", number, e.what()));
      }
    }
    finish();
    for (ModelRow& row : forms_)
      if (!row.module.empty()) (row.swift ? table_.swift : table_.rows).push_back(std::move(row));
    std::sort(table_.rows.begin(), table_.rows.end(), [](const ModelRow& a, const ModelRow& b) { return a.type < b.type; });
    return std::move(table_);
  }

 private:
  void read_line(std::string_view line) {
    if (trimmed(line).empty() || trimmed(line).front() == '#') return;
    const bool inner = line.front() == ' ';
    const std::string what = take_word(line);
    if (inner) return read_inner(what, line);
    finish();
    if (what == "absent") {
      const auto sides = halves(line);
      table_.absent.emplace(sides.first, sides.second);
    } else if (what == "example") {
      put_example(table_.example, line);
    } else if (what == "form" || what == "type" || what == "swift") {
      begin(what != "form", line);
      row_->swift = what == "swift";
    } else {
      throw std::invalid_argument(fmt::format("'{}' begins no row", what));
    }
  }

  void begin(bool is_type, std::string_view text) {
    const std::vector<std::string> parts = words(text);
    if (parts.size() != 1 && (parts.size() != 3 || parts[1] != "like")) throw std::invalid_argument("NAME, or NAME like OTHER");
    row_.emplace();
    if (parts.size() == 3) {
      const auto parent = std::find_if(forms_.begin(), forms_.end(), [&](const ModelRow& r) { return r.type == parts[2]; });
      if (parent == forms_.end()) throw std::invalid_argument(fmt::format("there is no '{}' to be like", parts[2]));
      *row_ = *parent;
      row_->module.clear();
      row_->also.clear();
      row_->traps.clear();
    }
    inherited_rules_ = !row_->rules.empty();
    row_->type = parts[0];
    is_type_ = is_type;
  }

  void add_rule(CacheRule rule) {
    if (inherited_rules_) row_->rules.clear();
    inherited_rules_ = false;
    row_->rules.push_back(std::move(rule));
  }

  void read_inner(const std::string& what, std::string_view text) {
    if (!row_) throw std::invalid_argument("belongs to no row");
    using Kind = ModelField::Kind;
    static const std::map<std::string, Kind> kinds = {{"size", Kind::size}, {"count", Kind::count},   {"flag", Kind::flag},
                                                      {"list", Kind::list}, {"object", Kind::object}, {"let", Kind::let}};
    if (const auto kind = kinds.find(what); kind != kinds.end()) {
      put_field(*row_, parse_field(kind->second, text));
    } else if (what == "drop") {
      std::erase_if(row_->fields, [&](const ModelField& field) { return field.name == text; });
    } else if (what == "from") {
      row_->module = std::string(text);
    } else if (what == "also") {
      row_->also = words(text);
    } else if (what == "text") {
      row_->text = text_of(std::string(text));
    } else if (what == "check" || what == "note") {
      const auto sides = halves(text);
      (what == "check" ? row_->checks : row_->notes)
          .push_back({parse_expression(sides.first), std::string(sides.second), std::string(sides.first)});
    } else if (what == "layers") {
      row_->layers = parse_expression(text);
      row_->layers_text = std::string(text);
    } else if (what == "before") {
      row_->before = parse_expression(text);
      row_->before_text = std::string(text);
    } else if (what == "when") {
      const auto sides = halves(text);
      add_rule({parse_expression(sides.first), parse_expression(sides.second), "when " + std::string(text)});
    } else if (what == "otherwise") {
      add_rule({std::nullopt, parse_expression(text), "otherwise " + std::string(text)});
    } else {
      read_flag(what, text);
    }
  }

  void read_flag(const std::string& what, std::string_view text) {
    if (what == "caches") {
      row_->own_caches = text == "own";
    } else if (what == "quantized") {
      row_->unquantized = std::string(halves(text).second);
    } else if (what == "state") {
      row_->state_may_be_f32 = true;
    } else if (what == "trap") {
      row_->traps.emplace_back(text);
    } else if (what == "example") {
      put_example(row_->example, text);
    } else {
      throw std::invalid_argument(fmt::format("'{}' is no word of the table", what));
    }
  }

  void finish() {
    if (!row_) return;
    if (is_type_ && (row_->module.empty() || !row_->layers || row_->rules.empty()))
      throw std::invalid_argument(fmt::format("type '{}' lacks from, layers or a cache", row_->type));
    forms_.push_back(*std::move(row_));
    row_.reset();
  }

  ModelTable table_;
  std::vector<ModelRow> forms_;  ///< types, too
  std::optional<ModelRow> row_;
  bool is_type_ = false;
  bool inherited_rules_ = false;
};

}  // namespace

const ModelField* ModelRow::field(std::string_view name) const {
  const auto it = std::find_if(fields.begin(), fields.end(), [&](const ModelField& f) { return f.name == name; });
  return it == fields.end() ? nullptr : &*it;
}

std::string ModelRow::source() const {
  return swift ? fmt::format("mlx-swift-lm/Libraries/{}", module) : fmt::format("mlx_lm/models/{}.py", module);
}

const ModelRow* ModelTable::find(std::string_view type, ModelCode code) const {
  const auto of = [&](const std::vector<ModelRow>& all) -> const ModelRow* {
    for (const ModelRow& row : all)
      if (row.type == type || std::find(row.also.begin(), row.also.end(), type) != row.also.end()) return &row;
    return nullptr;
  };
  const ModelRow* const own = code == ModelCode::mlx_swift_lm ? of(swift) : nullptr;
  return own != nullptr ? own : of(rows);
}

ModelTable parse_model_table(std::string_view text) {
  return Reader().read(text);
}

const ModelTable& model_table() {
  static const ModelTable table = parse_model_table(model_table_text());
  return table;
}

}  // namespace kvcache::detail
