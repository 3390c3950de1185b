#include "remote/listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kvcache/error.h"
#include "remote/content_range.h"
#include "remote/xml.h"

namespace kvcache::remote {
namespace {

// "2026-11-30T07:12:26.881Z"; the beginning of time for anything else. timegm() is no standard C++, and not needed.
std::chrono::system_clock::time_point parse_time(std::string_view text) {
  const auto number = [&](std::size_t at, std::size_t digits) -> int {
    const auto value = at + digits <= text.size() ? parse_size(text.substr(at, digits)) : std::nullopt;
    return value ? static_cast<int>(*value) : -1;
  };
  const int year = number(0, 4), month = number(5, 2), day = number(8, 2), hour = number(11, 2), minute = number(14, 2),
            second = number(17, 2);
  if (year < 0 || hour < 0 || minute < 0 || second < 0) return {};
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (month < 0 || day < 0 || !date.ok()) return {};
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
}

// As in a form: a blank is a plus.
std::string decoded_key(std::string key) {
  std::replace(key.begin(), key.end(), '+', ' ');
  return percent_decoded(key);
}

}  // namespace

Page parse_page(std::string_view xml, const std::string& bucket) {
  Page page;
  Listed object;
  std::string key, token;
  bool encoded = false, truncated = false, is_listing = false;
  std::vector<std::string> keys;
  const bool complete = read_xml(xml, [&](const std::string& path, const std::string& text) {
    if (path == "ListBucketResult") is_listing = true;
    if (path == "ListBucketResult/EncodingType") encoded = text == "url";
    if (path == "ListBucketResult/IsTruncated") truncated = text == "true";
    if (path == "ListBucketResult/NextContinuationToken") token = text;
    if (path == "ListBucketResult/Contents/Key") key = text;
    if (path == "ListBucketResult/Contents/Size") object.bytes = parse_size(text).value_or(0);
    if (path == "ListBucketResult/Contents/LastModified") object.modified = parse_time(text);
    if (path != "ListBucketResult/Contents") return;
    keys.push_back(std::move(key));
    page.objects.push_back(std::move(object));
    key = {};
    object = {};
  });
  if (!complete || !is_listing) throw Broken{"the answer is no list of objects"};
  for (std::size_t i = 0; i < keys.size(); ++i) {
    // Whether keys are encoded may be said after them.
    if (encoded) keys[i] = decoded_key(std::move(keys[i]));
    page.objects[i].name = fmt::format("s3://{}/{}", bucket, keys[i]);
  }
  if (!truncated) return page;
  if (token.empty() && keys.empty()) throw Broken{"a list of objects that does not say how it goes on"};
  // Services that know ListObjects alone overlook list-type, and have no tokens.
  page.next = token.empty() ? Query{{"marker", keys.back()}} : Query{{"continuation-token", token}};
  return page;
}

namespace {

/// A page that is parsed while the answer can still be asked for again.
class PageReceiver final : public Receiver {
 public:
  explicit PageReceiver(const std::string& bucket) : bucket_(bucket) {}
  void begin(const Answer& answer) override { text_.begin(answer); }
  bool take(std::span<const std::byte> bytes) override { return text_.take(bytes); }
  void end() override { page = parse_page(text_.text, bucket_); }
  Page page;

 private:
  const std::string& bucket_;
  TextReceiver text_;
};

}  // namespace

Listing::Listing(std::shared_ptr<void> owner, S3Service& service, ObjectAddress prefix)
    : owner_(std::move(owner)), service_(service), prefix_(std::move(prefix)) {
  ask_ahead({});
}

Page Listing::ask(const Query& which) const {
  const ObjectAddress bucket{prefix_.bucket, {}};
  Query query = {{"list-type", "2"}, {"prefix", prefix_.key}, {"encoding-type", "url"}};
  query.insert(which.begin(), which.end());
  PageReceiver receiver(prefix_.bucket);
  const Answer answer = service_.send(
      prefix_.bucket,
      [&] {
        Request request = service_.request("GET", bucket, query);
        request.cancelled = &cancelled_;
        return request;
      },
      &receiver);
  if (!answer.success()) refuse(answer, "cannot be listed");
  if (!which.empty() && receiver.page.next == which)
    throw Error(ErrorKind::io, "the server gives the same page of the list again and again", {}, "KV100");
  return std::move(receiver.page);
}

void Listing::ask_ahead(const Query& which) {
  // Where no thread is to be had it is asked for when it is needed.
  page_ = std::async(std::launch::async | std::launch::deferred, [this, which] { return ask(which); });
}

std::vector<Listed> Listing::next() {
  while (page_.valid()) {
    Page page = page_.get();
    if (!page.next.empty()) ask_ahead(page.next);
    // One without objects need not be the last.
    if (!page.objects.empty()) return std::move(page.objects);
  }
  return {};
}

}  // namespace kvcache::remote
