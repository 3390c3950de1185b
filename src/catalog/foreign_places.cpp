#include "catalog/foreign_places.h"

namespace kvcache::catalog {

ForeignPlaces foreign_places(const std::string& folder) {
  ForeignPlaces out;
  out.places = foreign::places_below(folder);
  for (const foreign::Place& place : out.places)
    if (!place.is_file) out.folders.insert(place.path);
  // A folder that is named with a slash at its end.
  for (const foreign::Place& place : out.places)
    if (!place.is_file && place.path.size() < folder.size() && folder.starts_with(place.path)) out.folders.insert(folder);
  return out;
}

}  // namespace kvcache::catalog
