#include "format/leaf_table/leaf_table.h"
#include "format/file_layout.h"

#include <fmt/format.h>

#include <cstring>
#include <limits>
#include <span>
#include <utility>

#include "common/codes.h"
#include "format/sections/decoder.h"
#include "format/user_metadata.h"
#include "kvcache/format.h"

namespace kvcache::detail {
namespace {

/// A string leaf is an array with one integer a character; nobody names a class with more.
constexpr std::uint64_t max_text = 256;

template <typename Integer>
std::vector<std::int64_t> widened(std::span<const std::byte> raw) {
  std::vector<std::int64_t> values;
  for (std::size_t at = 0; at + sizeof(Integer) <= raw.size(); at += sizeof(Integer)) {
    Integer value = 0;
    std::memcpy(&value, raw.data() + at, sizeof value);
    const bool fits = std::in_range<std::int64_t>(value);
    values.push_back(fits ? static_cast<std::int64_t>(value) : std::numeric_limits<std::int64_t>::max());
  }
  return values;
}

bool is_integral(Dtype dtype) {
  switch (dtype) {
    case Dtype::BOOL:
    case Dtype::I8:
    case Dtype::U8:
    case Dtype::I16:
    case Dtype::U16:
    case Dtype::I32:
    case Dtype::U32:
    case Dtype::I64:
    case Dtype::U64:
      return true;
    default:
      return false;
  }
}

bool is_code_point(std::int64_t value) {
  return value >= 0 && value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF);
}

void append_utf8(std::string& out, std::int64_t code_point) {
  const auto c = static_cast<std::uint32_t>(code_point);
  const auto tail = [&](unsigned shift) { out.push_back(static_cast<char>(0x80U | ((c >> shift) & 0x3FU))); };
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out.push_back(static_cast<char>(0xC0U | (c >> 6U)));
    tail(0);
  } else if (c < 0x10000) {
    out.push_back(static_cast<char>(0xE0U | (c >> 12U)));
    tail(6), tail(0);
  } else {
    out.push_back(static_cast<char>(0xF0U | (c >> 18U)));
    tail(12), tail(6), tail(0);
  }
}

std::optional<LeafKind> kind_of(std::string_view text) {
  if (text == "scalar") return LeafKind::scalar;
  if (text == "string") return LeafKind::string;
  if (text == "none") return LeafKind::none;
  return std::nullopt;
}

/// The layer of a tensor key "3.1"; the table for a key that is no path.
Where where_of(std::string_view key) {
  const auto index = parse_index(key.substr(0, key.find('.')));
  return index ? Where::of_layer(*index) : Where(Where::Part::leaf_table);
}

}  // namespace

std::vector<std::int64_t> LeafTable::integers(const TensorEntry& entry) const {
  std::vector<std::byte> raw(static_cast<std::size_t>(entry.nbytes()));
  file_.tensor(entry).read(0, raw);
  switch (entry.dtype) {
    case Dtype::I8:
      return widened<std::int8_t>(raw);
    case Dtype::U8:
    case Dtype::BOOL:
      return widened<std::uint8_t>(raw);
    case Dtype::I16:
      return widened<std::int16_t>(raw);
    case Dtype::U16:
      return widened<std::uint16_t>(raw);
    case Dtype::I32:
      return widened<std::int32_t>(raw);
    case Dtype::U32:
      return widened<std::uint32_t>(raw);
    case Dtype::U64:
      return widened<std::uint64_t>(raw);
    default:
      return widened<std::int64_t>(raw);
  }
}

// mlx-lm takes an array of one element at any rank, and integers of any width.
std::string LeafTable::defect(const TensorEntry& entry, LeafKind kind) const {
  const auto count = element_count(entry.shape);
  const std::string found = fmt::format("'{}' is {} {}", printable(entry.key), name(entry.dtype), to_string(entry.shape));
  switch (kind) {
    case LeafKind::array:
      break;
    case LeafKind::none:
      if (count != 0U) return fmt::format("{}, but the table calls it None, so that its values would be dropped", found);
      break;
    case LeafKind::scalar:
      if (count != 1U) return fmt::format("{}, but the table calls it a scalar, which is one element", found);
      if (!is_integral(entry.dtype))
        return fmt::format("{}, but no class has a scalar that is no integer and no boolean", found);
      break;
    case LeafKind::string: {
      if (count == 0U) break;  // the empty text, whatever its dtype
      if (!count || *count > max_text || entry.shape.size() != 1 || !is_integral(entry.dtype) || entry.dtype == Dtype::BOOL)
        return fmt::format("{}, but the table calls it a string, which is a row of up to {} code points", found, max_text);
      for (const std::int64_t c : integers(entry))
        if (!is_code_point(c)) return fmt::format("{}, a string by the table, but {} is no code point", found, c);
      break;
    }
  }
  return {};
}

void LeafTable::add_row(const std::string& metadata_key, const std::string& value, std::map<std::uint64_t, Row>& rows,
                        Findings& findings) {
  const std::string_view path = std::string_view(metadata_key).substr(2);
  const std::size_t dot = path.find('.');
  const auto row = parse_index(path.substr(0, dot));
  const std::string_view half = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  if (row && *row == 0) return;  // the first row keeps the table from being empty: mlx-lm skips it unread
  if (!row || (half != "0" && half != "1")) {
    findings.push_back(make_finding("KV201", Where::Part::leaf_table, metadata_key,
                                    fmt::format("table key '{}' is no pair of a row and 0 or 1", printable(metadata_key))));
    return;
  }
  (half == "0" ? rows[*row].key : rows[*row].kind) = value;
}

void LeafTable::add_leaf(std::uint64_t row, const std::string& key, const std::string& kind_text, ArrayTree& arrays,
                         Findings& findings) {
  const auto report = [&](const std::string& message) {
    findings.push_back(make_finding("KV492", where_of(key), fmt::format("2.{}.0", row), message));
  };
  const auto kind = kind_of(kind_text);
  const bool again = kinds_.contains(key);
  auto& known = kinds_.insert_or_assign(key, std::nullopt).first->second;
  const TensorEntry* const entry = file_.header().find(key);
  if (!kind) {
    report(fmt::format("row {} of the table of leaves calls '{}' a '{}': there are scalar, string and none", row,
                       printable(key), printable(kind_text)));
  } else if (entry == nullptr) {
    const auto layer = parse_index(std::string_view(key).substr(0, key.find('.')));
    const auto found = layer ? arrays.children.find(*layer) : arrays.children.end();
    const bool has_class = layer && file_.header().metadata.contains(fmt::format("1.{}", *layer));
    if (has_class && found == arrays.children.end()) return;  // a layer without any array is reported as that
    report(fmt::format("row {} of the table of leaves names '{}', but there is no such array", row, printable(key)));
    Findings ignored;
    if (found != arrays.children.end()) insert_path(arrays, key, missing_leaf, key, "table row", ignored);
  } else if (again) {
    report(fmt::format("row {} of the table of leaves names '{}', which a row before it names", row, printable(key)));
  } else if (std::string why = defect(*entry, *kind); !why.empty()) {
    report(why);
  } else {
    known = kind;
  }
}

void LeafTable::read(ArrayTree& arrays, Findings& findings) {
  const Header& header = file_.header();
  const auto text_at = [&](const char* key) -> std::optional<std::string_view> {
    const auto it = header.metadata.find(key);
    return it == header.metadata.end() ? std::nullopt : std::optional<std::string_view>(it->second);
  };
  early_form_ = !text_at("2.0") && text_at("2.0.0") == "" && text_at("2.0.1") == "";
  std::map<std::uint64_t, Row> rows;
  for (auto it = header.metadata.lower_bound("2."); it != header.metadata.end() && it->first.starts_with("2."); ++it)
    add_row(it->first, it->second, rows, findings);
  std::uint64_t expected = 1;
  bool dense = true;
  for (const auto& [row, leaf] : rows) {
    if (row != expected && dense) {
      dense = false;
      findings.push_back(make_finding("KV203", Where::Part::leaf_table, fmt::format("2.{}.0", row),
                                      fmt::format("row {} of the table of leaves is missing although row {} is there; mlx-lm "
                                                  "fails on the gap",
                                                  expected, row)));
    }
    ++expected;
    if (leaf.key && leaf.kind) {
      add_leaf(row, *leaf.key, *leaf.kind, arrays, findings);
    } else {
      const std::string half = fmt::format("2.{}.{}", row, leaf.key ? 1 : 0);
      if (leaf.key) kinds_.insert_or_assign(*leaf.key, std::nullopt);
      findings.push_back(make_finding(
          "KV492", leaf.key ? where_of(*leaf.key) : Where(Where::Part::leaf_table), half,
          fmt::format("row {} of the table of leaves has no {}: '{}' is missing", row, leaf.key ? "kind" : "array", half)));
    }
  }
}

std::optional<LeafKind> LeafTable::kind(const std::string& key) const {
  const auto it = kinds_.find(key);
  return it == kinds_.end() ? LeafKind::array : it->second;
}

std::int64_t LeafTable::scalar(std::size_t array) const {
  return integers(file_.header().tensors[array]).front();
}

std::string LeafTable::text(std::size_t array) const {
  std::string out;
  const TensorEntry& entry = file_.header().tensors[array];
  if (entry.nbytes() == 0) return out;
  for (const std::int64_t c : integers(entry)) append_utf8(out, c);
  return out;
}

// "2.0" alone decides nothing: an older file whose first class is damaged to an empty text has it too.
bool is_leaf_table(const Header& header) {
  std::optional<std::string_view> first;
  bool rows = false;
  for (auto it = header.metadata.lower_bound("2."); it != header.metadata.end() && it->first.starts_with("2."); ++it) {
    const std::string_view path = std::string_view(it->first).substr(2);
    if (path == "0") {
      first = it->second;
    } else if (const std::size_t dot = path.find('.'); dot == std::string_view::npos) {
      return false;  // a list of classes
    } else {
      rows = rows || (parse_index(path.substr(0, dot)) && (path.substr(dot + 1) == "0" || path.substr(dot + 1) == "1"));
    }
  }
  if (first == "" && header.tensors.empty()) return true;
  const auto is_class = [](std::string_view text) {
    if (text.starts_with(state_class_prefix)) text.remove_prefix(state_class_prefix.size());
    return Decoder::knows_class(text);
  };
  if (first && !first->empty() && is_class(*first)) return false;
  bool classes = false;
  bool known_class = false;
  for (auto it = header.metadata.lower_bound("1."); it != header.metadata.end() && it->first.starts_with("1."); ++it) {
    if (!parse_index(std::string_view(it->first).substr(2))) continue;
    classes = true;
    known_class = known_class || is_class(it->second);
  }
  // Without rows it could be numbered user metadata; only layers whose state is arrays alone have none.
  return classes && (rows || (first == "" && known_class));
}

}  // namespace kvcache::detail
