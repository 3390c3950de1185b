// A new object of S3 as a ByteSink: it appears whole or not at all.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kvcache/byte_sink.h"
#include "platform/file.h"
#include "remote/s3_service.h"

namespace kvcache::remote {

/// What fits is sent in one request.
inline constexpr std::uint64_t single_put_bytes = 64U << 20U;

class ObjectSink final : public ByteSink {
 public:
  /// `owner`: what `service` is part of, kept as long as this.
  ObjectSink(std::shared_ptr<void> owner, S3Service& service, ObjectAddress object, std::string label, bool overwrite);
  ~ObjectSink() override;

  /// Refuses a name that is taken, as far as can be told. Throws Error(usage), Error(io).
  void look_first();

  [[nodiscard]] std::string label() const override { return label_; }
  void reserve(std::uint64_t size) override;
  void write_at(std::uint64_t offset, std::span<const std::byte> data) override;
  void commit() override;
  void abort() noexcept override;

 private:
  struct Part {
    std::uint64_t written = 0;  // bytes; sent when it is complete
    bool queued = false;
    std::string etag;
  };

  void count(std::uint64_t offset, std::uint64_t size);
  void queue_part(std::size_t index);
  void send_parts();
  void send_part(std::size_t index);
  void finish_parts();
  void stop_sending() noexcept;
  [[nodiscard]] std::uint64_t part_size(std::size_t index) const;

  void begin_upload();
  void remove_twins();
  void complete_upload();
  void put_whole();
  /// Whether "If-None-Match: *" is to be sent. Where it would be of no use, looks whether the name is free.
  [[nodiscard]] bool is_conditional(bool of_parts);
  /// All of it is there: says so where nobody kept others from writing there meanwhile.
  void written(bool conditional, bool of_parts) const;
  [[nodiscard]] bool is_ours();
  void check_free();
  [[noreturn]] void refuse_existing() const;
  [[nodiscard]] Answer head();

  std::shared_ptr<void> owner_;
  S3Service& service_;
  ObjectAddress object_;
  std::string label_;
  bool overwrite_;
  std::string mark_;  // in the object's metadata: whether an object is the one that was sent
  detail::File file_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t size_ = 0;        // of what is written, or reserved
  std::uint64_t part_bytes_ = 0;  // 0: not in parts, or not known yet
  std::vector<Part> parts_;
  std::deque<std::size_t> queue_;
  std::size_t sending_ = 0;
  std::exception_ptr failure_;
  bool closed_ = false;
  std::atomic<bool> cancelled_ = false;
  std::vector<std::thread> threads_;

  std::mutex upload_mutex_;
  std::string upload_id_;  // once there is an upload
};

}  // namespace kvcache::remote
