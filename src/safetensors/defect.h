// What is wrong with a container, before it is thrown.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "kvcache/error.h"

namespace kvcache::detail {

struct Defect {
  std::string_view code;  ///< of a literal: "KV111"
  std::string message;
  std::string key;
  Remedy remedy;
};

[[noreturn]] inline void throw_defect(Defect defect) {
  throw Error(Error(ErrorKind::unreadable, defect.message, std::move(defect.remedy), std::string(defect.code))
                  .at_key(std::move(defect.key)));
}

/// The defect to report of several: that of the lowest code, and of equal ones the first. A header that is no JSON has no
/// wrong entries, and an entry that occurs twice is not judged by either.
class FirstDefect {
 public:
  void note(Defect defect) {
    if (!defect_ || defect.code < defect_->code) defect_ = std::move(defect);
  }
  [[nodiscard]] bool any() const noexcept { return defect_.has_value(); }
  void throw_if_any() {
    if (defect_) throw_defect(std::move(*defect_));
  }

 private:
  std::optional<Defect> defect_;
};

}  // namespace kvcache::detail
