// What is thrown where a disk is full: who has something on it to do without may make room and try again.
#pragma once

#include <cerrno>
#include <string>
#include <utility>

#include "kvcache/error.h"

namespace kvcache::detail {

/// Whether an error of the system says that a disk, or what its user may take of it, is full.
constexpr bool is_disk_full(int error) {
  return error == ENOSPC || error == EDQUOT;
}

/// An Error(io) with this for its reason.
class DiskFull final : public Error {
 public:
  explicit DiskFull(const std::string& message, Remedy remedy) : Error(ErrorKind::io, message, std::move(remedy)) {}
};

}  // namespace kvcache::detail
