#include "remote/remote_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/escape.h"
#include "kvcache/error.h"
#include "remote/address.h"
#include "remote/content_range.h"

namespace kvcache::remote {
namespace {

// A server that answers with the whole is asked for it once, when it has done so this often.
constexpr int most_whole_answers = 2;

[[noreturn]] void refuse_changed() {
  throw Error(ErrorKind::io, "it was changed while it was read", "run the command again", "KV100");
}

bool is_weak(const std::string& etag) {
  return etag.starts_with("W/");
}

Version version_of(const Answer& answer) {
  return {answer.header("etag"), answer.header("last-modified"), 0};
}

/// Throws Error(io) for another version than the one that was begun with, Broken for an answer that does not say.
void check_version(const Version& version, const Answer& answer) {
  const Version now = version_of(answer);
  if (!version.etag.empty() && now.etag.empty()) throw Broken{"an answer without the ETag that others had"};
  if (now.etag != version.etag) refuse_changed();
  // Servers behind one name need not agree on the second, so an ETag is enough.
  if (version.etag.empty() && now.modified != version.modified) refuse_changed();
}

ContentRange range_of(const Answer& answer) {
  const std::string text = answer.header("content-range");
  const auto range = parse_content_range(text);
  if (!range || range->empty)
    throw Broken{text.empty() ? "a part without Content-Range"
                              : fmt::format("Content-Range is '{}'", kvcache::detail::escaped(text, 80))};
  return *range;
}

/// Bytes that are those of a compressed form are not those of the file; gzip is known to who reads it.
void check_encoding(const Answer& answer) {
  const std::string encodings = in_small_letters(answer.header("content-encoding"));
  constexpr std::string_view between = ", \t";
  for (std::size_t begin = 0; (begin = encodings.find_first_not_of(between, begin)) != std::string::npos;) {
    const std::size_t end = std::min(encodings.find_first_of(between, begin), encodings.size());
    const std::string_view one = std::string_view(encodings).substr(begin, end - begin);
    if (one != "identity" && one != "gzip" && one != "x-gzip" && one != "aws-chunked")
      throw Error(ErrorKind::io, fmt::format("the server sends it compressed, as '{}'", kvcache::detail::escaped(one, 40)),
                  "download it, and use the file", "KV100");
    begin = end;
  }
}

/// The first bytes, and what the answer says about the whole.
class FirstRange final : public Receiver {
 public:
  explicit FirstRange(std::vector<std::byte>& out) : out_(out) {}

  void begin(const Answer& answer) override {
    check_encoding(answer);
    out_.clear();
    size_.reset();
    expected_.reset();
    partial_ = answer.status == 206;
    if (partial_) {
      const ContentRange range = range_of(answer);
      if (range.first != 0 || range.last >= first_range_bytes)
        throw Broken{
            fmt::format("the server sent bytes {}-{} in place of 0-{}", range.first, range.last, first_range_bytes - 1)};
      size_ = range.size;
      expected_ = range.last + 1;
      // A part that ends before the whole does is as long as was asked for.
      if (size_ && *expected_ != std::min(*size_, first_range_bytes)) throw Broken{"the server sent less than was asked for"};
    } else if (answer.status == 200) {
      size_ = parse_size(answer.header("content-length"));
      if (size_) expected_ = std::min(*size_, first_range_bytes);
    } else {
      throw Broken{fmt::format("the server answered {}", answer.status)};
    }
    if (expected_) out_.reserve(*expected_);
  }
  bool take(std::span<const std::byte> bytes) override {
    const std::size_t room = first_range_bytes - out_.size();
    out_.insert(out_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(std::min(room, bytes.size())));
    if (!partial_) return bytes.size() <= room && (!size_ || *size_ <= first_range_bytes || out_.size() < first_range_bytes);
    if (bytes.size() > room) throw Broken{"the server sent more than it said"};
    return true;
  }
  void end() override {
    if (expected_ && out_.size() != *expected_) throw Broken{"the answer broke off"};
    // All of it is here, and fits.
    if (!partial_ && !size_) size_ = out_.size();
  }
  /// Bytes of the whole, where it is known.
  [[nodiscard]] const std::optional<std::uint64_t>& size() const noexcept { return size_; }
  [[nodiscard]] bool whole() const noexcept { return !partial_; }

 private:
  std::vector<std::byte>& out_;
  bool partial_ = false;
  std::optional<std::uint64_t> size_;
  std::optional<std::uint64_t> expected_;
};

/// A range of a known version. What has come stays when an answer breaks off: the next one is asked for the rest.
class LaterRange final : public Receiver {
 public:
  LaterRange(const Version& version, std::uint64_t offset, std::span<std::byte> out)
      : version_(version), offset_(offset), out_(out) {}

  void begin(const Answer& answer) override {
    skip_ = 0;
    expected_ = 0;
    whole_ = answer.status == 200;
    check_version(version_, answer);
    if (whole_) {
      const auto size = parse_size(answer.header("content-length"));
      if (size && *size != version_.size) refuse_changed();
      skip_ = next();
      expected_ = missing();
      return;
    }
    if (answer.status != 206) throw Broken{fmt::format("the server answered {}", answer.status)};
    const ContentRange range = range_of(answer);
    if (range.size && *range.size != version_.size) refuse_changed();
    if (range.first != next() || range.last - range.first >= missing())
      throw Broken{fmt::format("the server sent bytes {}-{} in place of {}-{}", range.first, range.last, next(),
                               next() + missing() - 1)};
    expected_ = range.last - range.first + 1;
  }
  bool take(std::span<const std::byte> bytes) override {
    const std::size_t skipped = std::min<std::uint64_t>(skip_, bytes.size());
    skip_ -= skipped;
    bytes = bytes.subspan(skipped);
    if (bytes.size() > expected_) {
      if (!whole_) throw Broken{"the server sent more than it said"};
      bytes = bytes.first(expected_);
    }
    std::copy(bytes.begin(), bytes.end(), out_.begin() + static_cast<std::ptrdiff_t>(filled_));
    filled_ += bytes.size();
    expected_ -= bytes.size();
    return !whole_ || expected_ > 0;
  }
  void end() override {
    if (expected_ > 0) throw Broken{"the answer broke off"};
  }
  [[nodiscard]] std::uint64_t next() const noexcept { return offset_ + filled_; }
  [[nodiscard]] std::uint64_t missing() const noexcept { return out_.size() - filled_; }
  [[nodiscard]] bool whole() const noexcept { return whole_; }

 private:
  const Version& version_;
  std::uint64_t offset_;
  std::span<std::byte> out_;
  std::uint64_t filled_ = 0;
  std::uint64_t skip_ = 0;      // of a whole that begins before the range
  std::uint64_t expected_ = 0;  // still to come of this answer
  bool whole_ = false;
};

/// All of it, into a file.
class Whole final : public Receiver {
 public:
  Whole(const Version& version, bool size_is_known, const detail::File& file)
      : version_(version), size_is_known_(size_is_known), file_(file) {}
  void begin(const Answer& answer) override {
    at_ = 0;
    if (answer.status != 200) throw Broken{fmt::format("the server answered {}", answer.status)};
    check_version(version_, answer);
  }
  bool take(std::span<const std::byte> bytes) override {
    if (size_is_known_ && bytes.size() > version_.size - at_) refuse_changed();
    file_.pwrite_all(at_, bytes);
    at_ += bytes.size();
    return true;
  }
  void end() override {
    if (size_is_known_ && at_ != version_.size) throw Broken{"the answer broke off"};
  }
  [[nodiscard]] std::uint64_t size() const noexcept { return at_; }

 private:
  const Version& version_;
  bool size_is_known_;
  const detail::File& file_;
  std::uint64_t at_ = 0;
};

}  // namespace

RemoteFile::RemoteFile(Get get, Send send) : get_(std::move(get)), send_(std::move(send)) {
  open();
}

void RemoteFile::remember(const std::string& url) {
  const std::string asked = get_().url;
  const std::lock_guard lock(mutex_);
  if (url != asked) redirected_ = url;
}

// Such addresses end after a while; the first one leads to a new one.
bool RemoteFile::forget_redirection() {
  const std::lock_guard lock(mutex_);
  if (redirected_.empty()) return false;
  redirected_.clear();
  return true;
}

Request RemoteFile::get_range(std::uint64_t offset, std::uint64_t size) const {
  Request request = get_();
  {
    const std::lock_guard lock(mutex_);
    if (!redirected_.empty()) {
      if (!url_parts(request.url).same_server(url_parts(redirected_))) request.login = {};
      request.url = redirected_;
    }
  }
  request.range = ByteRange{offset, size};
  // A weak one never matches.
  if (!version_.etag.empty() && !is_weak(version_.etag)) request.headers.emplace_back("If-Match", version_.etag);
  return request;
}

void RemoteFile::open() {
  FirstRange first(head_);
  const Answer answer = send_([this] { return get_range(0, first_range_bytes); }, &first);
  // Of nothing there is no first byte.
  if (answer.status == 416) {
    const auto range = parse_content_range(answer.header("content-range"));
    head_.clear();
    if (range && range->size == 0) return;
    if (ask_for_size() && version_.size == 0) return;
  }
  if (!answer.success()) refuse(answer, "cannot be read");
  remember(answer.url);
  version_ = version_of(answer);
  if (first.whole()) ++whole_answers_;
  if (first.size()) {
    version_.size = *first.size();
  } else if (first.whole() || !ask_for_size()) {
    download(std::atomic<bool>(false));
  }
}

bool RemoteFile::ask_for_size() {
  const Answer answer = send_(
      [this] {
        Request request = get_();
        request.method = "HEAD";
        return request;
      },
      nullptr);
  const auto size = answer.success() ? parse_size(answer.header("content-length")) : std::nullopt;
  if (size) version_.size = *size;
  return size.has_value();
}

void RemoteFile::download(const std::atomic<bool>& cancelled) {
  const std::lock_guard lock(downloading_);
  if (downloaded_) return;
  whole_ = detail::File::temporary();
  const bool size_is_known = version_.size > 0;
  Whole whole(version_, size_is_known, whole_);
  const Answer answer = send_(
      [&] {
        Request request = get_();
        request.cancelled = &cancelled;
        return request;
      },
      &whole);
  if (!answer.success()) refuse(answer, "cannot be read");
  if (!size_is_known) version_.size = whole.size();
  downloaded_ = true;
}

void RemoteFile::read(std::uint64_t offset, std::span<std::byte> out, const std::atomic<bool>& cancelled) {
  LaterRange range(version_, offset, out);
  while (range.missing() > 0) {
    if (whole_answers_ >= most_whole_answers) download(cancelled);
    if (downloaded_) return whole_.pread_all(range.next(), out.last(range.missing()));
    const Answer answer = send_(
        [&] {
          Request request = get_range(range.next(), range.missing());
          request.cancelled = &cancelled;
          return request;
        },
        &range);
    if (answer.status == 412 || answer.status == 416) refuse_changed();
    if (!answer.success()) {
      if (forget_redirection()) continue;
      refuse(answer, "cannot be read any further");
    }
    remember(answer.url);
    if (range.whole()) ++whole_answers_;
  }
}

}  // namespace kvcache::remote
