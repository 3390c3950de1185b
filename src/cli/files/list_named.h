// The caches of a place that a user has named: a folder, a file, s3://BUCKET/PREFIX/, an address.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "catalog/list_files.h"
#include "cli/command.h"

namespace kvcache::cli {

/// Requests at once for what is in buckets: nearly all of their time is waiting.
inline constexpr std::size_t remote_workers = 16;

/// Whether a name is that of a bucket or of what begins like it: s3://BUCKET, s3://BUCKET/PREFIX/.
[[nodiscard]] bool is_remote_folder(const std::string& name);
/// Names, sizes and times of the objects below it that may be caches, but for those that patterns leave out. Nothing of them is
/// read.
[[nodiscard]] std::vector<catalog::ListedFile> find_remote(const Context& context, const std::string& folder,
                                                           const std::vector<std::string>& exclude = {});

/// As catalog::list_files(), of one place of any kind. Throws Error(io) for one that cannot be read at all.
[[nodiscard]] std::vector<catalog::Found> list_named(const Context& context, const std::string& place,
                                                     const catalog::ListOptions& options,
                                                     const std::function<void(catalog::ListedFile)>& take);

}  // namespace kvcache::cli
