// Archives whose members are stored as they are, into any sink.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "kvcache/byte_sink.h"

namespace kvcache::foreign {

/// Members one after another; one may be left open and filled in later, where its size is known.
class ZipWriter {
 public:
  explicit ZipWriter(ByteSink& sink, std::time_t written);

  using Take = std::function<void(std::span<const std::byte>)>;
  /// A member of exactly `bytes` bytes, which `produce` gives to what it is called with. Throws Error(io).
  void add(const std::string& name, std::uint64_t bytes, const std::function<void(const Take&)>& produce);
  /// Room for a member that fill() writes. Returns what fill() takes.
  [[nodiscard]] std::size_t leave_room(const std::string& name, std::uint64_t bytes);
  /// `data` has the size that room was left for.
  void fill(std::size_t index, std::span<const std::byte> data);
  /// The directory. Returns the size of the archive.
  std::uint64_t finish();

 private:
  struct Member {
    std::string name;
    std::uint64_t offset = 0, size = 0;
    std::uint32_t crc32 = 0;
  };
  [[nodiscard]] static bool is_large(const Member& member);
  /// From the version to the size of the extra field: what the local header and the directory have alike.
  void append_facts(std::string& out, const Member& member, std::uint16_t extra_bytes) const;
  [[nodiscard]] std::string local_header(const Member& member) const;
  [[nodiscard]] std::string directory_entry(const Member& member) const;
  void put(std::uint64_t at, const std::string& bytes);

  ByteSink& sink_;
  std::uint64_t at_ = 0;
  std::uint16_t time_ = 0, date_ = 0;
  std::vector<Member> members_;
};

}  // namespace kvcache::foreign
