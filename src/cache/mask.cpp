#include "cache/mask.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "kvcache/error.h"

namespace kvcache::detail {
namespace {

// One boolean per unit, so that a tile is never larger than the scheduler wants, however long a row is.
class SpanRows final : public Computation {
 public:
  SpanRows(std::vector<VisibleSpan> spans, std::int64_t columns, std::int64_t shift)
      : spans_(std::move(spans)), columns_(static_cast<std::uint64_t>(columns)), shift_(static_cast<std::uint64_t>(shift)) {}

  [[nodiscard]] std::size_t outputs() const override { return 1; }
  [[nodiscard]] std::uint64_t units() const override { return spans_.size() * columns_; }
  [[nodiscard]] std::uint64_t unit_bytes(std::size_t /*output*/) const override { return 1; }
  [[nodiscard]] std::uint64_t unit_input_bytes() const override { return 1; }

  void evaluate(std::uint64_t first, std::uint64_t count, std::span<const std::span<std::byte>> out) const override {
    std::byte* to = out[0].data();
    if (out[0].empty()) return;
    for (std::uint64_t done = 0; done < count;) {
      const std::uint64_t row = (first + done) / columns_;
      const std::uint64_t column = (first + done) % columns_;
      const std::uint64_t length = std::min(columns_ - column, count - done);
      fill(spans_[row], column, {to + done, length});
      done += length;
    }
  }

 private:
  // Columns [column, column + out.size()) of a row with this span.
  void fill(const VisibleSpan& span, std::uint64_t column, std::span<std::byte> out) const {
    const auto begin = static_cast<std::uint64_t>(std::max<std::int64_t>(span.begin, 0));
    const auto end = std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(span.end, 0)), columns_);
    for (std::uint64_t i = 0; i < out.size(); ++i) {
      const std::uint64_t unrolled = (column + i + columns_ - shift_) % columns_;
      out[i] = std::byte{static_cast<unsigned char>(unrolled >= begin && unrolled < end)};
    }
  }

  std::vector<VisibleSpan> spans_;
  std::uint64_t columns_;
  std::uint64_t shift_;  // in [0, columns)
};

}  // namespace

VisibleSpan causal_span(std::int64_t query, std::optional<std::int64_t> window) {
  return {window ? std::max<std::int64_t>(query - *window + 1, 0) : 0, query + 1};
}

Tensor mask_of_spans(Shape shape, std::vector<VisibleSpan> spans, std::int64_t shift) {
  const std::int64_t columns = shape.back();
  if (columns == 0 || spans.empty()) return Tensor::zeros(Dtype::BOOL, std::move(shape));
  auto rows = std::make_shared<SpanRows>(std::move(spans), columns, ((shift % columns) + columns) % columns);
  return Tensor::computed(std::move(rows), 0, Dtype::BOOL, std::move(shape));
}

void check_mask_request(std::int64_t queries, std::optional<std::int64_t> window) {
  if (queries < 1) throw Error(ErrorKind::usage, fmt::format("a mask for {} queries", queries), "give at least one query");
  if (window && *window < 1) {
    throw Error(ErrorKind::usage, fmt::format("a window of {} tokens", *window), "a window holds at least one token");
  }
}

void check_mask_size(const Shape& shape) {
  constexpr std::uint64_t most = std::uint64_t{1} << 28U;
  const auto elements = element_count(shape);
  const bool fits = std::all_of(shape.begin(), shape.end(), [](std::int64_t dim) { return dim >= 0 && dim <= max_dim; });
  if (fits && elements && *elements <= most) return;
  throw Error(ErrorKind::impossible, fmt::format("a mask of shape {} has more than {} booleans", to_string(shape), most),
              "ask for fewer queries at a time");
}

std::int64_t columns_of(std::int64_t queries, std::int64_t offset) {
  return queries > max_dim - offset ? std::int64_t{max_dim} + 1 : offset + queries;
}

Tensor causal_mask(std::int64_t queries, std::int64_t offset, std::optional<std::int64_t> window) {
  check_mask_request(queries, window);
  Shape shape{queries, columns_of(queries, offset)};
  check_mask_size(shape);
  std::vector<VisibleSpan> spans;
  for (std::int64_t query = 0; query < queries; ++query) spans.push_back(causal_span(offset + query, window));
  return mask_of_spans(std::move(shape), std::move(spans));
}

Tensor left_padded_mask(std::int64_t queries, std::int64_t offset, std::optional<std::int64_t> window,
                        const Int32s& left_padding, std::int64_t shift) {
  Shape shape{static_cast<std::int64_t>(left_padding.size()), 1, queries, columns_of(queries, offset)};
  check_mask_size(shape);
  std::vector<VisibleSpan> spans;
  for (const std::int32_t padding : left_padding) {
    for (std::int64_t query = offset; query < offset + queries; ++query) {
      VisibleSpan span = causal_span(query, window);
      span.begin = std::max<std::int64_t>(span.begin, padding);
      spans.push_back(span);
    }
  }
  return mask_of_spans(std::move(shape), std::move(spans), shift);
}

Mask attention_mask(std::int64_t queries, std::int64_t offset, std::optional<std::int64_t> window, bool return_array) {
  check_mask_request(queries, window);
  // A window always makes an array, even where it hides nothing; one query without a window never does.
  if (!window && queries == 1) return {};
  if (!window && !return_array) return {Mask::Kind::causal, {}};
  return {Mask::Kind::array, causal_mask(queries, offset, window)};
}

}  // namespace kvcache::detail
