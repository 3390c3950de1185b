// What is in a bucket.
#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/remote.h"
#include "remote/s3_service.h"

namespace kvcache::remote {

/// A page of the answer to ListObjectsV2, or to ListObjects of a service that knows no other.
struct Page {
  std::vector<Listed> objects;  ///< named s3://BUCKET/KEY
  Query next;                   ///< what the next page is asked for with: a token, or the last key; nothing after the last page
};
/// Throws Broken for what is no such answer.
[[nodiscard]] Page parse_page(std::string_view xml, const std::string& bucket);

/// Every object whose key begins with that of `prefix`, page by page. While one is looked at, the next is asked for.
class Listing {
 public:
  /// `owner`: what `service` is part of, kept as long as this.
  Listing(std::shared_ptr<void> owner, S3Service& service, ObjectAddress prefix);
  Listing(const Listing&) = delete;
  Listing& operator=(const Listing&) = delete;
  ~Listing() { cancelled_ = true; }

  /// Nothing after the last. Throws Error(io).
  [[nodiscard]] std::vector<Listed> next();

 private:
  [[nodiscard]] Page ask(const Query& which) const;
  void ask_ahead(const Query& which);

  std::shared_ptr<void> owner_;
  S3Service& service_;
  ObjectAddress prefix_;
  std::atomic<bool> cancelled_ = false;
  std::future<Page> page_;  // the last member: it is waited for while the others are still there
};

}  // namespace kvcache::remote
