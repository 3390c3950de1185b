// The names in a folder, with what its listing says of them: of ten thousand files none is asked for itself.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <system_error>

namespace kvcache::detail {

/// What a name stands for; a link is not followed.
enum class EntryType { file, folder, link, other };

/// Calls `found` for each name in a folder but "." and "..", in no order, until it returns false. Returns why the folder cannot
/// be read, or is not read to its end.
[[nodiscard]] std::error_code list_folder(const std::string& folder,
                                          const std::function<bool(std::string_view name, EntryType type)>& found);

}  // namespace kvcache::detail
