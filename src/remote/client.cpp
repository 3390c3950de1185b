#include "remote/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <optional>
#include <random>
#include <thread>

#include "common/escape.h"
#include "common/remote_name.h"
#include "kvcache/error.h"
#include "remote/address.h"
#include "remote/curl.h"
#include "remote/xml.h"

namespace kvcache::remote {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int most_redirections = 5;
constexpr milliseconds longest_back_off{5'000};
// Who asks for more is busy for longer than somebody at a terminal waits.
constexpr milliseconds longest_retry_after{60'000};

bool is_redirection(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool may_pass(const Answer& answer) {
  switch (answer.status) {
    case 408:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
      return true;
    default:
      return answer.status == 400 && error_code(answer) == "RequestTimeout";
  }
}

std::optional<milliseconds> retry_after(const Answer& answer) {
  const std::string text = answer.header("retry-after");
  if (text.empty()) return std::nullopt;
  if (text.find_first_not_of("0123456789") == std::string::npos)
    return text.size() > 8 ? milliseconds::max() : milliseconds(1000 * std::stoll(text));
  const std::time_t now = std::time(nullptr);
  const std::time_t then = curl().getdate(text.c_str(), &now);
  if (then < 0) return std::nullopt;
  return milliseconds(1000 * std::max<std::time_t>(0, then - now));
}

// Many who were sent away at once should not come back at once.
milliseconds with_jitter(milliseconds time) {
  static thread_local std::minstd_rand random{std::random_device{}()};
  return milliseconds(std::uniform_int_distribution<milliseconds::rep>(time.count() / 2, time.count())(random));
}

// Passwords and what is asked for would be seen by everybody on the way.
void check_encryption(const std::string& url, const Options& options) {
  const UrlParts parts = url_parts(url);
  if (parts.scheme == "https" || parts.is_loopback() || options.allow_http) return;
  throw Error(ErrorKind::usage, fmt::format("http://{} is not encrypted", parts.host),
              Remedy("https:// is, where the server has it; ") + Remedy(Remedy::Action::repeat, {{"allow_http", ""}}) +
                  " if the network is to be trusted");
}

std::string hint_for(const Answer& answer) {
  const std::string code = error_code(answer);
  if (code == "RequestTimeTooSkewed")
    return fmt::format("the clock of this machine is wrong, or the service's, which says {}",
                       kvcache::detail::escaped(answer.header("date"), 40));
  if (code == "ExpiredToken")
    return "the keys were for a time that is over: AWS_SESSION_TOKEN and its keys have to be new ones";
  switch (answer.status) {
    case 401:
    case 403:
      return "are there credentials for it? s3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; hf: "
             "HF_TOKEN; https: https://USER:PASSWORD@HOST/";
    case 407:
      return "https_proxy=http://USER:PASSWORD@HOST:PORT says who asks, and no_proxy=HOST whom to ask directly";
    default:
      return {};
  }
}

}  // namespace

std::string error_code(const Answer& answer) {
  return first_text(answer.body, "Code");
}

namespace {

/// Of the statuses that people meet most.
std::string usual_words(const Answer& answer, const std::string& code) {
  switch (answer.status) {
    case 401:
      return "the server wants to know who asks (401)";
    case 403:
      return code.empty() ? "access denied (403)" : fmt::format("access denied (403, {})", kvcache::detail::escaped(code, 60));
    case 404:
      return code == "NoSuchBucket" ? "there is no such bucket (404)" : "there is no such object (404)";
    case 407:
      return "the proxy wants to know who asks (407)";
    default:
      return {};
  }
}

}  // namespace

std::string in_words(const Answer& answer) {
  const std::string code = error_code(answer);
  if (const std::string words = usual_words(answer, code); !words.empty()) {
    // The Hub's: that a repository is gated, or which revision is missing.
    const std::string said = answer.header("x-error-message");
    return said.empty() ? words : fmt::format("{}: {}", words, kvcache::detail::escaped(said, 160));
  }
  if (code.empty()) return fmt::format("the server answered {}", answer.status);
  const std::string message = first_text(answer.body, "Message");
  return fmt::format("the server answered {}: {}{}", answer.status, kvcache::detail::escaped(code, 60),
                     message.empty() ? "" : ", " + kvcache::detail::escaped(message, 160));
}

void refuse(const Answer& answer, const std::string& what) {
  throw Error(ErrorKind::io, fmt::format("{}: {}", what, in_words(answer)), hint_for(answer), "KV100");
}

void Client::pause(milliseconds time, const Request& request) const {
  const Clock::time_point end = Clock::now() + time;
  for (;;) {
    if (http_.stopped(request)) throw Error(ErrorKind::interrupted, "interrupted");
    const auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now());
    if (left <= milliseconds(0)) return;
    std::this_thread::sleep_for(std::min(left, milliseconds(50)));
  }
}

// What is wrong there is no fault of who named the first address.
Answer Client::exchange_elsewhere(const Request& request, Receiver* receiver) {
  const std::string server = kvcache::detail::without_secrets(request.url.substr(0, request.url.find_first_of("?#")));
  try {
    check_encryption(request.url, options_);
    return http_.exchange(request, receiver);
  } catch (const Broken& broken) {
    throw Broken{fmt::format("{} (at {}, to which the server refers)", broken.what, server), broken.stalled};
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::usage) throw;
    throw Error(ErrorKind::io, fmt::format("the server refers to {}: {}", server, error.what()), error.remedy(), "KV100");
  }
}

Answer Client::follow(Request request, Receiver* receiver) {
  const std::string first = request.url;
  for (int redirections = 0;; ++redirections) {
    if (redirections == 0) check_encryption(request.url, options_);
    Answer answer = redirections == 0 ? http_.exchange(request, receiver) : exchange_elsewhere(request, receiver);
    const std::string location = answer.header("location");
    if (!is_redirection(answer.status) || location.empty() || request.body != nullptr) return answer;
    // Amazon's way to say that the bucket is in another region: to be signed anew (S3Service).
    if (request.login.kind == Login::Kind::aws && !answer.header("x-amz-bucket-region").empty()) return answer;
    if (redirections == most_redirections)
      throw Error(ErrorKind::io, fmt::format("more than {} redirections", most_redirections),
                  "is the address right? the server sends whoever asks round in a circle", "KV100");
    request.url = resolve_url(request.url, location);
    // For good: a server may not send us back with what another one should not see.
    if (!is_web(request.url) || !url_parts(request.url).same_server(url_parts(first))) request.login = {};
  }
}

Answer Client::send(const std::function<Request()>& make, Receiver* receiver) {
  milliseconds wait = options_.back_off;
  bool stalled = false;
  for (unsigned attempt = 0;; ++attempt) {
    const Request request = make();
    std::string what;
    std::optional<milliseconds> asked;
    try {
      Answer answer = follow(request, receiver);
      if (!may_pass(answer) || attempt == options_.repetitions) return answer;
      what = in_words(answer);
      asked = retry_after(answer);
      if (asked && *asked > longest_retry_after)
        throw Error(ErrorKind::io, fmt::format("{}, and wants to be left alone for {} s", what, asked->count() / 1000),
                    "try again then", "KV100");
    } catch (const Broken& broken) {
      what = broken.what;
      // One silence may be an accident; nobody waits for a second one to be over.
      const bool give_up = attempt == options_.repetitions || (broken.stalled && stalled);
      stalled = stalled || broken.stalled;
      if (give_up)
        throw Error(ErrorKind::io, attempt == 0 ? what : fmt::format("{}, {} times", what, attempt + 1), {}, "KV100");
    }
    http_.count_repetition();
    pause(asked ? *asked : with_jitter(wait), request);
    wait = std::min(2 * wait, longest_back_off);
  }
}

}  // namespace kvcache::remote
