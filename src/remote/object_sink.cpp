#include "remote/object_sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <system_error>

#include "common/markup.h"
#include "common/sha256.h"
#include "kvcache/error.h"
#include "remote/xml.h"

namespace kvcache::remote {
namespace {

constexpr std::uint64_t usual_part_bytes = 16U << 20U;
constexpr std::uint64_t most_parts = 10'000;
constexpr std::size_t most_threads = 4;
constexpr unsigned most_conflicts = 5;
// Without its name an upload that has begun cannot be taken away.
constexpr std::chrono::milliseconds patience{2'000};
constexpr std::string_view mark_header = "x-amz-meta-kvcache-upload";

/// A part of the temporary file.
class FilePart final : public Body {
 public:
  FilePart(const detail::File& file, std::uint64_t offset, std::uint64_t size) : file_(file), offset_(offset), size_(size) {}
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read(std::uint64_t offset, std::span<std::byte> out) const override { file_.pread_all(offset_ + offset, out); }
  [[nodiscard]] std::string sha256() const override {
    if (!sha256_.empty()) return sha256_;
    detail::Sha256 hash;
    std::vector<std::byte> buffer(256U << 10U);
    for (std::uint64_t done = 0; done < size_;) {
      const auto piece = std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), size_ - done));
      read(done, piece);
      hash.update(piece);
      done += piece.size();
    }
    return sha256_ = hash.hex();
  }

 private:
  const detail::File& file_;
  std::uint64_t offset_, size_;
  mutable std::string sha256_;
};

/// KV100 is of what is read.
template <typename F>
void as_output(const F& call) {
  try {
    call();
  } catch (const Error& error) {
    if (error.code() != "KV100") throw;
    throw Error(error.kind(), error.what(), error.remedy());
  }
}

/// The answer to the last request of an upload. It begins before the service has done anything, with a status of 200, and may
/// say then that it failed, also for a reason that may pass.
class Completion final : public Receiver {
 public:
  void begin(const Answer& answer) override { text_.begin(answer); }
  bool take(std::span<const std::byte> bytes) override { return text_.take(bytes); }
  void end() override {
    const std::string code = first_text(text_.text, "Code");
    if (code == "InternalError" || code == "ServiceUnavailable" || code == "SlowDown")
      throw Broken{fmt::format("the server answered {}", code)};
  }
  [[nodiscard]] std::string& text() noexcept { return text_.text; }

 private:
  TextReceiver text_;
};

std::string random_mark() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
}

}  // namespace

ObjectSink::ObjectSink(std::shared_ptr<void> owner, S3Service& service, ObjectAddress object, std::string label, bool overwrite)
    : owner_(std::move(owner)),
      service_(service),
      object_(std::move(object)),
      label_(std::move(label)),
      overwrite_(overwrite),
      mark_(random_mark()),
      file_(detail::File::temporary()) {}

ObjectSink::~ObjectSink() {
  abort();
}

void ObjectSink::reserve(std::uint64_t size) {
  file_.preallocate(size);
  const std::lock_guard lock(mutex_);
  size_ = size;
  if (size <= single_put_bytes) return;
  constexpr std::uint64_t step = 1U << 20U;
  part_bytes_ = std::max(usual_part_bytes, (size / most_parts / step + 1) * step);
  parts_.resize((size + part_bytes_ - 1) / part_bytes_);
}

std::uint64_t ObjectSink::part_size(std::size_t index) const {
  return std::min(part_bytes_, size_ - index * part_bytes_);
}

void ObjectSink::write_at(std::uint64_t offset, std::span<const std::byte> data) {
  file_.pwrite_all(offset, data);
  as_output([&] { count(offset, data.size()); });
}

// Who writes says when a range is complete, but not of which bytes within it others will write later; so bytes are counted.
void ObjectSink::count(std::uint64_t offset, std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  size_ = std::max(size_, offset + size);
  while (part_bytes_ > 0 && size > 0) {
    const std::size_t index = offset / part_bytes_;
    const std::uint64_t n = std::min(size, (index + 1) * part_bytes_ - offset);
    Part& part = parts_.at(index);
    part.written += n;
    if (part.written >= part_size(index)) queue_part(index);
    offset += n;
    size -= n;
  }
}

void ObjectSink::queue_part(std::size_t index) {
  if (parts_[index].queued) return;
  parts_[index].queued = true;
  queue_.push_back(index);
  if (threads_.size() < std::min(most_threads, queue_.size() + sending_)) {
    try {
      threads_.emplace_back([this] { send_parts(); });
    } catch (const std::system_error&) {
      if (threads_.empty()) throw Error(ErrorKind::io, "no thread can be started to send with");
    }
  }
  changed_.notify_all();
}

void ObjectSink::send_parts() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return closed_ || failure_ || !queue_.empty(); });
    if (failure_ || queue_.empty()) return;
    const std::size_t index = queue_.front();
    queue_.pop_front();
    ++sending_;
    lock.unlock();
    std::exception_ptr failure;
    try {
      send_part(index);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    --sending_;
    if (failure && !failure_) failure_ = failure;
    changed_.notify_all();
  }
}

void ObjectSink::send_part(std::size_t index) {
  begin_upload();
  std::uint64_t size = 0;
  {
    const std::lock_guard lock(mutex_);
    size = part_size(index);
  }
  const FilePart body(file_, index * part_bytes_, size);
  const Answer answer = service_.send(object_.bucket, [&] {
    Request request = service_.request("PUT", object_, {{"partNumber", std::to_string(index + 1)}, {"uploadId", upload_id_}});
    request.body = &body;
    request.cancelled = &cancelled_;
    return request;
  });
  if (!answer.success()) refuse(answer, "cannot be written");
  const std::string etag = answer.header("etag");
  if (etag.empty()) throw Error(ErrorKind::io, "the server took a part, but gave no ETag for it");
  const std::lock_guard lock(mutex_);
  parts_[index].etag = etag;
}

void ObjectSink::begin_upload() {
  const std::lock_guard lock(upload_mutex_);
  if (!upload_id_.empty()) return;
  TextReceiver text;
  unsigned attempts = 0;
  const Answer answer = service_.send(
      object_.bucket,
      [&] {
        ++attempts;
        Request request = service_.request("POST", object_, {{"uploads", ""}});
        request.headers.emplace_back(mark_header, mark_);
        request.alone = true;
        request.cancelled = &cancelled_;
        request.patience = patience;
        return request;
      },
      &text);
  if (!answer.success()) refuse(answer, "cannot be written");
  upload_id_ = first_text(text.text, "UploadId");
  if (upload_id_.empty()) throw Error(ErrorKind::io, "the server began an upload, but gave no name for it");
  if (attempts > 1) remove_twins();
}

// When the answer to the first attempt was lost there is another upload of ours, whose name nobody knows.
void ObjectSink::remove_twins() {
  TextReceiver text;
  const Answer answer = service_.send(
      object_.bucket,
      [&] {
        return service_.request("GET", {object_.bucket, {}}, {{"uploads", ""}, {"prefix", object_.key}});
      },
      &text);
  if (!answer.success()) return;
  std::string key, id;
  std::vector<std::string> twins;
  (void)read_xml(text.text, [&](const std::string& path, const std::string& value) {
    if (path.ends_with("/Upload/Key")) key = value;
    if (path.ends_with("/Upload/UploadId")) id = value;
    if (path.ends_with("/Upload") && key == object_.key && id != upload_id_) twins.push_back(id);
  });
  // Of several that are under way nobody can tell whose they are.
  if (twins.size() == 1)
    (void)service_.send(object_.bucket, [&] { return service_.request("DELETE", object_, {{"uploadId", twins.front()}}); });
}

void ObjectSink::finish_parts() {
  std::unique_lock lock(mutex_);
  if (part_bytes_ == 0) {
    // Nobody said how much would come.
    part_bytes_ = std::max(usual_part_bytes, (size_ / most_parts / usual_part_bytes + 1) * usual_part_bytes);
    parts_.resize((size_ + part_bytes_ - 1) / part_bytes_);
  }
  for (std::size_t i = 0; i < parts_.size(); ++i) queue_part(i);
  closed_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return failure_ || (queue_.empty() && sending_ == 0); });
  if (failure_) std::rethrow_exception(failure_);
}

void ObjectSink::commit() {
  as_output([&] {
    if (size_ <= single_put_bytes && parts_.empty()) {
      put_whole();
    } else {
      finish_parts();
      complete_upload();
      stop_sending();
      upload_id_.clear();
    }
  });
  file_ = detail::File();
}

void ObjectSink::stop_sending() noexcept {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    queue_.clear();
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void ObjectSink::abort() noexcept {
  cancelled_ = true;
  stop_sending();
  file_ = detail::File();
  if (upload_id_.empty()) return;
  std::string problem;
  try {
    const Answer answer = service_.send(object_.bucket, [&] {
      Request request = service_.request("DELETE", object_, {{"uploadId", upload_id_}});
      request.cleans_up = true;
      return request;
    });
    if (!answer.success() && answer.status != 404) problem = in_words(answer);
  } catch (const std::exception& error) {
    problem = error.what();
  }
  try {
    if (!problem.empty())
      service_.client().warn(fmt::format(
          "{}: parts of it are left at the service, which shows them nowhere but charges for them: {}", label_, problem));
  } catch (const std::exception&) {
    // Nothing more can be done here.
  }
  upload_id_.clear();
}

Answer ObjectSink::head() {
  return service_.send(object_.bucket, [&] { return service_.request("HEAD", object_); });
}

bool ObjectSink::is_ours() {
  const Answer answer = head();
  return answer.success() && answer.header(std::string(mark_header)) == mark_;
}

void ObjectSink::refuse_existing() const {
  throw Error(ErrorKind::usage, fmt::format("output {} exists", label_),
              Remedy(Remedy::Action::repeat, {{"overwrite", ""}}) + " replaces it");
}

void ObjectSink::look_first() {
  as_output([&] {
    const Answer answer = head();
    if (answer.success()) refuse_existing();
    if (answer.status == 404) return;
    // Who may write and not look is told nothing. The service will know.
    if (answer.status == 403 && service_.keeps_existing(object_)) return;
    refuse(answer, "cannot tell whether it exists");
  });
}

void ObjectSink::check_free() {
  const Answer answer = head();
  if (answer.success()) refuse_existing();
  if (answer.status != 404) refuse(answer, "cannot tell whether it exists");
}

bool ObjectSink::is_conditional(bool of_parts) {
  if (overwrite_) return false;
  if (of_parts ? service_.is_amazon() : service_.keeps_existing(object_)) return true;
  check_free();
  return false;
}

void ObjectSink::written(bool conditional, bool of_parts) const {
  if (overwrite_ || conditional) return;
  service_.client().warn(
      fmt::format("{}: the name was free, but this service would not keep {} that somebody else writes there at this moment",
                  label_, of_parts ? "a large object" : "an object"));
}

void ObjectSink::put_whole() {
  bool conditional = is_conditional(false);
  const FilePart body(file_, 0, size_);
  for (unsigned conflicts = 0;;) {
    Answer answer;
    try {
      answer = service_.send(object_.bucket, [&] {
        Request request = service_.request("PUT", object_);
        request.headers.emplace_back(mark_header, mark_);
        if (conditional) request.headers.emplace_back("If-None-Match", "*");
        request.body = &body;
        return request;
      });
    } catch (const Error& error) {
      // It may have arrived all the same.
      if (error.kind() == ErrorKind::io && is_ours()) return;
      throw;
    }
    if (answer.success()) return written(conditional, false);
    if (answer.status == 412) {
      if (is_ours()) return;  // an answer was lost
      refuse_existing();
    }
    if (answer.status == 501 && conditional) {
      conditional = false;
      check_free();
      continue;
    }
    if (answer.status == 409 && ++conflicts < most_conflicts) continue;
    refuse(answer, "cannot be written");
  }
}

void ObjectSink::complete_upload() {
  const bool conditional = is_conditional(true);
  std::string xml = "<CompleteMultipartUpload>";
  for (std::size_t i = 0; i < parts_.size(); ++i)
    xml +=
        fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", i + 1, detail::markup_escaped(parts_[i].etag));
  const TextBody body(xml + "</CompleteMultipartUpload>");
  Completion completion;
  Answer answer;
  try {
    answer = service_.send(
        object_.bucket,
        [&] {
          Request request = service_.request("POST", object_, {{"uploadId", upload_id_}});
          request.body = &body;
          if (conditional) request.headers.emplace_back("If-None-Match", "*");
          return request;
        },
        &completion);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::io && is_ours()) return;
    throw;
  }
  if (answer.success() && first_text(completion.text(), "Code").empty()) return written(conditional, true);
  if (is_ours()) return;
  if (answer.success()) answer.body = std::move(completion.text());  // 200, and then it failed
  if (answer.status == 412) refuse_existing();
  refuse(answer, "cannot be written");
}

}  // namespace kvcache::remote
