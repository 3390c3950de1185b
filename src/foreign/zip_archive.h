// Archives whose members are stored as they are, so that each is a range of the file. Anything else in an archive is refused
// before a byte of it is looked at: nothing is ever unpacked.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "kvcache/byte_source.h"

namespace kvcache::foreign {

/// Whether a file begins as an archive does.
[[nodiscard]] bool is_zip(std::string_view head);

/// The members of an archive by name.
class ZipArchive {
 public:
  struct Member {
    ByteRange range;          ///< its bytes in the archive
    std::uint32_t crc32 = 0;  ///< of them
  };
  /// Reads the directory and the headers of the members. Throws Error(unreadable, code KV911) where the archive is damaged,
  /// where a member is compressed or encrypted, where members overlap or have one name, and for a name that leads out of the
  /// folder that it would be unpacked to.
  explicit ZipArchive(std::shared_ptr<const ByteSource> source);

  [[nodiscard]] const std::map<std::string, Member>& members() const noexcept { return members_; }
  /// A member as a source of its own, or nullptr.
  [[nodiscard]] std::shared_ptr<const ByteSource> find(const std::string& name) const;

 private:
  std::shared_ptr<const ByteSource> source_;
  std::map<std::string, Member> members_;
};

}  // namespace kvcache::foreign
