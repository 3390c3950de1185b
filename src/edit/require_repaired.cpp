#include "edit/require_repaired.h"

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>

#include "common/count_of.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::detail {
namespace {

std::string at(const Where& where) {
  return where.empty() ? "" : where.text() + ": ";
}

}  // namespace

void require_repaired(const RepairPlan& plan) {
  if (is_repaired(plan)) return;
  if (!plan.undecided.empty()) {
    const Undecided& first = plan.undecided.front();
    const std::size_t more = plan.undecided.size() - 1;
    throw Error(ErrorKind::impossible,
                fmt::format("{}{}: nothing in the file tells which is right{} ({})", at(first.where), first.message,
                            more == 0 ? "" : fmt::format(", and {} of that kind", count_of(more, "more finding")), first.code),
                fmt::format("possible: {}", fmt::join(first.choices, "; ")), first.code);
  }
  const auto error = std::ranges::find_if(plan.left, [](const Finding& f) { return f.severity == Severity::error; });
  throw Error(
      Error(ErrorKind::impossible,
            fmt::format("{}{}: nothing in the file tells what it was ({})", at(error->where), error->message, error->code),
            error->remedy.empty() ? Remedy(Remedy::Action::verify) + " lists everything; get or make the file again"
                                  : error->remedy,
            error->code)
          .at_key(error->key));
}

}  // namespace kvcache::detail
