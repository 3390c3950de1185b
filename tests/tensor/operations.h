// Random structural operations, each applied to a lazy tensor and to its naive model.
#pragma once

#include <rapidcheck.h>
#include <cstdint>
#include <utility>
#include <vector>

#include "naive.h"
#include "twins.h"

namespace test {

inline std::size_t random_axis(const Twins& in) {
  return *rc::gen::inRange<std::size_t>(0, in.eager.shape.size());
}

// Half of the time the same axis, counted from the end.
inline int either_sign(const Twins& in, std::size_t axis) {
  const int signed_axis = static_cast<int>(axis);
  return *rc::gen::arbitrary<bool>() ? signed_axis : signed_axis - static_cast<int>(in.eager.shape.size());
}

inline Twins random_slice(const Twins& in) {
  const std::size_t axis = random_axis(in);
  const std::int64_t begin = *rc::gen::inRange<std::int64_t>(0, in.eager.shape[axis] + 1);
  const std::int64_t end = *rc::gen::inRange<std::int64_t>(begin, in.eager.shape[axis] + 1);
  return {in.lazy.slice(either_sign(in, axis), begin, end), naive::slice(in.eager, axis, begin, end)};
}

inline Twins random_take(const Twins& in) {
  const std::size_t axis = random_axis(in);
  std::vector<std::int64_t> indices;
  if (in.eager.shape[axis] > 0) {
    const auto length = *rc::gen::inRange<std::size_t>(0, 6);
    indices = *rc::gen::container<std::vector<std::int64_t>>(length, rc::gen::inRange<std::int64_t>(0, in.eager.shape[axis]));
  }
  return {in.lazy.take(either_sign(in, axis), indices), naive::take(in.eager, axis, indices)};
}

inline Twins random_pad(const Twins& in) {
  const std::size_t axis = random_axis(in);
  const auto [before, after] = *rc::gen::pair(rc::gen::inRange<std::int64_t>(0, 3), rc::gen::inRange<std::int64_t>(0, 3));
  return {in.lazy.pad(either_sign(in, axis), before, after), naive::pad(in.eager, axis, before, after)};
}

inline Twins random_roll(const Twins& in) {
  const std::size_t axis = random_axis(in);
  const std::int64_t shift = *rc::gen::inRange<std::int64_t>(-12, 13);
  return {in.lazy.roll(either_sign(in, axis), shift), naive::roll(in.eager, axis, shift)};
}

inline Twins random_roll_each(const Twins& in) {
  if (in.eager.shape.size() < 2) return in;
  const std::size_t axis = *rc::gen::inRange<std::size_t>(1, in.eager.shape.size());
  const auto shifts = *rc::gen::container<std::vector<std::int64_t>>(static_cast<std::size_t>(in.eager.shape[0]),
                                                                     rc::gen::inRange<std::int64_t>(-12, 13));
  return {in.lazy.roll_each(either_sign(in, axis), shifts), naive::roll_each(in.eager, axis, shifts)};
}

inline Twins random_concatenate(const Twins& in) {
  const std::size_t axis = random_axis(in);
  Shape shape = in.eager.shape;
  shape[axis] = *rc::gen::inRange<std::int64_t>(0, 4);
  const Twins other = random_leaf(in.eager.dtype, shape);
  return {concatenate({in.lazy, other.lazy}, either_sign(in, axis)), naive::concatenate(in.eager, other.eager, axis)};
}

// Two neighbouring dimensions become one, or one is split off.
inline Twins random_reshape(const Twins& in) {
  Shape shape = in.eager.shape;
  if (shape.size() > 1 && *rc::gen::arbitrary<bool>()) {
    shape[0] *= shape[1];
    shape.erase(shape.begin() + 1);
  } else if (shape.size() < 5) {
    shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(random_axis(in)), 1);
  }
  return {in.lazy.reshape(shape), {in.eager.dtype, shape, in.eager.bytes}};
}

inline Twins random_operation(const Twins& in) {
  switch (*rc::gen::inRange(0, 7)) {
    case 0:
      return random_slice(in);
    case 1:
      return random_take(in);
    case 2:
      return random_pad(in);
    case 3:
      return random_roll(in);
    case 4:
      return random_roll_each(in);
    case 5:
      return random_concatenate(in);
    default:
      return random_reshape(in);
  }
}

}  // namespace test
