#include "kvcache/remote.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "common/remote_name.h"
#include "kvcache/error.h"
#include "remote/content_range.h"
#include "remote/environment.h"
#include "remote/listing.h"
#include "remote/object_sink.h"
#include "remote/remote_source.h"
#include "remote/s3_service.h"

namespace kvcache::remote {
namespace {

Login login_of(const WebAddress& address) {
  if (address.user.empty() && address.password.empty()) return {};
  return {Login::Kind::basic, address.user, address.password, {}, {}};
}

// Where huggingface_hub keeps it.
Login hub_login() {
  std::string token = first_word(first_variable("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"));
  if (token.empty()) {
    std::string path = variable("HF_TOKEN_PATH");
    const std::string home = variable("HF_HOME");
    if (path.empty()) path = home.empty() ? in_home(".cache/huggingface/token") : home + "/token";
    token = read_word(path);
  }
  return token.empty() ? Login() : Login{Login::Kind::bearer, {}, token, {}, {}};
}

std::string hub_url(const HubAddress& address) {
  std::string endpoint = variable("HF_ENDPOINT");
  if (endpoint.empty()) endpoint = "https://huggingface.co";
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return fmt::format("{}/{}/resolve/{}/{}", endpoint, percent_encoded(address.repo, true),
                     percent_encoded(address.revision, false), percent_encoded(address.path, true));
}

}  // namespace

/// What lives as long as any source or sink that was made with it.
class Remote::State {
 public:
  explicit State(Options given) : options(std::move(given)), client(options), s3(client, options) {}

  const Options options;
  Client client;
  S3Service s3;

  [[nodiscard]] Request web_request(const Address& address, const std::string& method) const {
    Request request;
    request.method = method;
    if (const auto* web = std::get_if<WebAddress>(&address)) {
      request.url = web->url;
      request.login = login_of(*web);
    } else if (const auto* hub = std::get_if<HubAddress>(&address)) {
      request.url = hub_url(*hub);
      request.login = hub_login();
    } else {
      request = s3.request(method, std::get<ObjectAddress>(address));
    }
    return request;
  }
  /// HEAD. Throws Error(usage) for what names no object.
  [[nodiscard]] Answer head(const std::string& name);
  [[nodiscard]] Answer send(const Address& address, const std::function<Request()>& make, Receiver* receiver = nullptr) {
    const auto* object = std::get_if<ObjectAddress>(&address);
    return object != nullptr ? s3.send(object->bucket, make, receiver) : client.send(make, receiver);
  }
};

namespace {

// s3:// with a key.
ObjectAddress object_address(const std::string& name, const char* what) {
  const Address address = parse_address(name);
  const auto* object = std::get_if<ObjectAddress>(&address);
  if (object == nullptr)
    throw Error(ErrorKind::usage, fmt::format("{}: only s3:// can be {}", kvcache::detail::without_secrets(name), what),
                "s3://BUCKET/KEY, or a file");
  return *object;
}

void require_key(const std::string& name, const ObjectAddress& object) {
  if (object.key.empty() || object.key.ends_with('/'))
    throw Error(ErrorKind::usage, fmt::format("{} names no object", name),
                "s3://BUCKET/KEY, with a key that does not end in /");
}

}  // namespace

Answer Remote::State::head(const std::string& name) {
  const Address address = parse_address(name);
  if (const auto* object = std::get_if<ObjectAddress>(&address)) require_key(name, *object);
  return send(address, [&] { return web_request(address, "HEAD"); });
}

Remote::Remote(Options options) : state_(std::make_shared<State>(std::move(options))) {}

Remote::~Remote() = default;

std::shared_ptr<const ByteSource> Remote::open(const std::string& name) const {
  const Address address = parse_address(name);
  if (const auto* object = std::get_if<ObjectAddress>(&address)) require_key(name, *object);
  State* const state = state_.get();
  auto file = std::make_unique<RemoteFile>([state, address] { return state->web_request(address, "GET"); },
                                           [state, address](const std::function<Request()>& make, Receiver* receiver) {
                                             return state->send(address, make, receiver);
                                           });
  return std::make_shared<RemoteSource>(state_, std::move(file), kvcache::detail::without_secrets(name));
}

std::vector<Listed> Remote::list(const std::string& prefix) const {
  std::vector<Listed> out;
  Listing listing(state_, state_->s3, object_address(prefix, "listed"));
  for (std::vector<Listed> page = listing.next(); !page.empty(); page = listing.next())
    std::move(page.begin(), page.end(), std::back_inserter(out));
  return out;
}

std::function<std::vector<Listed>()> Remote::pages(const std::string& prefix) const {
  return
      [listing = std::make_shared<Listing>(state_, state_->s3, object_address(prefix, "listed"))] { return listing->next(); };
}

bool Remote::exists(const std::string& name) const {
  const Answer answer = state_->head(name);
  if (answer.success()) return true;
  if (answer.status == 404) return false;
  refuse(answer, "cannot tell whether it exists");
}

std::optional<std::uint64_t> Remote::size(const std::string& name) const {
  const Answer answer = state_->head(name);
  if (answer.status == 404) return std::nullopt;
  if (!answer.success()) refuse(answer, "cannot tell how large it is");
  const auto bytes = parse_size(answer.header("content-length"));
  if (!bytes)
    throw Error(ErrorKind::io,
                fmt::format("{}: the service does not say how large it is", kvcache::detail::without_secrets(name)), "",
                "KV100");
  return bytes;
}

std::unique_ptr<ByteSink> Remote::create(const std::string& name, bool overwrite) const {
  ObjectAddress object = object_address(name, "written");
  require_key(name, object);
  auto sink = std::make_unique<ObjectSink>(state_, state_->s3, std::move(object), name, overwrite);
  // There is no point in sending gigabytes otherwise.
  if (!overwrite) sink->look_first();
  return sink;
}

void Remote::remove(const std::string& name) const {
  const ObjectAddress object = object_address(name, "removed");
  require_key(name, object);
  const Answer answer = state_->s3.send(object.bucket, [&] { return state_->s3.request("DELETE", object); });
  if (!answer.success() && answer.status != 404) refuse(answer, "cannot be removed");
}

Usage Remote::usage() const noexcept {
  return state_->client.usage();
}

}  // namespace kvcache::remote
