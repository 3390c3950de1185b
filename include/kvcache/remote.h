// Caches that lie elsewhere: https://HOST/PATH, s3://BUCKET/KEY, hf://OWNER/REPO/PATH[@REVISION]. A library of its own
// (kvcache_remote), on libcurl; what is in it is a ByteSource and a ByteSink like any other.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kvcache/byte_sink.h"
#include "kvcache/byte_source.h"
#include "kvcache/stop.h"

namespace kvcache::remote {

/// How to reach services. What is empty comes from where other programs have it: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL,
/// AWS_REGION, AWS_DEFAULT_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and the profile files of AWS
/// (AWS_PROFILE); HF_ENDPOINT, HF_TOKEN and the token file of huggingface_hub. Proxies and certificates are those of curl.
struct Options {
  std::string endpoint_url = {};  ///< of the S3 service, "http://127.0.0.1:9000"; empty: Amazon's
  std::string region = {};        ///< of the bucket; empty and nowhere said: us-east-1
  bool path_style = false;        ///< the bucket in the path, not in the host's name; always so with an endpoint_url
  bool allow_http = false;        ///< http:// to hosts that are not this one
  std::chrono::milliseconds connect_timeout{10'000};  ///< until a connection stands
  std::chrono::milliseconds stall_timeout{30'000};    ///< without a byte in either direction
  std::chrono::milliseconds back_off{100};            ///< before the first repetition; doubled for each further one
  unsigned repetitions = 4;                           ///< of a request that failed for a reason that may pass
  std::function<void(const std::string&)> warn = {};  ///< one line that the user should see; may come from any thread
  StopToken stop = {};                                ///< looked at ten times per second and more
};

/// What was sent and received: what services charge for.
struct Usage {
  std::uint64_t requests = 0;     ///< repetitions and redirections, too
  std::uint64_t repetitions = 0;  ///< of them, those after a failure
  std::uint64_t received = 0;     ///< bytes of bodies, also of those that were of no use
  std::uint64_t sent = 0;         ///< bytes of bodies
};

/// An object below a prefix.
struct Listed {
  std::string name;                                     ///< "s3://BUCKET/KEY"
  std::uint64_t bytes = 0;                              ///< its size
  std::chrono::system_clock::time_point modified = {};  ///< as the service says
};

/// What belongs to all requests of a program: connections, credentials, counters. Safe to use from several threads.
class Remote {
 public:
  explicit Remote(Options options = {});  ///< nothing is asked of anybody yet
  Remote(const Remote&) = delete;
  Remote& operator=(const Remote&) = delete;
  ~Remote();

  /// Asks for the first 64 KiB, which tell size and version. What is read later is of that version, or an error. The source
  /// fetches ahead what it is told of (ByteSource::will_need), with up to 16 requests at once and 24 MiB of memory; it lives as
  /// long as it likes. Its label has no credentials in it. Throws Error(usage) for what is no address, Error(io, code KV100).
  [[nodiscard]] std::shared_ptr<const ByteSource> open(const std::string& name) const;

  /// All objects whose names begin with s3://BUCKET/PREFIX, in the order of their keys. Throws Error(usage), Error(io).
  [[nodiscard]] std::vector<Listed> list(const std::string& prefix) const;
  /// The same in pages, for who has something to do with the first ones already: each call gives the next, none of them empty,
  /// and after the last one nothing. Not safe to call from several threads at once.
  [[nodiscard]] std::function<std::vector<Listed>()> pages(const std::string& prefix) const;

  /// Whether there is an object (or a file) of this name. Throws Error(io) where that cannot be told.
  [[nodiscard]] bool exists(const std::string& name) const;
  /// Bytes of an object (or a file) by what the service says without sending it, or nothing where there is none. Throws
  /// Error(io).
  [[nodiscard]] std::optional<std::uint64_t> size(const std::string& name) const;

  /// A new object, s3:// only, which appears whole or not at all: in one request up to 64 MiB, else in parts. Keeps what is
  /// written in an unlinked temporary file until it is sent. Without `overwrite` an object that is there is Error(usage): in
  /// the end that is up to the service (If-None-Match), and `Options::warn` says where it does not honour that.
  [[nodiscard]] std::unique_ptr<ByteSink> create(const std::string& name, bool overwrite) const;

  /// Remove an object; one that is not there is removed already. s3:// only. Throws Error(io).
  void remove(const std::string& name) const;

  /// Since the beginning.
  [[nodiscard]] Usage usage() const noexcept;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace kvcache::remote
