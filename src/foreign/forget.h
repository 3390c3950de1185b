// Deleting entries of a server's folder: what goes with them, and the list that the server keeps of them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "foreign/foreign_format.h"

namespace kvcache::foreign {

/// The files that are an entry: itself and what lies beside it for it alone, or all files of an entry that is a folder. By
/// names alone.
[[nodiscard]] std::vector<std::string> files_of_entry(const Place& place, const std::string& entry);

/// Why entries of a place cannot be deleted by anybody but its server: a clause. Empty: they can, and forget_entries() is to be
/// asked first.
[[nodiscard]] std::string why_left_to_server(const Place& place);

/// Takes entries out of the index of their folder, all of them in one step, so that it never lists what is gone. Where there is
/// none, nothing is done. Throws Error(io) while a server has it locked or has written to it meanwhile, Error(unreadable) for
/// one that is torn: then it is as it was.
void forget_entries(const Place& place, std::span<const std::string> entries);

}  // namespace kvcache::foreign
