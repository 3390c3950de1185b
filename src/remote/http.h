// One request and its answer, over libcurl.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kvcache/byte_source.h"
#include "kvcache/remote.h"

namespace kvcache::remote {

/// Who asks. What is in it is never printed.
struct Login {
  enum class Kind { none, basic, bearer, aws } kind = Kind::none;
  std::string user;      ///< or the access key
  std::string password;  ///< or the token, or the secret key
  std::string session;   ///< aws: the session token, or empty
  std::string region;    ///< aws
  [[nodiscard]] bool operator==(const Login&) const = default;
};

/// Bytes to send, which may be asked for again.
class Body {
 public:
  Body() = default;
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;
  virtual ~Body() = default;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  virtual void read(std::uint64_t offset, std::span<std::byte> out) const = 0;
  [[nodiscard]] virtual std::string sha256() const = 0;  ///< in hex
};

struct Request {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers = {};
  /// Of the body of the answer. Not among `headers`, which are signed: what stands before S3 may change it.
  std::optional<ByteRange> range = {};
  Login login = {};
  const Body* body = nullptr;
  /// Looked at beside the stop token: somebody no longer needs the answer.
  const std::atomic<bool>* cancelled = nullptr;
  /// On a connection of its own: libcurl repeats by itself what a connection in use has lost, and nobody would know.
  bool alone = false;
  /// How long the answer is waited for when a stop comes meanwhile: it may say what has to be taken away again.
  std::chrono::milliseconds patience{0};
  /// To be sent although a stop was requested: it takes away what an interrupted write left.
  bool cleans_up = false;
};

struct Answer {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in small letters
  std::string body;                            ///< the beginning of it, where no receiver took it
  std::string url;                             ///< who answered: after redirections another one than was asked
  [[nodiscard]] bool success() const noexcept { return status >= 200 && status < 300; }
  /// Empty where it is not there.
  [[nodiscard]] std::string header(const std::string& name) const;
};

/// Takes the body of a successful answer.
class Receiver {
 public:
  Receiver() = default;
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;
  virtual ~Receiver() = default;
  /// Before the body of each answer with a status of 200 to 299: there may be several, when one breaks off.
  virtual void begin(const Answer& answer) = 0;
  /// The next bytes. False: no more of them are needed.
  virtual bool take(std::span<const std::byte> bytes) = 0;
  /// All that the server sent has been taken. Throws Broken where that is not enough.
  virtual void end() {}
};

/// Something went wrong that may go right when it is asked for again: a connection that broke, an answer that does not fit.
struct Broken {
  std::string what;
  bool stalled = false;  ///< nothing came for as long as Options::stall_timeout
};

/// Connections, and one request after the other on each of them. Safe to use from several threads.
class Http {
 public:
  explicit Http(const Options& options);
  ~Http();
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;

  /// One exchange: neither repeated nor redirected. Throws Broken, Error(io, code KV100), Error(interrupted).
  [[nodiscard]] Answer exchange(const Request& request, Receiver* receiver);
  [[nodiscard]] Usage usage() const noexcept;
  void count_repetition() noexcept { ++repetitions_; }
  /// Whether somebody asked to stop.
  [[nodiscard]] bool stopped(const Request& request) const noexcept;

 private:
  struct Connection;
  struct Transfer;
  [[nodiscard]] std::unique_ptr<Connection> take_connection();
  void run(Connection& connection, Transfer& transfer);

  const Options& options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;
  std::atomic<std::uint64_t> requests_ = 0, repetitions_ = 0, received_ = 0, sent_ = 0;
};

}  // namespace kvcache::remote
