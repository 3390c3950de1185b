#include "cli/files/list_named.h"

#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "catalog/exclusions.h"
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

namespace {

/// Objects that may be caches, one after the other, of pages of a list.
class Objects {
 public:
  Objects(const Context& context, const std::string& folder, const std::vector<std::string>& exclude)
      : pages_(remote_of(context).pages(folder)), exclude_(exclude), above_(folder.size() + (folder.ends_with('/') ? 0 : 1)) {}

  std::optional<ListedFile> next() {
    for (;;) {
      if (at_ == page_.size()) {
        page_ = pages_();
        at_ = 0;
        if (page_.empty()) return std::nullopt;
      }
      remote::Listed& object = page_[at_++];
      if (!catalog::is_named_as_cache(object.name) && !object.name.ends_with(".gz")) continue;
      if (!exclude_.empty() && exclude_.leaves_out_on_its_way(std::string_view(object.name).substr(above_))) continue;
      ListedFile file;
      file.path = std::move(object.name);
      file.bytes = object.bytes;
      file.modified = object.modified;
      return file;
    }
  }

 private:
  std::function<std::vector<remote::Listed>()> pages_;
  catalog::Exclusions exclude_;
  std::size_t above_;  // bytes of a name before the path below the folder
  std::vector<remote::Listed> page_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<ListedFile> find_remote(const Context& context, const std::string& folder,
                                    const std::vector<std::string>& exclude) {
  Objects objects(context, folder, exclude);
  std::vector<ListedFile> out;
  while (std::optional<ListedFile> file = objects.next()) out.push_back(*std::move(file));
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
  Objects objects(context, place, options.exclude);
  detail::in_order_of<ListedFile, ListedFile>([&] { return objects.next(); }, remote_workers,
                                              [&](ListedFile file) {
                                                catalog::list_source(file, [&] { return remote.open(file.path); });
                                                return file;
                                              },
                                              [&](ListedFile file) { take(std::move(file)); });
  return {};
}

}  // namespace kvcache::cli
