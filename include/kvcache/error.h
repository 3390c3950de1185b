// The one exception type of the library.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include "kvcache/remedy.h"
#include "kvcache/where.h"

namespace [[gnu::visibility("default")]] kvcache {

/// What kind of failure an Error is.
/// Values are part of the binary interface: none is changed or used again, new ones come at the end.
enum class ErrorKind {
  usage = 0,        ///< the caller asked for something that makes no sense (index out of range, output exists)
  unreadable = 1,   ///< an input is not readable as a prompt cache (broken container, truncated, not a cache)
  impossible = 2,   ///< the operation is not possible for this cache (wrapped window, classes differ, lossy)
  io = 3,           ///< the operating system failed us (missing file, permission, disk full)
  interrupted = 4,  ///< a stop was requested (stop.h)
};

/// Thrown by everything in the library. what() is one line without the file's name; remedy() says what to do instead, or
/// is empty; code() is the finding code of `kvcache verify` for defects of a file ("KV117"), or empty.
class Error : public std::runtime_error {
 public:
  /// `message`: one line, without the name of the file.
  Error(ErrorKind kind, const std::string& message, Remedy remedy = {}, std::string code = {})
      : std::runtime_error(message), kind_(kind), remedy_(std::move(remedy)), code_(std::move(code)) {}

  /// What kind of failure it is.
  [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }
  /// What to do instead, or empty.
  [[nodiscard]] const Remedy& remedy() const noexcept { return remedy_; }
  /// Finding code ("KV117"), or empty.
  [[nodiscard]] const std::string& code() const noexcept { return code_; }
  /// Tensor key or metadata key the defect is about, if any.
  [[nodiscard]] const std::string& key() const noexcept { return key_; }
  /// The layer or part of the file that it is about, as far as that is known.
  [[nodiscard]] const Where& where() const noexcept { return where_; }
  /// The file that it is about, as it was given; empty where who called knows best.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  /// The same error, about this key.
  Error& at_key(std::string key) {
    key_ = std::move(key);
    return *this;
  }
  /// The same error, about this place, unless it has one already.
  Error& at(Where where) {
    if (where_.empty()) where_ = std::move(where);
    return *this;
  }
  /// The same error, about this file, unless it has one already.
  Error& in_file(std::string path) {
    if (path_.empty()) path_ = std::move(path);
    return *this;
  }
  /// The same error with "CONTEXT: " before its message; everything else stays.
  [[nodiscard]] Error with_context(const std::string& context) const;

 private:
  ErrorKind kind_;
  Remedy remedy_;
  std::string code_;
  std::string key_;
  Where where_;
  std::string path_;
};

}  // namespace kvcache
