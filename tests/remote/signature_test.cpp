// Against the examples of Amazon's documentation: "Signature Calculations for the Authorization Header", Amazon S3 API
// Reference.
#include "remote/signature.h"

#include <gtest/gtest.h>

namespace kvcache::remote {
namespace {

constexpr std::time_t may_24_2013 = 1369353600;
const std::string nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const std::string host = "examplebucket.s3.amazonaws.com";

std::string signature(const std::string& method, const std::string& target, Headers headers,
                      const std::string& payload = nothing) {
  Signer signer;
  const std::string url = "https://" + host + target;
  signer.sign({method, url, host, payload}, "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "", "us-east-1",
              may_24_2013, headers);
  const std::string& authorization = headers.back().second;
  return authorization.substr(authorization.find("Signature=") + 10);
}

TEST(Signature, OfAnObject) {
  EXPECT_EQ(signature("GET", "/test.txt", {{"Range", "bytes=0-9"}}),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(Signature, OfAnUpload) {
  EXPECT_EQ(signature("PUT", "/test%24file.text",
                      {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                      "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(Signature, OfParameters) {
  EXPECT_EQ(signature("GET", "/?lifecycle", {}), "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  EXPECT_EQ(signature("GET", "?lifecycle=", {}), "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  for (const char* target : {"/?max-keys=2&prefix=J", "/?prefix=J&max-keys=2"})
    EXPECT_EQ(signature("GET", target, {}), "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(Signature, IsOfValuesWithoutBlanks) {
  EXPECT_EQ(signature("GET", "/test.txt", {{"RANGE", "  bytes=0-9 "}}),
            signature("GET", "/test.txt", {{"Range", "bytes=0-9"}}));
  EXPECT_EQ(signature("GET", "/k", {{"If-Match", "\"a  b\""}}), signature("GET", "/k", {{"If-Match", "\"a b\""}}));
}

TEST(Signature, IsOfItsDayRegionAndSecret) {
  Signer signer;
  const auto with = [&](const std::string& secret, const std::string& region, std::time_t now) {
    Headers headers;
    signer.sign({"GET", "https://h/k", "h", nothing}, "user", secret, "session", region, now, headers);
    return headers.back().second;
  };
  const std::string first = with("secret", "r", may_24_2013);
  EXPECT_NE(first.find("Credential=user/20130524/r/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date;"
                       "x-amz-security-token, "),
            std::string::npos);
  EXPECT_NE(with("secret2", "r", may_24_2013), first);
  EXPECT_NE(with("secret", "r2", may_24_2013), first);
  EXPECT_NE(with("secret", "r", may_24_2013 + 86400), first);
  EXPECT_EQ(with("secret", "r", may_24_2013), first);
}

}  // namespace
}  // namespace kvcache::remote
