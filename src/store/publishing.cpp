#include "store/publishing.h"

#include <fmt/format.h>

#include "kvcache/error.h"
#include "platform/disk_full.h"
#include "store/impl.h"

namespace kvcache::store::detail {
namespace {

/// One round: what is there already, and was discarded before its size was known, is left over.
std::vector<NewObject*> store_once(Objects& objects, std::span<NewObject* const> wanted,
                                   const std::function<void()>& meanwhile) {
  std::vector<Objects::Draft> drafts;
  for (NewObject* one : wanted)
    drafts.push_back({one->name, [one](ByteSink& out) { one->bytes = one->write(out); }, one->replaces});
  const auto note = [&] {
    for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i]->stored = drafts[i].stored;
  };
  try {
    objects.put_all(drafts, meanwhile);
  } catch (...) {
    note();
    throw;
  }
  note();
  std::vector<NewObject*> missing;
  for (NewObject* one : wanted) {
    if (one->stored) continue;
    // Stored before, and not in the index: by somebody who was killed, or who is just about to say so.
    const auto size = objects.size(one->name);
    one->bytes = size.value_or(0);
    if (!size) missing.push_back(one);
  }
  return missing;
}

}  // namespace

void store_all(Index& index, Objects& objects, std::span<NewObject> wanted) {
  std::vector<NewObject*> missing;
  for (NewObject& one : wanted) missing.push_back(&one);
  missing = store_once(objects, missing, [&] { index.prepare(); });
  while (!missing.empty()) missing = store_once(objects, missing, {});
}

void until_published(Index& index, Objects& objects, const Attempt& attempt) {
  const auto forget = [&] {
    std::vector<std::string> names;
    for (const NewObject& one : attempt.objects)
      if (one.stored) names.push_back(one.name);
    try {
      discard(index, objects, names);
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): the first error counts; `store gc` finds what is left
    }
  };
  bool evicted_for_disk = false;
  for (int tries = 0; tries < 16; ++tries) {
    try {
      if (attempt.publish(tries > 0)) return;
      forget();
    } catch (const kvcache::detail::DiskFull&) {
      forget();
      if (evicted_for_disk || !attempt.make_room()) throw;
      evicted_for_disk = true;
    } catch (const Error&) {
      forget();
      throw;
    }
  }
  throw Error(ErrorKind::io, fmt::format("the store changes faster than {}", attempt.what),
              "try again when fewer processes evict from it");
}

}  // namespace kvcache::store::detail
