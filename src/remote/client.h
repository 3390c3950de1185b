// Requests that are repeated when they fail for a reason that may pass, and that follow redirections.
#pragma once

#include <functional>
#include <string>

#include "remote/http.h"

namespace kvcache::remote {

class Client {
 public:
  explicit Client(const Options& options) : options_(options), http_(options) {}

  /// The answer, whatever its status, once it is none that may pass (429, 5xx) and no redirection. `make` gives the request
  /// anew for each attempt: with what is still missing. Throws Error(io, code KV100), Error(interrupted).
  [[nodiscard]] Answer send(const std::function<Request()>& make, Receiver* receiver = nullptr);
  [[nodiscard]] Answer send(const Request& request, Receiver* receiver = nullptr) {
    return send([&] { return request; }, receiver);
  }
  [[nodiscard]] Usage usage() const noexcept { return http_.usage(); }
  [[nodiscard]] const Options& options() const noexcept { return options_; }
  void warn(const std::string& message) const {
    if (options_.warn) options_.warn(message);
  }

 private:
  [[nodiscard]] Answer follow(Request request, Receiver* receiver);
  [[nodiscard]] Answer exchange_elsewhere(const Request& request, Receiver* receiver);
  void pause(std::chrono::milliseconds time, const Request& request) const;

  const Options& options_;
  Http http_;
};

/// What an answer that is no success means, for people, with what services of S3 say in their XML.
[[nodiscard]] std::string in_words(const Answer& answer);
/// The same, thrown: Error(io, code KV100) with a hint for those statuses that have one.
[[noreturn]] void refuse(const Answer& answer, const std::string& what);
/// <Code> of an error of S3, or empty.
[[nodiscard]] std::string error_code(const Answer& answer);

}  // namespace kvcache::remote
