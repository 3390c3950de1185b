// What back ends of objects have in common.
#include "kvcache/store/objects.h"

namespace kvcache::store {

void Objects::put_all(std::span<Draft> drafts, const std::function<void()>& meanwhile) {
  if (meanwhile) meanwhile();
  for (Draft& draft : drafts) {
    draft.stored = false;
    if (draft.replaces) {
      replace(draft.name, draft.write);
      draft.stored = true;
    } else {
      draft.stored = put(draft.name, draft.write);
    }
  }
}

}  // namespace kvcache::store
