#include "format/sections/decoder_layer.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "cache/invariants/keys_and_values.h"
#include "common/count_of.h"

namespace kvcache::detail {
namespace {

bool is_canonical(std::string_view text, bool may_be_negative) {
  if (may_be_negative && text.size() > 1 && text[0] == '-' && text[1] != '0') text.remove_prefix(1);
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return false;
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

Meta flatten(const LayerInput& in) {
  Meta meta;
  if (in.meta == nullptr) {
    meta.form = in.framed ? Meta::Form::list : Meta::Form::absent;
    return meta;
  }
  if (in.meta->value) {
    meta.form = Meta::Form::scalar;
    meta.values = {&*in.meta->value, 1};
    return meta;
  }
  meta.form = Meta::Form::list;
  for (const auto& [index, child] : in.meta->children) {
    if (!child.value) {
      meta.form = Meta::Form::tree;
      break;
    }
    meta.listed.push_back(*child.value);
  }
  meta.values = meta.listed;
  return meta;
}

/// Numbers of sequences beyond this are no batch anybody decodes; bounds what is read into memory.
constexpr std::int64_t max_batch = std::int64_t{1} << 20;

}  // namespace

std::string shape_of(const TensorEntry& entry) {
  return to_string(entry.shape);
}

IntegerError parse_int32(std::string_view text, std::int64_t& value) {
  if (!is_canonical(text, true)) return IntegerError::syntax;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool fits = error == std::errc() && value >= std::numeric_limits<std::int32_t>::min() &&
                    value <= std::numeric_limits<std::int32_t>::max();
  return fits ? IntegerError::none : IntegerError::range;
}

IntegerError parse_uint64(std::string_view text, std::uint64_t& value) {
  if (!is_canonical(text, false)) return IntegerError::syntax;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? IntegerError::none : IntegerError::range;
}

IntegerError parse_int32_list(std::string_view text, std::vector<std::int64_t>& values) {
  values.clear();
  if (text.empty()) return IntegerError::none;
  while (true) {
    const std::size_t comma = text.find(',');
    std::int64_t value = 0;
    if (const auto error = parse_int32(text.substr(0, comma), value); error != IntegerError::none) return error;
    values.push_back(value);
    if (comma == std::string_view::npos) return IntegerError::none;
    text.remove_prefix(comma + 1);
  }
}

Decoder::Layer::Layer(Decoder& d, const LayerInput& input) : decoder(d), in(input), meta(flatten(input)) {
  static const EraSet sections = eras_laid_out_as(LayoutName::sections);
  out.eras = sections;
}

void Decoder::Layer::report(std::string_view code, const std::string& message, const std::string& key, Remedy remedy) {
  decoder.findings_.push_back(make_finding(code, in.where, key.empty() ? in.key : key, message, std::move(remedy)));
}

bool Decoder::Layer::fail(std::string_view code, const std::string& message, const std::string& key, Remedy remedy) {
  report(code, message, key, std::move(remedy));
  return false;
}

bool Decoder::Layer::not_ours(std::string_view code, const std::string& message, std::string_view owner,
                              const std::string& key) {
  report(code, message, key, what_works());
  report("KV717", fmt::format("a layout of {}: not understood here, and no damage; its arrays are carried along", owner), key);
  return false;
}

Remedy Decoder::Layer::what_works() {
  return Remedy(Remedy::Action::inspect, {{"tensors", ""}}) +
         " shows what is stored; metadata, stamp and diff work on the file";
}

void Decoder::Layer::only(EraSet eras, std::string evidence) {
  out.eras &= eras;
  out.evidence.push_back(std::move(evidence));
}

void Decoder::Layer::done(std::unique_ptr<Cache> cache) {
  out.cache = std::move(cache);
  out.decoded = true;
}

std::optional<std::vector<std::size_t>> Decoder::Layer::flat_arrays() const {
  std::vector<std::size_t> list;
  if (in.arrays == nullptr) return list;
  list.reserve(in.arrays->children.size());
  for (const auto& [index, child] : in.arrays->children) {
    if (!child.value) return std::nullopt;
    list.push_back(*child.value);
  }
  return list;
}

std::string Decoder::Layer::describe_arrays() const {
  if (!has_arrays()) return "no arrays";
  const auto list = flat_arrays();
  if (list) return count_of(list->size(), "array");
  std::string groups;
  for (const auto& [index, child] : in.arrays->children)
    groups += fmt::format("{}{}", groups.empty() ? "" : " + ", child.value ? 1 : child.children.size());
  return fmt::format("nested arrays ({})", groups);
}

bool Decoder::Layer::expect_no_meta() {
  // Most layers ask for one of these; the table of eras is gone through once.
  const auto with = [](NoMeta form) { return eras_where([form](const EraTraits& t) { return t.no_meta == form; }); };
  static const EraSet with_absent = with(NoMeta::absent), with_scalar = with(NoMeta::scalar), with_list = with(NoMeta::list);
  switch (meta.form) {
    case Meta::Form::absent:
      only(with_absent, "no metadata");
      return true;
    case Meta::Form::scalar:
      if (!meta.values[0].empty())
        return fail("KV305",
                    fmt::format("metadata '{}' of a {} that has none", printable(meta.values[0]), printable(in.class_text)));
      only(with_scalar, "empty text as metadata");
      return true;
    case Meta::Form::list:
      if (in.framed) {  // a child of a framed list counts its metadata; only Swift counts an empty one
        if (meta.values.size() > 1 || (meta.values.size() == 1 && !meta.values[0].empty())) break;
        const bool placeholder = meta.values.size() == 1;
        only(eras_where(
                 [&](const EraTraits& t) { return t.list == ListLayout::framed && t.framed_kv_placeholder == placeholder; }),
             fmt::format("{} in a list counts {}", printable(in.class_text), metadata_values()));
        return true;
      }
      if (meta.values.size() != 1 || !meta.values[0].empty()) break;
      only(with_list, "metadata is a list with one empty text");
      return true;
    case Meta::Form::tree:
      break;
  }
  return fail("KV304", fmt::format("{} for the class {}, which has none", metadata_values(), printable(in.class_text)));
}

std::string Decoder::Layer::metadata_values() const {
  return count_of(meta.values.size(), "metadata value");
}

bool Decoder::Layer::expect_fields(std::initializer_list<std::size_t> counts) {
  if (meta.form == Meta::Form::list && std::ranges::find(counts, meta.values.size()) != counts.end()) return true;
  std::string wanted;
  for (const std::size_t n : counts) wanted += fmt::format("{}{}", wanted.empty() ? "" : ", ", n);
  if (const std::size_t last = wanted.rfind(", "); last != std::string::npos) wanted.replace(last, 2, " or ");
  std::string found = metadata_values();
  if (meta.form == Meta::Form::absent) found = "no metadata";
  if (meta.form == Meta::Form::scalar) found = fmt::format("a single metadata value '{}'", printable(meta.values[0]));
  if (meta.form == Meta::Form::tree) found = "nested metadata";
  return fail("KV304", fmt::format("{} instead of {} for the class {}", found, wanted, printable(in.class_text)));
}

bool Decoder::Layer::integer(std::size_t field, std::string_view name, std::int64_t& value) {
  const std::string& text = meta.values[field];
  const IntegerError error = parse_int32(text, value);
  if (error == IntegerError::none) return true;
  const std::string key = fmt::format("{}.{}", in.key, field);
  switch (error) {
    case IntegerError::none:
    case IntegerError::syntax:
      return fail("KV305", fmt::format("{} is '{}', which is not a plain integer", name, printable(text)), key);
    case IntegerError::range:
      break;
  }
  return fail("KV306", fmt::format("{} is {}, beyond 32 bits", name, printable(text)), key);
}

bool Decoder::Layer::expect_arrays(std::size_t n, std::vector<std::size_t>& arrays) {
  auto list = flat_arrays();
  if (!list || list->size() != n)
    return fail("KV303", fmt::format("{} instead of {} for the class {}", describe_arrays(), n, printable(in.class_text)));
  arrays = *std::move(list);
  return true;
}

bool Decoder::Layer::expect_rank(std::size_t array, std::size_t rank, std::string_view what) {
  const TensorEntry& e = decoder.entry(array);
  if (const auto problem = wrong_rank(what, e.shape, rank)) return fail("KV307", problem->message, e.key);
  return true;
}

bool Decoder::Layer::expect_float(std::size_t array, std::string_view what) {
  const TensorEntry& e = decoder.entry(array);
  if (is_float(e.dtype)) return true;
  if (e.dtype == Dtype::F8_E4M3 || e.dtype == Dtype::F8_E8M0)
    return not_ours("KV308", fmt::format("{} are {}, which MLX reads as U8: no class has such {}", what, name(e.dtype), what),
                    "a fork that stores 8-bit floats", e.key);
  return fail("KV308", fmt::format("{} are {} instead of F16, BF16 or F32", what, name(e.dtype)), e.key);
}

bool Decoder::Layer::expect_dtype(std::size_t array, Dtype dtype, std::string_view what) {
  const TensorEntry& e = decoder.entry(array);
  if (e.dtype == dtype) return true;
  return fail("KV308", fmt::format("{} are {} instead of {}", what, name(e.dtype), name(dtype)), e.key);
}

bool Decoder::Layer::check_keys_and_values(std::size_t keys, std::size_t values) {
  if (!expect_rank(keys, 4, "keys") || !expect_rank(values, 4, "values")) return false;
  if (!expect_float(keys, "keys") || !expect_float(values, "values")) return false;
  const TensorEntry& k = decoder.entry(keys);
  const TensorEntry& v = decoder.entry(values);
  if (const auto problem = pair_disagrees(k.shape, v.shape)) return fail("KV309", problem->message, v.key);
  if (k.shape[1] != v.shape[1]) report("KV310", fmt::format("keys have {} heads, values {}", k.shape[1], v.shape[1]), v.key);
  // An indexer of sparse attention keeps keys only: mlx-lm gives it values without width, in F32 whatever the model's dtype.
  if (k.dtype != v.dtype && v.shape[3] != 0)
    report("KV311", fmt::format("keys are {}, values {}", name(k.dtype), name(v.dtype)), v.key);
  return true;
}

bool Decoder::Layer::read_int32s(std::size_t array, std::int64_t batch, std::string_view what, Int32s& values) {
  if (!expect_rank(array, 1, what) || !expect_dtype(array, Dtype::I32, what)) return false;
  const TensorEntry& e = decoder.entry(array);
  if (const auto problem = wrong_entries(what, e.shape[0], batch)) return fail("KV309", problem->message, e.key);
  if (batch > max_batch)
    return fail("KV309", fmt::format("{} sequences: more than the {} this tool handles", batch, max_batch), e.key);
  for (const std::int64_t v : decoder.tensor(array).integers()) values.push_back(static_cast<std::int32_t>(v));
  return true;
}

bool Decoder::Layer::unused_layer() {
  if (has_arrays()) return false;
  out.unused = true;
  // Python fails to save a cache that was never used; Swift and mlxrs write its class and metadata alone.
  only(eras_where([](const EraTraits& t) { return t.dialect.family != Family::mlx_lm; }), "class and metadata without arrays");
  return true;
}

}  // namespace kvcache::detail
