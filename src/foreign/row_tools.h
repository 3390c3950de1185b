// What the rows of several formats do alike: describing a file, and saying what is wrong with it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "foreign/foreign_format.h"
#include "kvcache/error.h"

namespace kvcache::foreign {

/// Half a terabyte of blocks are some thousands of files, and a million were seen. More than this is no cache, and would only
/// fill the memory: each takes some hundred bytes to list.
inline constexpr std::size_t most_files = std::size_t{1} << 22U;
/// Throws Error(impossible) for a folder of `files` files, if they are more.
void refuse_too_many(const std::string& folder, std::size_t files);

/// Regular files directly in a folder, by name; links are none. Empty where the folder cannot be read. Throws as
/// refuse_too_many().
[[nodiscard]] std::vector<std::string> files_in(const std::string& folder);
/// The same for folders.
[[nodiscard]] std::vector<std::string> folders_in(const std::string& folder);

/// Size and time of a file; `vanished` where it is gone.
[[nodiscard]] Entry entry_of(const Item& item);

/// Runs what reads a file, again where it cannot be opened and is there all the same: a server has just replaced it. False: it
/// is gone.
[[nodiscard]] bool patiently(const std::string& path, const std::function<void()>& read);

/// Runs what reads a file for `look`. What it throws becomes the verdict; a file that is gone was evicted meanwhile.
[[nodiscard]] Entry described(const Item& item, const std::function<void(Entry&)>& describe);

/// Runs what reads a file for `check`. What it throws becomes a finding, of the error's code or else `code`; a file that is
/// gone has none.
[[nodiscard]] Report checked(const std::string& path, const std::function<void(Report&)>& check,
                             std::string_view code = "KV908");

/// Adds a finding whose severity is that of its code.
void add_finding(Report& report, std::string_view code, std::string message, const std::string& where = {}, Remedy remedy = {},
                 std::string key = {});

/// A file that a server has begun to write.
void add_temporary(Report& report);

/// What came of the query, from what restoring has thrown: Error(impossible) and Error(unreadable) refuse it. Throws on
/// everything else.
void refuse(Restored& out, const Error& error);

}  // namespace kvcache::foreign
