#include "cli/render/text_spool.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace kvcache::cli {
namespace {

constexpr std::size_t most_held = std::size_t{4} << 20U;
constexpr std::size_t length_bytes = sizeof(std::uint64_t);

}  // namespace

void TextSpool::add(const std::string& text) {
  const std::uint64_t length = text.size();
  std::string prefix(length_bytes, '\0');
  std::memcpy(prefix.data(), &length, length_bytes);
  buffer_.append(prefix).append(text);
  ++count_;
  if (buffer_.size() >= most_held) flush();
}

void TextSpool::flush() {
  if (file_.descriptor() < 0) file_ = kvcache::detail::File::temporary();
  file_.pwrite_all(written_, std::as_bytes(std::span(buffer_)));
  written_ += buffer_.size();
  buffer_.clear();
}

void TextSpool::fill() {
  const auto more = static_cast<std::size_t>(std::min<std::uint64_t>(most_held, written_ - read_));
  buffer_.erase(0, at_);
  at_ = 0;
  const std::size_t before = buffer_.size();
  buffer_.resize(before + more);
  file_.pread_all(read_, std::as_writable_bytes(std::span(buffer_).subspan(before)));
  read_ += more;
}

std::string TextSpool::next() {
  if (written_ > 0 && read_ == 0) flush();
  const auto need = [this](std::size_t bytes) {
    while (buffer_.size() - at_ < bytes) fill();
  };
  need(length_bytes);
  std::uint64_t length = 0;
  std::memcpy(&length, buffer_.data() + at_, length_bytes);
  need(length_bytes + static_cast<std::size_t>(length));
  std::string text = buffer_.substr(at_ + length_bytes, static_cast<std::size_t>(length));
  at_ += length_bytes + static_cast<std::size_t>(length);
  return text;
}

}  // namespace kvcache::cli
