#include "foreign/zip_writer.h"

#include <zlib.h>

#include <algorithm>

#include "foreign/little_endian.h"
#include "foreign/zip_format.h"
#include "kvcache/error.h"

namespace kvcache::foreign {
namespace {

constexpr std::uint16_t many_entries = 0xFFFF;
constexpr std::uint16_t plain_version = 20;
constexpr std::uint16_t zip64_version = 45;
constexpr std::uint16_t utf8_names = 1U << 11U;
constexpr std::uint16_t unix_system = 3U << 8U;
constexpr std::uint32_t owner_reads_and_writes = 0600U << 16U;

std::uint32_t low(std::uint64_t value, bool large) {
  return large ? in_zip64 : static_cast<std::uint32_t>(value);
}

std::uint32_t crc_of(std::uint32_t crc, std::span<const std::byte> data) {
  return static_cast<std::uint32_t>(crc32_z(crc, reinterpret_cast<const Bytef*>(data.data()), data.size()));
}

}  // namespace

ZipWriter::ZipWriter(ByteSink& sink, std::time_t written) : sink_(sink) {
  // The format's clock begins in 1980 and has steps of two seconds.
  std::tm parts{};
  gmtime_r(&written, &parts);
  const int year = std::clamp(parts.tm_year - 80, 0, 127);
  time_ = static_cast<std::uint16_t>(parts.tm_hour << 11 | parts.tm_min << 5 | std::min(parts.tm_sec, 59) / 2);
  date_ = static_cast<std::uint16_t>(year << 9 | (parts.tm_mon + 1) << 5 | parts.tm_mday);
}

bool ZipWriter::is_large(const Member& member) {
  return member.size >= in_zip64 || member.offset >= in_zip64;
}

void ZipWriter::append_facts(std::string& out, const Member& member, std::uint16_t extra_bytes) const {
  const bool large = is_large(member);
  append_le(out, large ? zip64_version : plain_version);
  append_le(out, utf8_names);
  append_le(out, std::uint16_t{0});  // stored
  append_le(out, time_);
  append_le(out, date_);
  append_le(out, member.crc32);
  append_le(out, low(member.size, large));
  append_le(out, low(member.size, large));
  append_le(out, static_cast<std::uint16_t>(member.name.size()));
  append_le(out, extra_bytes);
}

std::string ZipWriter::local_header(const Member& member) const {
  const bool large = is_large(member);
  std::string out;
  append_le(out, local_mark);
  append_facts(out, member, large ? 20 : 0);
  out += member.name;
  if (large) {
    append_le(out, zip64_field);
    append_le(out, std::uint16_t{16});
    append_le(out, member.size);
    append_le(out, member.size);
  }
  return out;
}

std::string ZipWriter::directory_entry(const Member& member) const {
  const bool large = is_large(member);
  std::string out;
  append_le(out, entry_mark);
  append_le(out, static_cast<std::uint16_t>(unix_system | (large ? zip64_version : plain_version)));
  append_facts(out, member, large ? 28 : 0);
  append_le(out, std::uint16_t{0});  // no comment
  append_le(out, std::uint16_t{0});  // first disk
  append_le(out, std::uint16_t{0});  // no text
  append_le(out, owner_reads_and_writes);
  append_le(out, low(member.offset, large));
  out += member.name;
  if (large) {
    append_le(out, zip64_field);
    append_le(out, std::uint16_t{24});
    append_le(out, member.size);
    append_le(out, member.size);
    append_le(out, member.offset);
  }
  return out;
}

void ZipWriter::put(std::uint64_t at, const std::string& bytes) {
  sink_.write_at(at, std::as_bytes(std::span(bytes.data(), bytes.size())));
}

void ZipWriter::add(const std::string& name, std::uint64_t bytes, const std::function<void(const Take&)>& produce) {
  Member member{name, at_, bytes, 0};
  // The checksum goes into the header, and is known behind the data.
  const std::uint64_t data_at = at_ + local_header(member).size();
  std::uint64_t done = 0;
  produce([&](std::span<const std::byte> piece) {
    sink_.write_at(data_at + done, piece);
    member.crc32 = crc_of(member.crc32, piece);
    done += piece.size();
  });
  if (done != bytes) throw Error(ErrorKind::io, "a member of an archive has another size than it was to have");
  put(member.offset, local_header(member));
  at_ = data_at + bytes;
  members_.push_back(std::move(member));
}

std::size_t ZipWriter::leave_room(const std::string& name, std::uint64_t bytes) {
  Member member{name, at_, bytes, 0};
  at_ += local_header(member).size() + bytes;
  members_.push_back(std::move(member));
  return members_.size() - 1;
}

void ZipWriter::fill(std::size_t index, std::span<const std::byte> data) {
  Member& member = members_[index];
  if (data.size() != member.size) throw Error(ErrorKind::io, "a member of an archive has another size than it was to have");
  member.crc32 = crc_of(0, data);
  const std::string header = local_header(member);
  put(member.offset, header);
  sink_.write_at(member.offset + header.size(), data);
}

std::uint64_t ZipWriter::finish() {
  const std::uint64_t directory_at = at_;
  for (const Member& member : members_) {
    const std::string entry = directory_entry(member);
    put(at_, entry);
    at_ += entry.size();
  }
  const std::uint64_t directory_bytes = at_ - directory_at;
  const std::uint64_t count = members_.size();
  const bool large = directory_at >= in_zip64 || directory_bytes >= in_zip64 || count >= many_entries;
  std::string end;
  if (large) {
    append_le(end, end64_mark);
    append_le(end, end64_bytes - 12);  // behind this number
    append_le(end, static_cast<std::uint16_t>(unix_system | zip64_version));
    append_le(end, zip64_version);
    append_le(end, std::uint32_t{0});
    append_le(end, std::uint32_t{0});
    append_le(end, count);
    append_le(end, count);
    append_le(end, directory_bytes);
    append_le(end, directory_at);
    append_le(end, locator64_mark);
    append_le(end, std::uint32_t{0});
    append_le(end, at_);
    append_le(end, std::uint32_t{1});
  }
  append_le(end, end_mark);
  append_le(end, std::uint16_t{0});
  append_le(end, std::uint16_t{0});
  append_le(end, large ? many_entries : static_cast<std::uint16_t>(count));
  append_le(end, large ? many_entries : static_cast<std::uint16_t>(count));
  append_le(end, low(directory_bytes, large));
  append_le(end, low(directory_at, large));
  append_le(end, std::uint16_t{0});
  put(at_, end);
  at_ += end.size();
  return at_;
}

}  // namespace kvcache::foreign
