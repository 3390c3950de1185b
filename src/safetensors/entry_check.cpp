#include "safetensors/entry_check.h"

#include <fmt/format.h>

#include "common/quote.h"

namespace kvcache::detail {

void EntryCheck::start(std::string key) {
  *this = {};
  entry_.key = std::move(key);
}

void EntryCheck::malformed(std::string what) {
  if (malformed_.empty()) malformed_ = std::move(what);
}

void EntryCheck::field(std::string_view name) {
  field_ = name == "dtype"          ? Field::dtype
           : name == "shape"        ? Field::shape
           : name == "data_offsets" ? Field::offsets
                                    : Field::none;
}

void EntryCheck::scalar(const Scalar& scalar) {
  switch (std::exchange(field_, Field::none)) {
    case Field::none:
      break;
    case Field::dtype:
      if (scalar.kind == Scalar::Kind::string) {
        dtype_ = std::move(*scalar.text);
      } else {
        malformed("its dtype is not a string");
      }
      break;
    case Field::shape:
      malformed("its shape is not a list");
      break;
    case Field::offsets:
      malformed("its data_offsets are not a list");
      break;
  }
}

void EntryCheck::start_object() {
  scalar({.kind = Scalar::Kind::other});
}

void EntryCheck::start_array() {
  if (field_ == Field::dtype) start_object();
  if (field_ == Field::shape) has_shape_ = true;
  if (field_ == Field::offsets) offsets_ = 0;
}

void EntryCheck::element(const Scalar& scalar) {
  if (field_ == Field::shape) dimension(scalar);
  if (field_ == Field::offsets) offset(scalar);
}

void EntryCheck::nested_element() {
  element({.kind = Scalar::Kind::other});
}

void EntryCheck::dimension(const Scalar& scalar) {
  using Kind = Scalar::Kind;
  const std::uint64_t index = rank_++;
  if (scalar.kind == Kind::plain && scalar.value <= static_cast<std::uint64_t>(max_dim)) {
    if (index < max_rank) entry_.shape.push_back(static_cast<std::int64_t>(scalar.value));
  } else if (scalar.kind != Kind::plain && scalar.kind != Kind::negative && scalar.kind != Kind::huge) {
    malformed(fmt::format("dimension {} is not an integer", index));
  } else if (bad_dimension_.empty()) {
    bad_dimension_ = scalar.kind == Kind::negative ? fmt::format("dimension {} is negative", index)
                     : scalar.kind == Kind::huge   ? fmt::format("dimension {} is above 2^64", index)
                                                   : fmt::format("dimension {} is {}", index, scalar.value);
  }
}

void EntryCheck::offset(const Scalar& scalar) {
  using Kind = Scalar::Kind;
  const std::size_t index = (*offsets_)++;
  if (scalar.kind == Kind::plain) {
    if (index == 0) entry_.begin = scalar.value;
    if (index == 1) entry_.end = scalar.value;
  } else if (scalar.kind == Kind::negative) {
    malformed("an offset is negative");
  } else if (scalar.kind == Kind::huge) {
    malformed("an offset is above 2^64 - 1");
  } else {
    malformed("an offset is not an integer");
  }
}

Defect EntryCheck::defect(std::string_view code, const std::string& what, std::string hint) const {
  return {code, fmt::format("tensor {}: {}", in_quotes(entry_.key), what), entry_.key, std::move(hint)};
}

std::optional<Defect> EntryCheck::so_far() const {
  if (!malformed_.empty()) return defect("KV111", malformed_);
  if (!bad_dimension_.empty()) return defect("KV113", fmt::format("{}; MLX allows 0 to {}", bad_dimension_, max_dim));
  return std::nullopt;
}

std::optional<Defect> EntryCheck::finish(std::uint64_t data_bytes, TensorEntry& out) {
  std::optional<Defect> found = check(data_bytes);
  if (!found) out = std::move(entry_);
  return found;
}

std::optional<Defect> EntryCheck::check(std::uint64_t data_bytes) {
  if (!malformed_.empty()) return so_far();
  if (!dtype_) return defect("KV111", "it has no dtype");
  if (!has_shape_) return defect("KV111", "it has no shape");
  if (!offsets_) return defect("KV111", "it has no data_offsets");
  if (*offsets_ != 2) return defect("KV111", fmt::format("it has {} data_offsets instead of 2", *offsets_));

  const std::optional<Dtype> dtype = parse_dtype(*dtype_);
  if (!dtype) return defect("KV112", fmt::format("MLX reads no dtype {}", in_quotes(*dtype_)));
  entry_.dtype = *dtype;

  if (rank_ > max_rank) return defect("KV113", fmt::format("it has {} dimensions, more than {}", rank_, max_rank));
  if (!bad_dimension_.empty()) return so_far();

  const std::optional<std::uint64_t> elements = element_count(entry_.shape);
  const std::uint64_t item = item_size(entry_.dtype);
  constexpr std::uint64_t limit = std::uint64_t{1} << 63U;
  if (!elements || *elements > (limit - 1) / item) {
    return defect("KV114", fmt::format("the size of {} {} does not fit into 63 bits", *dtype_, to_string(entry_.shape)));
  }
  if (entry_.begin > entry_.end) {
    return defect("KV115", fmt::format("its range {}..{} is backwards", entry_.begin, entry_.end));
  }
  if (entry_.nbytes() != *elements * item) {
    return defect("KV116", fmt::format("{} {} takes {} bytes, but its range {}..{} has {}", *dtype_, to_string(entry_.shape),
                                       *elements * item, entry_.begin, entry_.end, entry_.nbytes()));
  }
  if (entry_.end > data_bytes) {
    return defect("KV117", fmt::format("it ends at byte {} of the data, the file at {}", entry_.end, data_bytes),
                  "the file was probably cut off; save or copy it again");
  }
  return std::nullopt;
}

}  // namespace kvcache::detail
