// The dimensions of an array.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <span>

namespace [[gnu::visibility("default")]] kvcache {

/// Dimensions, outermost first. Each is in [0, 2^31-1]; an empty shape is a scalar with one element.
/// Behaves as a std::vector<std::int64_t> does, but holds the four dimensions that nearly all arrays of caches have without an
/// allocation: a header has thousands of them. Pointers and iterators are valid until its size changes, or it is moved from.
class Shape {
 public:
  using value_type = std::int64_t;              ///< a dimension
  using size_type = std::size_t;                ///< a rank
  using difference_type = std::ptrdiff_t;       ///< between two iterators
  using reference = std::int64_t&;              ///< to a dimension
  using const_reference = const std::int64_t&;  ///< to a dimension
  using iterator = std::int64_t*;               ///< over dimensions
  using const_iterator = const std::int64_t*;   ///< over dimensions

  /// A scalar. Not defaulted: clang makes no constant of a class with such a union, nor of one that has a shape.
  Shape() noexcept {}  // NOLINT(modernize-use-equals-default)
  /// These dimensions.
  Shape(std::initializer_list<std::int64_t> dims) { assign(dims); }
  /// `rank` times the same dimension.
  explicit Shape(std::size_t rank, std::int64_t dim = 0) { resize(rank, dim); }
  /// A copy of these dimensions.
  explicit Shape(std::span<const std::int64_t> dims) { assign(dims); }
  /// A copy of these dimensions.
  template <std::forward_iterator Iterator>
  Shape(Iterator begin, Iterator end) {
    resize(static_cast<std::size_t>(std::distance(begin, end)));
    std::copy(begin, end, this->begin());
  }
  Shape(const Shape& other) { assign(other); }    ///< a copy
  Shape(Shape&& other) noexcept { take(other); }  ///< leaves a scalar behind
  /// A copy.
  Shape& operator=(const Shape& other) {
    if (this != &other) assign(other);
    return *this;
  }
  /// Leaves a scalar behind.
  Shape& operator=(Shape&& other) noexcept {
    if (this != &other) {
      release();
      take(other);
    }
    return *this;
  }
  ~Shape() { release(); }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }                                   ///< the rank
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }                                    ///< of a scalar
  [[nodiscard]] std::int64_t* data() noexcept { return inside() ? few_.data() : many_; }              ///< the first dimension
  [[nodiscard]] const std::int64_t* data() const noexcept { return inside() ? few_.data() : many_; }  ///< the first dimension
  [[nodiscard]] iterator begin() noexcept { return data(); }                                          ///< the outermost
  [[nodiscard]] iterator end() noexcept { return data() + size_; }                                    ///< behind the innermost
  [[nodiscard]] const_iterator begin() const noexcept { return data(); }                              ///< the outermost
  [[nodiscard]] const_iterator end() const noexcept { return data() + size_; }                        ///< behind the innermost

  /// The dimension of an axis below size().
  [[nodiscard]] std::int64_t& operator[](std::size_t axis) noexcept { return std::span(data(), size_)[axis]; }
  /// The dimension of an axis below size().
  [[nodiscard]] const std::int64_t& operator[](std::size_t axis) const noexcept { return std::span(data(), size_)[axis]; }
  [[nodiscard]] std::int64_t& front() noexcept { return (*this)[0]; }                     ///< the outermost; of no scalar
  [[nodiscard]] const std::int64_t& front() const noexcept { return (*this)[0]; }         ///< the outermost; of no scalar
  [[nodiscard]] std::int64_t& back() noexcept { return (*this)[size_ - 1]; }              ///< the innermost; of no scalar
  [[nodiscard]] const std::int64_t& back() const noexcept { return (*this)[size_ - 1]; }  ///< the innermost; of no scalar

  /// The first `rank` dimensions; further ones are `dim`.
  void resize(std::size_t rank, std::int64_t dim = 0) {
    const std::size_t before = size_;
    if (rank > few || !inside()) {
      move_to(rank);
    } else {
      size_ = rank;
    }
    if (rank > before) std::fill(begin() + before, end(), dim);
  }
  void clear() noexcept {  ///< no dimensions
    release();
    size_ = 0;
  }
  void push_back(std::int64_t dim) { resize(size_ + 1, dim); }  ///< one more, innermost
  /// One more in front of `at`. Returns where it is.
  iterator insert(const_iterator at, std::int64_t dim) { return insert(at, &dim, &dim + 1); }
  /// More in front of `at`, which are not dimensions of this shape. Returns where the first of them is.
  template <std::forward_iterator Iterator>
  iterator insert(const_iterator at, Iterator begin, Iterator end) {
    const std::ptrdiff_t index = at - this->begin();
    const std::size_t before = size_;
    resize(before + static_cast<std::size_t>(std::distance(begin, end)));
    std::copy_backward(this->begin() + index, this->begin() + before, this->end());
    std::copy(begin, end, this->begin() + index);
    return this->begin() + index;
  }
  /// Without the dimension at `at`. Returns where the next one is.
  iterator erase(const_iterator at) {
    const std::ptrdiff_t index = at - begin();
    std::copy(begin() + index + 1, end(), begin() + index);
    resize(size_ - 1);
    return begin() + index;
  }

  /// Equal rank and dimensions.
  friend bool operator==(const Shape& a, const Shape& b) noexcept { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

 private:
  static constexpr std::size_t few = 4;

  [[nodiscard]] bool inside() const noexcept { return size_ <= few; }
  void assign(std::span<const std::int64_t> dims) {
    resize(dims.size());
    std::copy(dims.begin(), dims.end(), begin());
  }
  void take(Shape& other) noexcept {
    size_ = other.size_;
    if (inside()) {
      few_ = other.few_;
    } else {
      many_ = other.many_;
    }
    other.size_ = 0;
  }
  void release() noexcept {
    if (!inside()) release_many();
  }
  void move_to(std::size_t rank);
  void release_many() noexcept;

  std::size_t size_ = 0;
  // Where they are: in `few_` up to that many, else in an array of exactly size_ of them.
  union {
    std::array<std::int64_t, few> few_{};
    std::int64_t* many_;
  };
};

}  // namespace kvcache
