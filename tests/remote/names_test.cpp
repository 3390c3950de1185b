// Addresses, the headers of answers, and the XML of S3.
#include <gtest/gtest.h>

#include "common/remote_name.h"
#include "kvcache/error.h"
#include "remote/address.h"
#include "remote/content_range.h"
#include "remote/listing.h"

namespace kvcache::remote {
namespace {

using kvcache::detail::is_remote_name;
using kvcache::detail::local_name;
using kvcache::detail::without_secrets;

TEST(Names, AreAddressesOrPaths) {
  for (const char* name : {"https://h/p", "s3://b/k", "hf://o/r/p", "S3://b/k", "ftp://h/p"})
    EXPECT_TRUE(is_remote_name(name)) << name;
  for (const char* name : {"", "-", "a/b", "./https://h", "c://x", "a b://c", "://x"})
    EXPECT_FALSE(is_remote_name(name)) << name;
}

TEST(Names, AreShownWithoutSecrets) {
  EXPECT_EQ(without_secrets("https://u:p@h/k?Signature=x#f"), "https://h/k?...");
  EXPECT_EQ(without_secrets("https://u@p@h/k"), "https://h/k");
  EXPECT_EQ(without_secrets("Https://u:p@h/k?x"), "Https://h/k?...");
  EXPECT_EQ(without_secrets("https://h/a@b"), "https://h/a@b");
  EXPECT_EQ(without_secrets("s3://b/k?x"), "s3://b/k?x");
  EXPECT_EQ(without_secrets("a?b"), "a?b");
}

TEST(Names, HaveALocalOne) {
  EXPECT_EQ(local_name("https://h/a/k.safetensors?x=/y"), "k.safetensors");
  EXPECT_EQ(local_name("hf://o/r/a/k.safetensors@v1"), "k.safetensors");
  EXPECT_EQ(local_name("hf://o/r/a/k.safetensors@refs/pr/1"), "k.safetensors");
  EXPECT_EQ(local_name("HF://datasets/o/r/k.safetensors@v1"), "k.safetensors");
  EXPECT_EQ(local_name("hf://datasets/o/r@v1/a/k@2.safetensors"), "k@2.safetensors");
  EXPECT_EQ(local_name("HTTPS://h/a/k.safetensors?x=/y"), "k.safetensors");
  for (const char* none : {"hf://", "hf://o", "hf://o/", "hf://o/r", "hf://o/r@v", "hf://o/r/"})
    EXPECT_EQ(local_name(none), "") << none;
  EXPECT_EQ(local_name("s3://b/a/k@1"), "k@1");
  EXPECT_EQ(local_name("a/k"), "k");
}

TEST(Addresses, AreTakenApart) {
  const auto object = std::get<ObjectAddress>(parse_address("s3://b/a//%2F k"));
  EXPECT_EQ(object.bucket, "b");
  EXPECT_EQ(object.key, "a//%2F k");
  const auto hub = std::get<HubAddress>(parse_address("hf://datasets/o/r/a/b@x/y"));
  EXPECT_EQ(hub.repo, "datasets/o/r");
  EXPECT_EQ(hub.path, "a/b");
  EXPECT_EQ(hub.revision, "x/y");
  EXPECT_EQ(std::get<HubAddress>(parse_address("hf://o/r/p")).revision, "main");
  const auto as_theirs = std::get<HubAddress>(parse_address("hf://spaces/o/r@v1%2Fx/a/b@2"));
  EXPECT_EQ(as_theirs.repo, "spaces/o/r");
  EXPECT_EQ(as_theirs.path, "a/b@2");
  EXPECT_EQ(as_theirs.revision, "v1/x");
  const auto pull = std::get<HubAddress>(parse_address("hf://o/r@refs/pr/1/a/b"));
  EXPECT_EQ(pull.path, "a/b");
  EXPECT_EQ(pull.revision, "refs/pr/1");
  const auto web = std::get<WebAddress>(parse_address("https://u:p%40@h:8/k?q#f"));
  EXPECT_EQ(web.url, "https://h:8/k?q");
  EXPECT_EQ(web.password, "p@");
  for (const char* bad : {"s3://", "s3:///k", "s3://../k", "hf://o/r", "hf://o/r/", "hf://o/r/@v", "hf://o/r/p@", "hf://o/r@v",
                          "hf://o/r@/p", "hf://o/@v/p", "hf://o/r@refs/pr/1", "hf://o//p", "ftp://h/k", "https://"})
    EXPECT_THROW((void)parse_address(bad), Error) << bad;
}

TEST(Addresses, AreEncodedOnce) {
  EXPECT_EQ(percent_encoded("a/./b c+%.~", true), "a/./b%20c%2B%25.~");
  EXPECT_EQ(percent_encoded("a/b", false), "a%2Fb");
  EXPECT_EQ(percent_decoded("a%2fb%zz%4"), "a/b%zz%4");
}

TEST(Addresses, KnowThisMachine) {
  for (const char* url :
       {"http://127.0.0.1:1/", "http://localhost/", "http://[::1]:8/", "http://s3.localhost/", "http://127.1.2.3/"})
    EXPECT_TRUE(url_parts(url).is_loopback()) << url;
  for (const char* url : {"http://127.0.0.1.example.com/", "http://localhost.example.com/", "http://10.0.0.1/"})
    EXPECT_FALSE(url_parts(url).is_loopback()) << url;
}

TEST(Addresses, AreResolved) {
  EXPECT_EQ(resolve_url("https://h/a/b?x", "c"), "https://h/a/c");
  EXPECT_EQ(resolve_url("https://h/a/b", "/c%20d"), "https://h/c%20d");
  EXPECT_EQ(resolve_url("https://h/a", "https://u:p@other/x"), "https://other/x");
}

TEST(Addresses, AreOfTheRegion) {
  Options options;
  options.region = "cn-north-1";
  Client client(options);
  const S3Service service(client, options);
  EXPECT_EQ(service.request("GET", {"bucket", "a b"}).url, "https://bucket.s3.cn-north-1.amazonaws.com.cn/a%20b");
  EXPECT_EQ(service.request("GET", {"buck.et", "k"}).url, "https://s3.cn-north-1.amazonaws.com.cn/buck.et/k");
}

TEST(ContentRange, IsReadStrictly) {
  const auto range = parse_content_range("bytes 5-9/10");
  ASSERT_TRUE(range);
  EXPECT_EQ(range->first, 5U);
  EXPECT_EQ(range->last, 9U);
  EXPECT_EQ(range->size, 10U);
  EXPECT_TRUE(parse_content_range("bytes */0")->empty);
  EXPECT_FALSE(parse_content_range("bytes 0-1/*")->size);
  for (const char* bad : {"", "bytes", "bytes 0-1", "bytes 2-1/5", "bytes 0-5/5", "bytes -1/5", "bytes 0-x/5", "lines 0-1/5",
                          "bytes 0-99999999999999999999/*"})
    EXPECT_FALSE(parse_content_range(bad)) << bad;
}

TEST(Listing, DecodesKeysOnlyWhereTheyAreEncoded) {
  const std::string text =
      "<ListBucketResult xmlns='x'><IsTruncated>true</IsTruncated><NextContinuationToken>a%2Bb</NextContinuationToken>"
      "<Contents><Key>a+%2B&amp;</Key><Size>7</Size><LastModified>2026-11-30T07:12:26.881Z</LastModified></Contents>";
  const Page plain = parse_page(text + "</ListBucketResult>", "b");
  EXPECT_EQ(plain.objects.at(0).name, "s3://b/a+%2B&");
  EXPECT_EQ(plain.objects.at(0).bytes, 7U);
  EXPECT_EQ(plain.next, (Query{{"continuation-token", "a%2Bb"}}));
  EXPECT_EQ(plain.objects.at(0).modified.time_since_epoch(), std::chrono::seconds(1'796'022'746));
  EXPECT_EQ(parse_page(text + "<EncodingType>url</EncodingType></ListBucketResult>", "b").objects.at(0).name, "s3://b/a +&");
  EXPECT_EQ(parse_page("<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
                       "<Contents><Key>a+%2B</Key></Contents></ListBucketResult>",
                       "b")
                .next,
            (Query{{"marker", "a +"}}));
  EXPECT_THROW((void)parse_page("<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", "b"), Broken);
  EXPECT_THROW((void)parse_page(text, "b"), Broken);
  EXPECT_THROW((void)parse_page("<html></html>", "b"), Broken);
}

}  // namespace
}  // namespace kvcache::remote
