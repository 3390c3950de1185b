// All cache classes, and how to tell them apart.
#pragma once

#include <concepts>
#include <cstdlib>
#include <type_traits>
#include <utility>

#include "kvcache/cache.h"                               // IWYU pragma: export
#include "kvcache/cache/arrays_cache.h"                  // IWYU pragma: export
#include "kvcache/cache/batch_kv_cache.h"                // IWYU pragma: export
#include "kvcache/cache/batch_rotating_kv_cache.h"       // IWYU pragma: export
#include "kvcache/cache/cache_list.h"                    // IWYU pragma: export
#include "kvcache/cache/chunked_kv_cache.h"              // IWYU pragma: export
#include "kvcache/cache/kv_cache.h"                      // IWYU pragma: export
#include "kvcache/cache/opaque_cache.h"                  // IWYU pragma: export
#include "kvcache/cache/quantized_kv_cache.h"            // IWYU pragma: export
#include "kvcache/cache/rotating_kv_cache.h"             // IWYU pragma: export
#include "kvcache/cache/turbo_quant_kv_cache.h"          // IWYU pragma: export
#include "kvcache/cache/variance_normalized_kv_cache.h"  // IWYU pragma: export

namespace [[gnu::visibility("default")]] kvcache {

namespace detail {

/// A class that is yet to come: what takes it would take every class, known or not.
class ClassToCome : public Cache {};

/// `Class`, const where `Base` is.
template <class Base, class Class>
using LikeConst = std::conditional_t<std::is_const_v<Base>, const Class, Class>;

/// What visit() does. The classes stand here alone; a new one that is missing does not compile.
template <class Base, class Visitor>
auto visit_class(Base& cache, Visitor& visitor) -> std::invoke_result_t<Visitor&, LikeConst<Base, KVCache>&> {
  static_assert(!std::is_invocable_v<Visitor&, LikeConst<Base, ClassToCome>&>,
                "name the classes: what takes any Cache would take those to come as well");
  switch (cache.kind()) {
    case CacheKind::kv:
      return visitor(static_cast<LikeConst<Base, KVCache>&>(cache));
    case CacheKind::rotating:
      return visitor(static_cast<LikeConst<Base, RotatingKVCache>&>(cache));
    case CacheKind::quantized:
      return visitor(static_cast<LikeConst<Base, QuantizedKVCache>&>(cache));
    case CacheKind::chunked:
      return visitor(static_cast<LikeConst<Base, ChunkedKVCache>&>(cache));
    case CacheKind::arrays:
      return visitor(static_cast<LikeConst<Base, ArraysCache>&>(cache));
    case CacheKind::list:
      return visitor(static_cast<LikeConst<Base, CacheList>&>(cache));
    case CacheKind::batch:
      return visitor(static_cast<LikeConst<Base, BatchKVCache>&>(cache));
    case CacheKind::batch_rotating:
      return visitor(static_cast<LikeConst<Base, BatchRotatingKVCache>&>(cache));
    case CacheKind::turbo_quant:
      return visitor(static_cast<LikeConst<Base, TurboQuantKVCache>&>(cache));
    case CacheKind::variance_normalized:
      return visitor(static_cast<LikeConst<Base, VarianceNormalizedKVCache>&>(cache));
    case CacheKind::opaque:
      return visitor(static_cast<LikeConst<Base, OpaqueCache>&>(cache));
  }
  std::abort();  // a kind that is none
}

}  // namespace detail

/// Each of the classes, for what needs something of every one: `[](const CacheClass auto& cache) { return f(cache.state()); }`.
template <class T>
concept CacheClass = std::derived_from<T, Cache> && requires {
  T::own_kind;
};

/// One of these classes: the parameter of a function for several, `[](const OneOf<KVCache, ChunkedKVCache> auto& cache)`.
template <class T, class... Classes>
concept OneOf = (std::same_as<T, Classes> || ...);

/// Functions for one class or several each, as one visitor: `PerClass{[](const KVCache&) { ... }, ...}`.
template <class... Functions>
struct PerClass : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
PerClass(Functions...) -> PerClass<Functions...>;  ///< of the functions given

/// Calls `visitor` with the cache as the class it is. It takes each class by name: one that leaves a class out, or takes any
/// Cache, does not compile. What it returns for a KVCache is the type of the result.
template <class Visitor>
decltype(auto) visit(const Cache& cache, Visitor&& visitor) {
  return detail::visit_class<const Cache>(cache, visitor);
}
/// @copydoc visit(const Cache&, Visitor&&)
template <class Visitor>
decltype(auto) visit(Cache& cache, Visitor&& visitor) {
  return detail::visit_class<Cache>(cache, visitor);
}

}  // namespace kvcache
