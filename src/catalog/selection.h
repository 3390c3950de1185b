// Which of the listed files are meant: what `ls` shows of a folder, and what `prune` may take from it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog/list_files.h"

namespace kvcache::catalog {

/// ">4096", "<=1k": a number on one side of another.
struct NumberBound {
  bool above = true;       ///< else below
  bool inclusive = false;  ///< the number itself as well
  std::int64_t value = 0;
  [[nodiscard]] bool holds(std::int64_t number) const noexcept {
    if (number == value) return inclusive;
    return above ? number > value : number < value;
  }
};

/// Before or after a moment; of an age it is that of the moment it is asked for.
struct TimeBound {
  bool before = true;  ///< else after
  std::chrono::system_clock::time_point at;
  std::optional<std::chrono::seconds> age;  ///< as it was given, for messages
  [[nodiscard]] bool holds(std::chrono::system_clock::time_point time) const noexcept { return before ? time < at : time > at; }
};

/// Names of a model: a file is of it when its metadata say one of them, or its stamp was made from the model's own files.
struct ModelNames {
  std::string shown;               ///< as it was given
  std::vector<std::string> names;  ///< what metadata may say; one that is empty: nothing
  std::string config_sha256;       ///< of the model's config.json, or empty
};

/// All that is given has to hold.
struct Selection {
  std::optional<ModelNames> model;
  std::string format;  ///< as `ls` shows it
  std::vector<NumberBound> tokens;
  std::vector<NumberBound> bytes;
  std::vector<TimeBound> modified;
  std::vector<TimeBound> accessed;
  /// For `ls`: what is broken or has errors. For `prune`: what `verify` proves damaged.
  bool broken = false;
  bool proven = false;
  [[nodiscard]] bool any() const;

  struct Answer {
    bool meant = true;
    std::string why;  ///< the reasons that hold, or the first that does not
  };
  [[nodiscard]] Answer judge(const ListedFile& file) const;
};

}  // namespace kvcache::catalog
