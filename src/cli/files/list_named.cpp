#include "cli/files/list_named.h"

#include <algorithm>

#include "cli/files/remote_use.h"
#include "common/remote_name.h"
#include "platform/in_order.h"

namespace kvcache::cli {

using catalog::ListedFile;

bool is_remote_folder(const std::string& name) {
  constexpr std::string_view scheme = "s3://";
  const bool s3 = name.starts_with(scheme) || name.starts_with("S3://");
  return s3 && (name.ends_with('/') || name.find('/', scheme.size()) == std::string::npos);
}

std::vector<ListedFile> find_remote(const Context& context, const std::string& folder) {
  std::vector<ListedFile> out;
  for (remote::Listed& object : remote_of(context).list(folder)) {
    if (!catalog::is_named_as_cache(object.name) && !object.name.ends_with(".gz")) continue;
    ListedFile file;
    file.path = std::move(object.name);
    file.bytes = object.bytes;
    file.modified = object.modified;
    out.push_back(std::move(file));
  }
  return out;
}

std::vector<catalog::Found> list_named(const Context& context, const std::string& place, const catalog::ListOptions& options,
                                       const std::function<void(ListedFile)>& take) {
  if (!detail::is_remote_name(place)) return catalog::list_files({place}, options, take);
  const remote::Remote& remote = remote_of(context);
  if (!is_remote_folder(place)) {
    std::shared_ptr<const ByteSource> source = remote.open(place);
    ListedFile file;
    file.path = detail::without_secrets(place);
    file.bytes = source->size();
    catalog::list_source(file, [&] { return source; });
    take(std::move(file));
    return {};
  }
  const std::vector<ListedFile> found = find_remote(context, place);
  detail::in_order<ListedFile>(
      found.size(), remote_workers,
      [&](std::size_t i) {
        ListedFile file = found[i];
        catalog::list_source(file, [&] { return remote.open(file.path); });
        return file;
      },
      [&](std::size_t, ListedFile file) { take(std::move(file)); });
  return {};
}

}  // namespace kvcache::cli
