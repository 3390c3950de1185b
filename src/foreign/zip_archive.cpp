#include "foreign/zip_archive.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "foreign/lazy_file.h"
#include "foreign/little_endian.h"
#include "foreign/zip_format.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::foreign {
namespace {

// Sizes of PKWARE's APPNOTE.
constexpr std::uint64_t local_bytes = 30;
constexpr std::uint64_t entry_bytes = 46;
constexpr std::uint64_t end_bytes = 22;
constexpr std::uint64_t locator64_bytes = 20;
constexpr std::uint64_t most_comment = 0xFFFF;
constexpr std::uint16_t encrypted = 1;
// A member of an exported prompt is a block: millions of them are no prompt.
constexpr std::uint64_t most_directory = std::uint64_t{64} << 20U;

[[noreturn]] void refuse_zip(const std::string& why) {
  throw Error(ErrorKind::unreadable, "archive: " + why, {}, "KV911");
}

std::string read_part(const ByteSource& source, std::uint64_t offset, std::uint64_t size) {
  if (offset > source.size() || size > source.size() - offset) refuse_zip("it is cut off");
  std::string out(static_cast<std::size_t>(size), '\0');
  source.read_at(offset, std::as_writable_bytes(std::span(out.data(), out.size())));
  return out;
}

struct Directory {
  std::uint64_t offset = 0, size = 0, entries = 0;
};

Directory find_directory(const ByteSource& source) {
  if (source.size() < end_bytes) refuse_zip("it is cut off");
  const std::uint64_t tail_bytes = std::min(source.size(), end_bytes + most_comment);
  const std::uint64_t tail_at = source.size() - tail_bytes;
  const std::string tail = read_part(source, tail_at, tail_bytes);
  for (std::size_t at = tail.size() - end_bytes + 1; at-- > 0;) {
    if (read_le<std::uint32_t>(tail, at) != end_mark) continue;
    if (at + end_bytes + read_le<std::uint16_t>(tail, at + 20) != tail.size()) continue;
    Directory out{read_le<std::uint32_t>(tail, at + 16), read_le<std::uint32_t>(tail, at + 12),
                  read_le<std::uint16_t>(tail, at + 10)};
    const std::uint64_t end_at = tail_at + at;
    if (end_at >= locator64_bytes) {
      const std::string locator = read_part(source, end_at - locator64_bytes, locator64_bytes);
      if (read_le<std::uint32_t>(locator) == locator64_mark) {
        const std::string end = read_part(source, read_le<std::uint64_t>(locator, 8), end64_bytes);
        if (read_le<std::uint32_t>(end) != end64_mark) refuse_zip("its directory is not where it says");
        out = {read_le<std::uint64_t>(end, 48), read_le<std::uint64_t>(end, 40), read_le<std::uint64_t>(end, 32)};
      }
    }
    return out;
  }
  refuse_zip("it has no directory: it is cut off");
}

bool leads_out(std::string_view name) {
  if (name.empty() || name.front() == '/' || name.find('\\') != std::string_view::npos ||
      name.find('\0') != std::string_view::npos || name.find(':') != std::string_view::npos)
    return true;
  for (std::string_view rest = name; !rest.empty();) {
    const std::size_t slash = rest.find('/');
    if (rest.substr(0, slash) == "..") return true;
    rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  }
  return false;
}

/// Sizes and offset of an entry that does not fit into 32 bits, from its extra field, in this order where each is needed.
void read_zip64(std::string_view extra, std::initializer_list<std::uint64_t*> numbers) {
  while (extra.size() >= 4) {
    const auto id = read_le<std::uint16_t>(extra);
    const auto size = read_le<std::uint16_t>(extra, 2);
    if (size > extra.size() - 4) return;
    std::string_view field = extra.substr(4, size);
    if (id == zip64_field)
      for (std::uint64_t* number : numbers) {
        if (*number != in_zip64) continue;
        if (field.size() < 8) refuse_zip("the size of a member is missing");
        *number = read_le<std::uint64_t>(field);
        field.remove_prefix(8);
      }
    extra.remove_prefix(std::size_t{4} + size);
  }
}

}  // namespace

bool is_zip(std::string_view head) {
  return head.starts_with("PK\x03\x04") || head.starts_with("PK\x05\x06");
}

ZipArchive::ZipArchive(std::shared_ptr<const ByteSource> source) : source_(std::move(source)) {
  const Directory directory = find_directory(*source_);
  if (directory.size > most_directory) refuse_zip("its directory is larger than that of any exported prompt");
  const std::string text = read_part(*source_, directory.offset, directory.size);
  std::size_t at = 0;
  std::vector<ByteRange> taken;
  while (at < text.size()) {
    if (text.size() - at < entry_bytes || read_le<std::uint32_t>(text, at) != entry_mark)
      refuse_zip("its directory is damaged");
    const auto flags = read_le<std::uint16_t>(text, at + 8);
    const auto method = read_le<std::uint16_t>(text, at + 10);
    const auto crc = read_le<std::uint32_t>(text, at + 16);
    std::uint64_t packed = read_le<std::uint32_t>(text, at + 20);
    std::uint64_t size = read_le<std::uint32_t>(text, at + 24);
    const auto name_size = read_le<std::uint16_t>(text, at + 28);
    const auto extra_size = read_le<std::uint16_t>(text, at + 30);
    const auto comment_size = read_le<std::uint16_t>(text, at + 32);
    std::uint64_t offset = read_le<std::uint32_t>(text, at + 42);
    const std::uint64_t length = entry_bytes + name_size + extra_size + comment_size;
    if (text.size() - at < length) refuse_zip("its directory is damaged");
    const std::string name = text.substr(at + entry_bytes, name_size);
    read_zip64(std::string_view(text).substr(at + entry_bytes + name_size, extra_size), {&size, &packed, &offset});
    at += static_cast<std::size_t>(length);

    const std::string shown = printable(name);
    if (leads_out(name)) refuse_zip(fmt::format("the name '{}' leads out of it", shown));
    if ((flags & encrypted) != 0) refuse_zip(fmt::format("'{}' is encrypted", shown));
    if (method != 0 || packed != size)
      refuse_zip(fmt::format("'{}' is compressed: what omlx exports is stored as it is", shown));
    const std::string local = read_part(*source_, offset, local_bytes);
    if (read_le<std::uint32_t>(local) != local_mark) refuse_zip(fmt::format("'{}' is not where its directory says", shown));
    const std::uint64_t begin = offset + local_bytes + read_le<std::uint16_t>(local, 26) + read_le<std::uint16_t>(local, 28);
    if (begin > source_->size() || size > source_->size() - begin) refuse_zip(fmt::format("'{}' is cut off", shown));
    if (!members_.emplace(name, Member{{begin, size}, crc}).second)
      refuse_zip(fmt::format("two members are called '{}'", shown));
    taken.push_back({offset, begin + size - offset});
  }
  if (members_.size() != directory.entries) refuse_zip("its directory has another number of members than it says");
  std::ranges::sort(taken, {}, &ByteRange::offset);
  for (std::size_t i = 1; i < taken.size(); ++i)
    if (taken[i].offset < taken[i - 1].offset + taken[i - 1].size) refuse_zip("members overlap");
}

std::shared_ptr<const ByteSource> ZipArchive::find(const std::string& name) const {
  const auto found = members_.find(name);
  return found == members_.end() ? nullptr : part_of(source_, found->second.range, name);
}

}  // namespace kvcache::foreign
