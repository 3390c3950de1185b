// What is in a bucket.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kvcache/remote.h"
#include "remote/s3_service.h"

namespace kvcache::remote {

/// A page of the answer to ListObjectsV2.
struct Page {
  std::vector<Listed> objects;  ///< named s3://BUCKET/KEY
  std::string next;             ///< the token to go on with, or empty
};
/// Throws Broken for what is no such answer.
[[nodiscard]] Page parse_page(std::string_view xml, const std::string& bucket);

/// Every object whose key begins with that of `prefix`. Throws Error(io).
[[nodiscard]] std::vector<Listed> list_objects(S3Service& service, const ObjectAddress& prefix);

}  // namespace kvcache::remote
