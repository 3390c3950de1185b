#include "catalog/selection.h"

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>
#include <utility>

#include "common/count_of.h"
#include "common/human.h"

namespace kvcache::catalog {
namespace {

using std::chrono::system_clock;

std::string age(system_clock::time_point time) {
  return detail::human_age(std::chrono::duration_cast<std::chrono::seconds>(system_clock::now() - time));
}

/// Gathers the reasons, and stops at the first that does not hold.
class Reasons {
 public:
  bool holds(bool holds, std::string yes, std::string no) {
    if (!holds) {
      answer_ = {false, std::move(no)};
      return false;
    }
    reasons_.push_back(std::move(yes));
    return true;
  }
  [[nodiscard]] Selection::Answer answer() const {
    if (!answer_.meant) return answer_;
    return {true, fmt::format("{}", fmt::join(reasons_, "; "))};
  }

 private:
  std::vector<std::string> reasons_;
  Selection::Answer answer_;
};

bool is_of(const ListedFile& file, const ModelNames& model) {
  if (std::ranges::find(model.names, file.model) != model.names.end()) return true;
  return !model.config_sha256.empty() && model.config_sha256 == file.config_sha256;
}

}  // namespace

bool Selection::any() const {
  return model || !format.empty() || !tokens.empty() || !bytes.empty() || !modified.empty() || !accessed.empty() || broken ||
         proven;
}

Selection::Answer Selection::judge(const ListedFile& file) const {
  Reasons reasons;
  if (model) {
    const std::string is = file.model.empty() ? "it names no model" : "model " + file.model;
    if (!reasons.holds(is_of(file, *model), is, is)) return reasons.answer();
  }
  if (!format.empty()) {
    const std::string is = file.format.empty() ? "its format is unknown" : "format " + file.format;
    if (!reasons.holds(file.format == format, is, is)) return reasons.answer();
  }
  for (const NumberBound& bound : tokens) {
    const std::string is = detail::count_of(static_cast<std::uint64_t>(std::max<std::int64_t>(file.tokens, 0)), "token");
    // A file that cannot be read has no number of tokens, rather than none.
    const bool known = file.kind == ListedFile::Kind::cache || file.kind == ListedFile::Kind::block;
    if (!reasons.holds(known && bound.holds(file.tokens), is, is)) return reasons.answer();
  }
  for (const NumberBound& bound : bytes) {
    const std::string is = detail::human_bytes(static_cast<double>(file.bytes));
    if (!reasons.holds(bound.holds(static_cast<std::int64_t>(file.bytes)), is, is)) return reasons.answer();
  }
  for (const TimeBound& bound : modified) {
    const std::string is = fmt::format("{} old", age(file.modified));
    if (!reasons.holds(bound.holds(file.modified), is, bound.before ? "only " + is : is)) return reasons.answer();
  }
  for (const TimeBound& bound : accessed) {
    if (file.accessed == system_clock::time_point()) return {false, "when it was last read is not known"};
    const std::string is = fmt::format("last read {} ago", age(file.accessed));
    if (!reasons.holds(bound.holds(file.accessed), is, bound.before ? fmt::format("read only {} ago", age(file.accessed)) : is))
      return reasons.answer();
  }
  if (broken) {
    const bool wrong = file.kind == ListedFile::Kind::broken || file.verdict.starts_with("errors");
    if (!reasons.holds(wrong, "broken: " + file.verdict, "not broken")) return reasons.answer();
  }
  if (proven && !reasons.holds(file.damaged, "broken: " + file.verdict, "not broken")) return reasons.answer();
  return reasons.answer();
}

}  // namespace kvcache::catalog
