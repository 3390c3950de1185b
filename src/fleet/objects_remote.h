// Objects in a service that speaks the protocol of Amazon S3.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "fleet/ledger.h"
#include "kvcache/remote.h"
#include "kvcache/store/objects.h"

namespace kvcache::fleet {

/// PREFIX/objects/ab/NAME. `place`: s3://BUCKET/PREFIX; `store_id`: whose objects these have to be before any is changed.
/// `remote` and `ledger` stay longer than this.
[[nodiscard]] std::unique_ptr<store::Objects> remote_objects(remote::Remote& remote, std::string place, std::string store_id,
                                                             Ledger& ledger);

/// The store whose objects are in s3://BUCKET/PREFIX, by the file FORMAT there; nothing where there is none. Throws Error(io),
/// Error(unreadable) for what is no such file.
[[nodiscard]] std::optional<std::string> store_of(remote::Remote& remote, const std::string& place);

/// What FORMAT says; and back, or nothing.
[[nodiscard]] std::string format_text(const std::string& store_id);
[[nodiscard]] std::optional<std::string> store_of_format(std::string_view text);

/// Whether a file is called as objects are.
[[nodiscard]] bool is_object_name(std::string_view name);

}  // namespace kvcache::fleet
