#include "remote/s3_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "common/escape.h"
#include "common/sha256.h"
#include "kvcache/error.h"
#include "remote/environment.h"
#include "remote/xml.h"

namespace kvcache::remote {
namespace {

constexpr std::size_t most_text = 64U << 20U;

struct Profile {
  std::string name;
  Settings credentials, config;
};

Profile read_profile() {
  std::string name = first_variable("AWS_PROFILE", "AWS_DEFAULT_PROFILE");
  if (name.empty()) name = "default";
  const auto file = [](const char* variable_name, const char* usual) {
    const std::string path = variable(variable_name);
    return path.empty() ? in_home(usual) : path;
  };
  return {name, read_settings(file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"), name),
          read_settings(file("AWS_CONFIG_FILE", ".aws/config"), name)};
}

std::string setting(const Settings& settings, const std::string& name) {
  const auto found = settings.find(name);
  return found == settings.end() ? std::string() : found->second;
}

std::string first_of(std::initializer_list<std::string> values) {
  for (const std::string& value : values)
    if (!value.empty()) return value;
  return {};
}

Login login_of(const Profile& profile) {
  Login login;
  login.user = variable("AWS_ACCESS_KEY_ID");
  login.password = variable("AWS_SECRET_ACCESS_KEY");
  login.session = variable("AWS_SESSION_TOKEN");
  for (const Settings* settings : {&profile.credentials, &profile.config}) {
    if (!login.user.empty() && !login.password.empty()) break;
    login.user = setting(*settings, "aws_access_key_id");
    login.password = setting(*settings, "aws_secret_access_key");
    login.session = setting(*settings, "aws_session_token");
  }
  // Without credentials: buckets that everybody may read.
  if (!login.user.empty() && !login.password.empty()) login.kind = Login::Kind::aws;
  return login;
}

/// Why nobody is asking, where a profile says that somebody should.
std::string why_nobody(const Profile& profile) {
  const bool chosen = !first_variable("AWS_PROFILE", "AWS_DEFAULT_PROFILE").empty();
  const std::string name = kvcache::detail::escaped(profile.name, 60);
  if (chosen && profile.credentials.empty() && profile.config.empty()) return fmt::format("there is no profile '{}'", name);
  for (const Settings* settings : {&profile.credentials, &profile.config})
    for (const char* way : {"credential_process", "sso_session", "sso_start_url", "role_arn", "web_identity_token_file"})
      if (settings->contains(way)) return fmt::format("profile '{}' has its keys by {}, which is not done here", name, way);
  return chosen ? fmt::format("profile '{}' has no keys", name) : std::string();
}

// A bucket that can be a part of a host's name: with a dot in it, no certificate would be of that host.
bool fits_in_host(const std::string& bucket) {
  return bucket.size() >= 3 && bucket.size() <= 63 && std::all_of(bucket.begin(), bucket.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

// It becomes a part of a host's name.
bool is_region_name(const std::string& region) {
  return region.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == std::string::npos;
}

/// Those in China are of a company of their own.
std::string amazon_host(const std::string& region) {
  return fmt::format("s3.{}.amazonaws.com{}", region, region.starts_with("cn-") ? ".cn" : "");
}

std::string random_name() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

}  // namespace

S3Service::S3Service(Client& client, const Options& options) : client_(client) {
  const Profile profile = read_profile();
  login_ = login_of(profile);
  if (login_.kind == Login::Kind::none) why_nobody_ = why_nobody(profile);
  endpoint_ = first_of({options.endpoint_url, first_variable("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
                        setting(profile.config, "s3.endpoint_url"), setting(profile.config, "endpoint_url")});
  while (endpoint_.ends_with('/')) endpoint_.pop_back();
  if (!endpoint_.empty()) (void)url_parts(endpoint_);
  region_ = first_of(
      {options.region, first_variable("AWS_REGION", "AWS_DEFAULT_REGION"), setting(profile.config, "region"), "us-east-1"});
  if (!is_region_name(region_))
    throw Error(ErrorKind::usage, "the region is no name of a region",
                Remedy(Remedy::Action::repeat, {{"region", "us-east-1"}}));
  path_style_ = options.path_style || !endpoint_.empty() || setting(profile.config, "s3.addressing_style") == "path";
}

std::string S3Service::region(const std::string& bucket) const {
  const std::lock_guard lock(mutex_);
  const auto found = regions_.find(bucket);
  return found == regions_.end() ? region_ : found->second;
}

std::string S3Service::base_url(const std::string& bucket) const {
  if (!endpoint_.empty()) return fmt::format("{}/{}", endpoint_, bucket);
  const std::string host = amazon_host(region(bucket));
  return path_style_ || !fits_in_host(bucket) ? fmt::format("https://{}/{}", host, bucket)
                                              : fmt::format("https://{}.{}", bucket, host);
}

Request S3Service::request(const std::string& method, const ObjectAddress& object, const Query& query) const {
  Request out;
  out.method = method;
  out.url = fmt::format("{}/{}", base_url(object.bucket), percent_encoded(object.key, true));
  // Of a bucket alone some services want no slash, and none minds that it is missing.
  if (object.key.empty() && path_style_) out.url.pop_back();
  // Signed as it is: in order, each name with a value, each byte encoded.
  char separator = '?';
  for (const auto& [name, value] : query) {
    out.url += fmt::format("{}{}={}", separator, percent_encoded(name, false), percent_encoded(value, false));
    separator = '&';
  }
  out.login = login_;
  out.login.region = region(object.bucket);
  return out;
}

Answer S3Service::send(const std::string& bucket, const std::function<Request()>& make, Receiver* receiver) {
  std::string asked_in;
  const auto make_noted = [&] {
    Request request = make();
    asked_in = request.login.region;
    return request;
  };
  Answer answer = client_.send(make_noted, receiver);
  if (answer.success() || answer.status == 404) return answer;
  if ((answer.status == 401 || answer.status == 403) && !why_nobody_.empty())
    throw Error(ErrorKind::io, fmt::format("{}, and {}", in_words(answer), why_nobody_),
                "AWS_PROFILE names a profile of ~/.aws/credentials or ~/.aws/config with aws_access_key_id; those of others "
                "are printed by "
                "`aws configure export-credentials`",
                "KV100");
  std::string meant = answer.header("x-amz-bucket-region");
  if (meant.empty()) meant = first_text(answer.body, "Region");
  // Not the one that is known by now: somebody else may have been told meanwhile.
  if (meant.empty() || meant == asked_in || !is_region_name(meant)) return answer;
  {
    const std::lock_guard lock(mutex_);
    regions_[bucket] = meant;
  }
  return client_.send(make, receiver);
}

bool S3Service::keeps_existing(const ObjectAddress& object) {
  if (is_amazon()) return true;
  const std::lock_guard lock(probing_);
  const auto known = keeps_existing_.find(object.bucket);
  if (known != keeps_existing_.end()) return known->second;
  const bool keeps = probe(object);
  keeps_existing_.emplace(object.bucket, keeps);
  return keeps;
}

bool S3Service::probe(const ObjectAddress& object) {
  const std::size_t slash = object.key.rfind('/');
  const ObjectAddress test{
      object.bucket, object.key.substr(0, slash == std::string::npos ? 0 : slash + 1) + ".kvcache-probe-" + random_name()};
  const TextBody empty("");
  const auto put = [&] {
    return send(test.bucket,
                [&] {
                  Request put_request = request("PUT", test);
                  put_request.headers.emplace_back("If-None-Match", "*");
                  put_request.body = &empty;
                  return put_request;
                })
        .status;
  };
  const int first = put();
  // 412 is the answer to a repetition of what had arrived already.
  if (first != 412 && (first < 200 || first >= 300)) return false;
  const int second = first == 412 ? first : put();
  (void)send(test.bucket, [&] { return request("DELETE", test); });
  return second == 412;
}

bool TextReceiver::take(std::span<const std::byte> bytes) {
  if (text.size() + bytes.size() > most_text) throw Broken{"an answer is longer than any should be"};
  text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return true;
}

void TextBody::read(std::uint64_t offset, std::span<std::byte> out) const {
  std::copy_n(reinterpret_cast<const std::byte*>(text_.data()) + offset, out.size(), out.begin());
}

std::string TextBody::sha256() const {
  kvcache::detail::Sha256 hash;
  hash.update(std::as_bytes(std::span(text_)));
  return hash.hex();
}

std::string plain_etag(std::string text) {
  constexpr std::string_view escaped_quote = "&quot;";
  while (text.starts_with(escaped_quote)) text.erase(0, escaped_quote.size());
  while (text.ends_with(escaped_quote)) text.resize(text.size() - escaped_quote.size());
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  return text;
}

}  // namespace kvcache::remote
