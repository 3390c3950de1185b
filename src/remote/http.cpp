#include "remote/http.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "kvcache/error.h"
#include "remote/address.h"
#include "remote/curl.h"
#include "remote/environment.h"
#include "remote/trimmed.h"

namespace kvcache::remote {
namespace {

using Clock = std::chrono::steady_clock;

// A request to stop is noticed within this time, whatever the network does.
constexpr int poll_ms = 50;
// Of an error page: more than any service writes.
constexpr std::size_t most_kept = 64U << 10U;
constexpr std::string_view empty_sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

void check(CURLcode code) {
  if (code != CURLE_OK) throw Error(ErrorKind::io, fmt::format("libcurl: {}", curl().easy_strerror(code)), {}, "KV100");
}

// What asking again may change.
bool may_pass(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_SEND_FAIL_REWIND:
      return true;
    default:
      return false;
  }
}

std::string hint_for(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return "is the name of the host right, and is there a network?";
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return "CURL_CA_BUNDLE names a file with the certificates to trust, before SSL_CERT_FILE";
    default:
      return {};
  }
}

/// Which variable names a proxy, where one does: then it may be that one which is not there.
std::string proxy_note(const std::string& url) {
  const std::string scheme = url.substr(0, url.find(':'));
  for (const std::string& name : {scheme + "_proxy", std::string(scheme == "http" ? "" : "HTTPS_PROXY"),
                                  std::string("all_proxy"), std::string("ALL_PROXY")})
    if (!name.empty() && !variable(name.c_str()).empty()) return fmt::format(" (by way of the proxy that {} names?)", name);
  return {};
}

struct ListDelete {
  void operator()(curl_slist* list) const { curl().slist_free_all(list); }
};

}  // namespace

/// A handle with connections of its own, so that each can be waited for alone.
struct Http::Connection {
  Connection() : multi(curl().multi_init(), curl().multi_cleanup), easy(curl().easy_init(), curl().easy_cleanup) {
    if (!multi || !easy) throw std::bad_alloc();
  }
  /// Sets all that is not of a single request, unless it is still set: the last request was of the same kind.
  void prepare(const Options& options, const Request& request);

  std::unique_ptr<CURLM, CURLMcode (*)(CURLM*)> multi;
  std::unique_ptr<CURL, void (*)(CURL*)> easy;

 private:
  std::optional<Login> reader_;  // who asks for one thing after the other
};

/// One exchange at work: what curl's callbacks see. They may not throw, so what went wrong waits in `failure`.
struct Http::Transfer {
  Transfer(Http& owner, const Request& to, Receiver* taker) : http(owner), request(to), receiver(taker) {}

  void add_header(std::string_view line) {
    heard = Clock::now();
    line = trimmed(line);
    if (line.starts_with("HTTP/")) {
      // Again after an interim answer (100 Continue).
      answer.headers.clear();
      answer.status = 0;
      const std::size_t space = line.find(' ');
      if (space != std::string_view::npos)
        for (const char c : line.substr(space + 1, 3)) answer.status = answer.status * 10 + (c - '0');
      return;
    }
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos)
      answer.headers[in_small_letters(line.substr(0, colon))] = std::string(trimmed(line.substr(colon + 1)));
  }

  void begin() {
    if (begun) return;
    begun = true;
    if (receiver != nullptr && answer.success()) receiver->begin(answer);
  }

  bool add_body(std::span<const std::byte> bytes) {
    heard = Clock::now();
    http.received_ += bytes.size();
    begin();
    if (receiver != nullptr && answer.success()) {
      if (receiver->take(bytes)) return true;
      enough = true;
      return false;
    }
    const std::size_t room = most_kept - std::min(most_kept, answer.body.size());
    answer.body.append(reinterpret_cast<const char*>(bytes.data()), std::min(room, bytes.size()));
    return true;
  }

  std::size_t give(std::span<std::byte> out) {
    heard = Clock::now();
    const std::size_t n = std::min<std::uint64_t>(out.size(), request.body->size() - given);
    if (n > 0) request.body->read(given, out.first(n));
    given += n;
    http.sent_ += n;
    return n;
  }

  Http& http;
  const Request& request;
  Receiver* receiver;
  Answer answer;
  bool begun = false;
  bool enough = false;  // the receiver wants no more
  std::uint64_t given = 0;
  Clock::time_point heard = Clock::now();
  std::exception_ptr failure;

  // Runs a callback; what it throws ends the transfer.
  template <typename Work>
  static std::size_t guarded(void* self, std::size_t failed, const Work& work) noexcept {
    auto& transfer = *static_cast<Transfer*>(self);
    try {
      return work(transfer);
    } catch (...) {
      transfer.failure = std::current_exception();
      return failed;
    }
  }
  static std::size_t on_header(const char* data, std::size_t, std::size_t n, void* self) {
    return guarded(self, 0, [&](Transfer& transfer) {
      transfer.add_header({data, n});
      return n;
    });
  }
  static std::size_t on_body(const char* data, std::size_t, std::size_t n, void* self) {
    return guarded(
        self, 0, [&](Transfer& transfer) { return transfer.add_body(std::as_bytes(std::span(data, n))) ? n : std::size_t{0}; });
  }
  static std::size_t on_read(char* data, std::size_t size, std::size_t n, void* self) {
    return guarded(self, CURL_READFUNC_ABORT,
                   [&](Transfer& transfer) { return transfer.give(std::as_writable_bytes(std::span(data, size * n))); });
  }
  static int on_seek(void* self, curl_off_t offset, int) {
    static_cast<Transfer*>(self)->given = static_cast<std::uint64_t>(offset);
    return CURL_SEEKFUNC_OK;
  }
};

std::string Answer::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

namespace {

void set_certificates(CURL* easy, const Login& login) {
  // The program curl does this, the library does not.
  std::string file = login.kind == Login::Kind::aws ? variable("AWS_CA_BUNDLE") : std::string();
  if (file.empty()) file = first_variable("CURL_CA_BUNDLE", "SSL_CERT_FILE");
  if (!file.empty()) check(curl().easy_setopt(easy, CURLOPT_CAINFO, file.c_str()));
  const std::string folder = variable("SSL_CERT_DIR");
  if (!folder.empty()) check(curl().easy_setopt(easy, CURLOPT_CAPATH, folder.c_str()));
}

void set_login(CURL* easy, const Login& login) {
  if (login.kind == Login::Kind::none || login.kind == Login::Kind::bearer) return;
  check(curl().easy_setopt(easy, CURLOPT_USERNAME, login.user.c_str()));
  check(curl().easy_setopt(easy, CURLOPT_PASSWORD, login.password.c_str()));
  if (login.kind == Login::Kind::basic)
    check(curl().easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC));
  else
    check(curl().easy_setopt(easy, CURLOPT_AWS_SIGV4, fmt::format("aws:amz:{}:s3", login.region).c_str()));
}

// curl signs every header that is given here. None may be given to be left out ("Expect:"): it would be signed as well, and
// not sent.
std::unique_ptr<curl_slist, ListDelete> header_list(const Request& request) {
  std::unique_ptr<curl_slist, ListDelete> list;
  const auto add = [&](const std::string& line) {
    curl_slist* longer = curl().slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    (void)list.release();
    list.reset(longer);
  };
  for (const auto& [name, value] : request.headers) add(fmt::format("{}: {}", name, value));
  // Ranges are of the file as it is. Some that stand before S3 change this header, which would be a part of the signature.
  if (request.login.kind != Login::Kind::aws) add("Accept-Encoding: identity");
  if (request.login.kind == Login::Kind::bearer) add("Authorization: Bearer " + request.login.password);
  if (request.login.kind == Login::Kind::aws) {
    add(fmt::format("x-amz-content-sha256: {}", request.body == nullptr ? std::string(empty_sha256) : request.body->sha256()));
    if (!request.login.session.empty()) add("x-amz-security-token: " + request.login.session);
  }
  if (request.body != nullptr) add("Content-Type: application/octet-stream");
  return list;
}

void set_range(CURL* easy, const std::optional<ByteRange>& range) {
  const std::string text = range ? fmt::format("{}-{}", range->offset, range->offset + range->size - 1) : std::string();
  check(curl().easy_setopt(easy, CURLOPT_RANGE, range ? text.c_str() : nullptr));
}

void set_method(CURL* easy, const Request& request) {
  if (request.method == "HEAD") {
    check(curl().easy_setopt(easy, CURLOPT_NOBODY, 1L));
  } else if (request.body != nullptr) {
    check(curl().easy_setopt(easy, CURLOPT_UPLOAD, 1L));
    check(curl().easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body->size())));
    check(curl().easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str()));
    // A service that does not know "Expect: 100-continue" is not waited for.
    check(curl().easy_setopt(easy, CURLOPT_EXPECT_100_TIMEOUT_MS, 200L));
  } else if (request.method != "GET") {
    check(curl().easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str()));
    if (request.method == "POST" || request.method == "PUT") {
      check(curl().easy_setopt(easy, CURLOPT_POSTFIELDS, ""));
      check(curl().easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L));
    }
  }
}

}  // namespace

void Http::Connection::prepare(const Options& options, const Request& request) {
  const bool reads = request.method == "GET" && request.body == nullptr && !request.alone;
  if (reads && reader_ == request.login) return;
  reader_.reset();
  CURL* const handle = easy.get();
  curl().easy_reset(handle);  // keeps connections
  check(curl().easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L));
  check(curl().easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https"));
  check(curl().easy_setopt(handle, CURLOPT_NOSIGNAL, 1L));
  check(curl().easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count())));
  check(curl().easy_setopt(handle, CURLOPT_BUFFERSIZE, 256L << 10));
  check(curl().easy_setopt(handle, CURLOPT_USERAGENT, "kvcache"));
  check(curl().easy_setopt(handle, CURLOPT_HEADERFUNCTION, Transfer::on_header));
  check(curl().easy_setopt(handle, CURLOPT_WRITEFUNCTION, Transfer::on_body));
  check(curl().easy_setopt(handle, CURLOPT_READFUNCTION, Transfer::on_read));
  check(curl().easy_setopt(handle, CURLOPT_SEEKFUNCTION, Transfer::on_seek));
  if (request.alone) check(curl().easy_setopt(handle, CURLOPT_FRESH_CONNECT, 1L));
  set_certificates(handle, request.login);
  set_login(handle, request.login);
  set_method(handle, request);
  if (reads) reader_ = request.login;
}

Http::Http(const Options& options) : options_(options) {
  static const CURLcode initialized = curl().global_init(CURL_GLOBAL_DEFAULT);
  check(initialized);
}

Http::~Http() = default;

Usage Http::usage() const noexcept {
  return {requests_, repetitions_, received_, sent_};
}

bool Http::stopped(const Request& request) const noexcept {
  if (request.cancelled != nullptr && *request.cancelled) return true;
  return !request.cleans_up && (options_.stop.stop_requested() || stop_requested() != 0);
}

std::unique_ptr<Http::Connection> Http::take_connection() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Connection> connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
  }
  return std::make_unique<Connection>();
}

void Http::run(Connection& connection, Transfer& transfer) {
  CURLM* const multi = connection.multi.get();
  if (curl().multi_add_handle(multi, connection.easy.get()) != CURLM_OK)
    throw Error(ErrorKind::io, "libcurl takes no more requests", {}, "KV100");
  struct Remove {
    ~Remove() { curl().multi_remove_handle(multi, easy); }
    CURLM* multi;
    CURL* easy;
  };
  CURLcode result = CURLE_OK;
  std::optional<Clock::time_point> stopping;
  {
    const Remove remove{multi, connection.easy.get()};
    for (int running = 1;;) {
      if (curl().multi_perform(multi, &running) != CURLM_OK) throw Broken{"the connection failed"};
      if (running == 0) break;
      if (stopped(transfer.request)) {
        if (!stopping) stopping = Clock::now();
        if (Clock::now() - *stopping >= transfer.request.patience) throw Error(ErrorKind::interrupted, "interrupted");
      }
      if (Clock::now() - transfer.heard > options_.stall_timeout)
        throw Broken{
            fmt::format("nothing came from the server for {} s", std::chrono::duration<double>(options_.stall_timeout).count()),
            true};
      (void)curl().multi_poll(multi, nullptr, 0, poll_ms, nullptr);
    }
    int left = 0;
    while (const CURLMsg* message = curl().multi_info_read(multi, &left))
      if (message->msg == CURLMSG_DONE) result = message->data.result;
  }
  if (transfer.failure) std::rethrow_exception(transfer.failure);
  if (result == CURLE_OK || (transfer.enough && result == CURLE_WRITE_ERROR)) return;
  const std::string what = result == CURLE_UNSUPPORTED_PROTOCOL ? "the answer is none of HTTP"
                           : result == CURLE_COULDNT_CONNECT
                               ? fmt::format("{}{}", curl().easy_strerror(result), proxy_note(transfer.request.url))
                               : curl().easy_strerror(result);
  if (may_pass(result)) throw Broken{what};
  throw Error(ErrorKind::io, what, hint_for(result), "KV100");
}

Answer Http::exchange(const Request& request, Receiver* receiver) {
  if (stopped(request)) throw Error(ErrorKind::interrupted, "interrupted");
  std::unique_ptr<Connection> connection = take_connection();
  CURL* const easy = connection->easy.get();
  Transfer transfer(*this, request, receiver);
  const auto headers = header_list(request);
  connection->prepare(options_, request);
  check(curl().easy_setopt(easy, CURLOPT_URL, request.url.c_str()));
  check(curl().easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get()));
  set_range(easy, request.range);
  check(curl().easy_setopt(easy, CURLOPT_HEADERDATA, &transfer));
  check(curl().easy_setopt(easy, CURLOPT_WRITEDATA, &transfer));
  check(curl().easy_setopt(easy, CURLOPT_READDATA, &transfer));
  check(curl().easy_setopt(easy, CURLOPT_SEEKDATA, &transfer));
  ++requests_;
  run(*connection, transfer);
  transfer.begin();  // of an empty body, too
  if (receiver != nullptr && transfer.answer.success() && !transfer.enough) receiver->end();
  transfer.answer.url = request.url;
  {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(connection));
  }
  return std::move(transfer.answer);
}

}  // namespace kvcache::remote
