// Stamps: what they hold, what of them survives an edit, and what verify finds by them.
#include "kvcache/stamp.h"

#include <gtest/gtest.h>

#include <random>

#include "kvcache/error.h"
#include "kvcache/sha256.h"
#include "kvcache/transform.h"
#include "kvcache/verify.h"
#include "support/errors.h"
#include "support/sample.h"

namespace kvcache {
namespace {

using test::codes_of;
using test::error_of;
using test::ones;
using test::Sample;

// Where the stamp is in metadata of all layouts that Sample writes.
const std::string stamp_entry = "1.kvcache_stamp";

/// Stamps a sample in place and writes it.
std::string stamped(Sample& sample, StampRequest request = {}) {
  request.time = "2026-11-21T12:00:00Z";
  request.tool = "kvcache test";
  const Document document = read_document(sample.write());
  const Encoded encoded = encode(document.cache, document.format->era);
  sample.metadata[stamp_entry] = to_json(make_stamp(document.cache, encoded, request));
  return sample.write();
}

std::string digest(std::size_t count, char c) {
  return sha256(std::string(count, c));
}

TEST(Sha256, NistVectors) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(digest(1'000'000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// Padding changes at 55, 56 and 64 bytes. From Python's hashlib.
TEST(Sha256, AroundTheEndOfABlock) {
  EXPECT_EQ(digest(55, 'a'), "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
  EXPECT_EQ(digest(56, 'a'), "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
  EXPECT_EQ(digest(63, 'a'), "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34");
  EXPECT_EQ(digest(64, 'a'), "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
  EXPECT_EQ(digest(65, 'a'), "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0");
}

TEST(Checksums, AreZlibsWhateverTheThreads) {
  // "123456789" is CRC-32's check value; nine million bytes are three pieces.
  const auto bytes = [](const std::string& text) {
    return Tensor::of_bytes(
        Dtype::U8, {static_cast<std::int64_t>(text.size())},
        {reinterpret_cast<const std::byte*>(text.data()), reinterpret_cast<const std::byte*>(text.data()) + text.size()});
  };
  std::string large;
  for (int i = 0; i < 1'000'000; ++i) large += "123456789";
  const std::vector<NamedTensor> tensors{
      {"b", bytes("123456789")}, {"none", Tensor::zeros(Dtype::F16, {0, 4})}, {"a", bytes(large)}, {"c", bytes("a")}};
  for (const unsigned threads : {1U, 3U}) {
    const auto sums = checksums(tensors, threads);
    EXPECT_EQ(sums.at("b"), 0xcbf43926U);
    EXPECT_EQ(sums.at("none"), 0U);
    EXPECT_EQ(sums.at("a"), 0x1b815c98U) << "zlib.crc32(b'123456789' * 1000000)";
    EXPECT_EQ(sums.at("c"), 0xe8b7be43U);
  }
}

TEST(Stamp, JsonAndBack) {
  Stamp stamp;
  stamp.time = "2026-11-21T12:00:00Z";
  stamp.tool = "kvcache test";
  stamp.crc32.emplace().emplace("0.0", 0x00ab12cdU);
  stamp.model_sha256["config.json"] = sha256("{}");
  stamp.tokens = stamp_tokens({1, 128000, 7});
  stamp.text = "caf\u00e9\n\x7f\x01\"";
  const std::string json = to_json(stamp);
  EXPECT_TRUE(json.starts_with(R"({"schema":"kvcache.stamp/1","time":"2026-11-21T12:00:00Z","tool":"kvcache test",)")) << json;
  for (const char c : json) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << json;
  const Stamp back = parse_stamp(json);
  EXPECT_EQ(to_json(back), json);
  EXPECT_EQ(back.crc32->at("0.0"), 0x00ab12cdU);
  EXPECT_EQ(back.text, stamp.text);
  ASSERT_TRUE(back.tokens);
  EXPECT_EQ(back.tokens->ids, (std::vector<std::int32_t>{1, 128000, 7}));
  // hashlib.sha256(struct.pack("<3i", 1, 128000, 7))
  EXPECT_EQ(back.tokens->sha256, "58ccd2b8b938c9862bc38bd22c972db47ecee339de1cdfa32d727687be64510d");
}

TEST(Stamp, UnknownKeysAreIgnored) {
  const Stamp stamp = parse_stamp(
      R"({"schema":"kvcache.stamp/1","new":{"crc32":{"0.0":"x"},"deep":[[{"ids":[-1]}],null]},"crc32":{"0.0":"00000001"},"more":-1.5,)"
      R"("tokens":{"new":[{}],"count":0,"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}})");
  EXPECT_EQ(stamp.crc32->size(), 1U);
  EXPECT_TRUE(stamp.tokens);
  EXPECT_FALSE(stamp.tokens->ids);
}

std::string problem_of(const std::string& json) {
  try {
    (void)parse_stamp(json);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "KV801");
    return error.what();
  }
  return "none";
}
std::string problem_with(const std::string& members) {
  return problem_of(R"({"schema":"kvcache.stamp/1",)" + members + "}");
}

TEST(Stamp, HostileJson) {
  EXPECT_EQ(problem_with(R"("time":"x")"), "none");
  EXPECT_EQ(problem_of(""), "it is no JSON: error at byte 1");
  EXPECT_EQ(problem_of("[]"), "it is no JSON object");
  EXPECT_EQ(problem_of("7"), "it is no JSON object");
  EXPECT_EQ(problem_of("\"x\""), "it is no JSON object");
  EXPECT_EQ(problem_of("{}"), "it has no schema 'kvcache.stamp/1'");
  EXPECT_EQ(problem_of(R"({"schema":"kvcache.stamp/2"})"), "it is of a newer version: kvcache.stamp/2");
  EXPECT_EQ(problem_of(R"({"schema":"x\u001b"})"), "its schema is 'x\\x1b' instead of 'kvcache.stamp/1'");
  EXPECT_EQ(problem_of(R"({"schema":7})"), "'schema' is a number");
  EXPECT_EQ(problem_with(R"("time":"x)"), "it is no JSON: error at byte 39");
  EXPECT_EQ(problem_with(R"("time":"x"} )"), "it is no JSON: error at byte 41");
  EXPECT_EQ(problem_with(R"("time":"x","time":"x")"), "the key 'time' occurs twice");
  EXPECT_EQ(problem_with(R"("crc32":{"0.0":"00000000","0.0":"00000000"})"), "the key '0.0' occurs twice");
  EXPECT_EQ(problem_with(R"("new":{"a":1,"a":2})"), "the key 'a' occurs twice");
  EXPECT_EQ(problem_with(R"("crc32":[])"), "'crc32' is a list");
  EXPECT_EQ(problem_with(R"("crc32":null)"), "'crc32' is null");
  EXPECT_EQ(problem_with(R"("crc32":{"0.0":7})"), "'0.0' is a number");
  EXPECT_EQ(problem_with(R"("crc32":{"0.0":{}})"), "'0.0' is an object");
  EXPECT_EQ(problem_with(R"("crc32":{"0.0":"0000000G"})"), "'0.0' is no CRC-32");
  EXPECT_EQ(problem_with(R"("crc32":{"0.0":"000000001"})"), "'0.0' is no CRC-32");
  EXPECT_EQ(problem_with(R"("model_sha256":{"config.json":""})"), "'config.json' is no SHA-256");
  EXPECT_EQ(problem_with(R"("text":{})"), "'text' is an object");
  EXPECT_EQ(problem_with(R"("tokens":{})"), "'tokens' lacks count or sha256");
  EXPECT_EQ(problem_with(R"("tokens":{"count":-1})"), "'count' is a negative number");
  EXPECT_EQ(problem_with(R"("tokens":{"count":1e3})"), "'count' is a number that is no plain integer");
  EXPECT_EQ(problem_with(R"("tokens":{"count":99999999999999999999})"), "'count' is a number that is no plain integer");
  EXPECT_EQ(problem_with(R"("tokens":{"ids":[2147483648]})"), "a token id is 2147483648");
  EXPECT_EQ(problem_with(R"("tokens":{"ids":[1,[2]]})"), "a token id is a list");
  EXPECT_EQ(problem_with(R"("tokens":{"ids":["1"]})"), "a token id is a text");
  EXPECT_NE(problem_with(R"("tokens":{"count":1e999})"), "none");
  EXPECT_EQ(problem_with("\"new\":" + std::string(1'000'000, '[')), "it is nested too deep");
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
  EXPECT_EQ(problem_with("\"new\":" + deep), "it is nested too deep");
  std::string many = "\"crc32\":{";
  for (int i = 0; i < 70'000; ++i) many += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":\"00000000\"";
  EXPECT_EQ(problem_with(many + "}"), "it names too many arrays");
}

TEST(Stamp, HostileStampsAreAWarning) {
  Sample sample;
  sample.kv();
  for (const std::string text : {"", "{", "\x1b[2J", "{\"schema\":\"kvcache.stamp/1\",\"crc32\":{\"0.0\":0}}"}) {
    sample.metadata[stamp_entry] = text;
    const FileReport report = sample.verify();
    EXPECT_NE(codes_of(report.findings).find("KV801"), std::string::npos) << text;
    EXPECT_LT(report.status, kvcache::Status::errors);
  }
}

TEST(TokenIds, JsonOrPlain) {
  const std::vector<std::int32_t> ids{1, 22, 333};
  for (const char* text : {"[1, 22, 333]", " [1,22,333]\n", "1 22 333", "1,22,333\n", "1\n22\r\n333", "1 , 22 ,333"})
    EXPECT_EQ(parse_token_ids(text), ids) << text;
  EXPECT_EQ(parse_token_ids(""), std::vector<std::int32_t>());
  EXPECT_EQ(parse_token_ids("[]"), std::vector<std::int32_t>());
  for (const char* text :
       {"-1", "1.5", "1e3", "0x10", "2147483648", "1,,2", "1,", ",1", "[1", "1]", "[[1]]", "a", "1;2", "-0"}) {
    const auto error = error_of([&] { (void)parse_token_ids(text); });
    ASSERT_TRUE(error) << text;
    EXPECT_EQ(error->kind(), ErrorKind::usage) << text;
  }
}

TEST(CheckStamp, EveryFlippedBitIsFoundWithItsArray) {
  Sample sample;
  sample.kv(9)
      .layer("RotatingKVCache", {"4", "16", "9", "9"}, {{"0", ones({1, 2, 9, 8})}, {"1", ones({1, 2, 9, 8})}})
      .layer("ArraysCache", {""}, {{"0", ones({1, 3, 5}, Dtype::F32)}, {"1", ones({1, 1, 7}, Dtype::BF16)}});
  const std::string path = stamped(sample);
  EXPECT_EQ(verify_file(path).status, Status::ok);
  const std::string sound = test::read_file(path);
  const SafetensorsFile file = SafetensorsFile::open(path);
  const Header& header = file.header();
  const std::uint64_t bits = 8 * (header.file_bytes - header.data_begin);
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    const std::uint64_t bit = std::uniform_int_distribution<std::uint64_t>(0, bits - 1)(random);
    std::string damaged = sound;
    damaged[header.data_begin + bit / 8] = static_cast<char>(damaged[header.data_begin + bit / 8] ^ (1 << (bit % 8)));
    test::write_file(path, damaged);
    const auto hit =
        std::ranges::find_if(header.tensors, [&](const TensorEntry& e) { return bit / 8 >= e.begin && bit / 8 < e.end; });
    const FileReport report = verify_file(path);
    ASSERT_EQ(codes_of(report.findings), "KV802") << bit;
    EXPECT_EQ(report.findings[0].key, hit->key);
    EXPECT_EQ(report.findings[0].where.text(), "layer " + hit->key.substr(0, 1));
    EXPECT_NE(report.findings[0].message.find("array " + hit->key), std::string::npos) << report.findings[0].message;
    EXPECT_EQ(report.status, Status::errors);
  }
}

TEST(CheckStamp, ArraysThatCameOrWent) {
  Sample sample;
  stamped(sample.kv());
  sample.kv();
  EXPECT_EQ(sample.codes(), "KV803 KV803") << "a layer was added";
  Sample shorter;
  shorter.kv().metadata[stamp_entry] = sample.metadata[stamp_entry];
  EXPECT_EQ(shorter.codes(), "");
  Sample longer;
  stamped(longer.kv().kv());
  shorter.metadata[stamp_entry] = longer.metadata[stamp_entry];
  EXPECT_EQ(shorter.codes(), "KV803 KV803") << "a layer was lost";
}

TEST(CheckStamp, ArraysThatShareBytesAreNotReadOverAndOver) {
  Sample sample;
  std::string bytes = test::read_file(stamped(sample.kv()));
  // Both arrays at the same place, and other data than those that were stamped.
  const std::string second = "\"data_offsets\":[192,384]";
  bytes.replace(bytes.find(second), second.size(), "\"data_offsets\":[0,192]  ");
  bytes[bytes.size() - 300] ^= 1;
  const test::Folder folder;
  test::write_file(folder / "x.safetensors", bytes);
  EXPECT_EQ(codes_of(verify_file(folder / "x.safetensors").findings), "KV118");
}

TEST(CheckStamp, Tokens) {
  Sample sample;
  sample.kv(3);
  StampRequest request;
  request.token_ids = {5, 6, 7};
  stamped(sample, request);
  EXPECT_EQ(sample.codes(), "");
  Stamp stamp = parse_stamp(sample.metadata[stamp_entry]);
  const auto codes_with = [&](const StampTokens& tokens) {
    stamp.tokens = tokens;
    sample.metadata[stamp_entry] = to_json(stamp);
    return sample.codes();
  };
  EXPECT_EQ(codes_with(stamp_tokens({5, 6})), "KV804");
  auto tokens = stamp_tokens({5, 6, 7});
  tokens.ids->at(1) = 8;
  EXPECT_EQ(codes_with(tokens), "KV805");
  tokens.ids->pop_back();
  EXPECT_EQ(codes_with(tokens), "KV805");
  tokens.ids.reset();
  EXPECT_EQ(codes_with(tokens), "") << "the digest alone says nothing about the cache";
  tokens.count = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(codes_with(tokens), "KV804");
}

TEST(CheckStamp, RecurrentStateCountsNoTokens) {
  Sample sample;
  sample.layer("ArraysCache", {""}, {{"0", ones({1, 3, 5})}, {"1", ones({1, 1, 7})}});
  StampRequest request;
  request.token_ids = {5, 6, 7};
  stamped(sample, request);
  EXPECT_EQ(sample.codes(), "");
}

TEST(MakeStamp, RefusesAnotherPrompt) {
  Sample sample;
  sample.kv(3);
  StampRequest request;
  request.token_ids = {5, 6};
  const auto error = error_of([&] { stamped(sample, request); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), ErrorKind::impossible);
  EXPECT_STREQ(error->what(), "2 token ids, but the cache holds 3 tokens");
}

TEST(MakeStamp, RefusesToVouchForDamage) {
  Sample sample;
  stamped(sample.kv(3));
  sample.tensors[1].tensor = test::with<std::uint16_t>(sample.tensors[1].tensor, {{7, 1}});
  const auto error = error_of([&] { stamped(sample); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), ErrorKind::impossible);
  EXPECT_EQ(error->key(), "0.1");
}

TEST(MakeStamp, KeepsWhatIsNotGivenAnew) {
  Sample sample;
  StampRequest first;
  first.token_ids = {5, 6, 7};
  first.model_sha256["config.json"] = sha256("{}");
  stamped(sample.kv(3), first);
  StampRequest second;
  second.text = "hello";
  stamped(sample, second);
  const Stamp stamp = parse_stamp(sample.metadata[stamp_entry]);
  EXPECT_EQ(stamp.text, "hello");
  EXPECT_EQ(stamp.tokens->count, 3U);
  EXPECT_EQ(stamp.model_sha256.size(), 1U);
}

struct Edited {
  CarriedStamp carried;
  std::string codes;  ///< of the written file
  std::optional<Stamp> stamp;
};

/// A stamped sample after an edit, written as `era`.
Edited edited(Sample& sample, Era era, const std::function<void(PromptCache&)>& edit) {
  StampRequest request;
  request.model_sha256["config.json"] = sha256("{}");
  const Document input = read_document(stamped(sample, request));
  PromptCache cache = input.cache.copy();
  edit(cache);
  Encoded encoded = encode(cache, era);
  Edited result{carry_stamp(input, cache, encoded), {}, {}};
  const test::Folder folder;
  write_safetensors(folder / "out.safetensors", encoded.tensors, encoded.metadata);
  result.codes = codes_of(verify_file(folder / "out.safetensors").findings);
  result.stamp = find_stamp(read_document(folder / "out.safetensors").cache);
  return result;
}

TEST(CarryStamp, StaysWhereEveryArrayDoes) {
  for (const Era era : {Era::P1, Era::P3, Era::P4, Era::S3, Era::S4, Era::R1}) {
    Sample sample;
    const Edited result = edited(sample.kv(3).kv(3), era, [](PromptCache& cache) { cache.metadata["note"] = "x"; });
    EXPECT_TRUE(result.carried.present);
    EXPECT_TRUE(result.carried.dropped.empty());
    EXPECT_EQ(result.codes, "");
    ASSERT_TRUE(result.stamp && result.stamp->crc32);
    EXPECT_EQ(result.stamp->crc32->size(), 4U);
  }
}

TEST(CarryStamp, FollowsArraysToTheirNewNames) {
  const Tensor codes = Tensor::zeros(Dtype::U32, {1, 2, 6, 8});
  const Tensor scales = ones({1, 2, 6, 2});
  Sample sample;
  sample.layer("QuantizedKVCache", {"6", "32", "4"},
               {{"0.0", codes}, {"0.1", scales}, {"0.2", scales}, {"1.0", codes}, {"1.1", scales}, {"1.2", scales}});
  const Edited result = edited(sample, Era::S4, [](PromptCache&) {});
  EXPECT_TRUE(result.carried.dropped.empty());
  EXPECT_EQ(result.codes, "");
  EXPECT_TRUE(result.stamp->crc32->contains("0.5"));
}

TEST(CarryStamp, NumbersOfBatchesAreRewritten) {
  const std::vector<std::int32_t> offset{6, 4};
  const std::vector<std::int32_t> padding{0, 2};
  Sample sample;
  sample.layer(
      "BatchKVCache", {""},
      {{"0", ones({2, 2, 6, 8})}, {"1", ones({2, 2, 6, 8})}, {"2", Tensor::of_i32(offset)}, {"3", Tensor::of_i32(padding)}});
  const Edited result = edited(sample, Era::P4, [](PromptCache&) {});
  EXPECT_TRUE(result.carried.dropped.empty());
  EXPECT_EQ(result.codes, "");
}

TEST(CarryStamp, EditsOfDataDropTheChecksums) {
  Sample sample;
  const Edited result = edited(sample.kv(3), Era::P4, [](PromptCache& cache) { trim_prompt_cache(cache, 1); });
  EXPECT_EQ(result.carried.dropped, std::vector<std::string>{"checksums"});
  EXPECT_EQ(result.codes, "") << "a stale stamp would look like damage";
  ASSERT_TRUE(result.stamp);
  EXPECT_FALSE(result.stamp->crc32);
  EXPECT_EQ(result.stamp->model_sha256.size(), 1U) << "the model is the same";
}

TEST(CarryStamp, OneHeadIsCutInOnePieceAndStillChanged) {
  Sample sample;
  sample.layer("KVCache", {""}, {{"0", ones({1, 1, 6, 8})}, {"1", ones({1, 1, 6, 8})}});
  EXPECT_EQ(edited(sample, Era::P4, [](PromptCache& cache) { trim_prompt_cache(cache, 1); }).carried.dropped.size(), 1U);
}

TEST(CarryStamp, ThePromptStaysWhileItsLengthDoes) {
  const auto dropped = [](const std::function<void(PromptCache&)>& edit) {
    Sample sample;
    sample.kv(3);
    StampRequest request;
    request.token_ids = {5, 6, 7};
    request.text = "hello";
    Document document = read_document(stamped(sample, request));
    edit(document.cache);  // as commands do
    Encoded encoded = encode(document.cache, Era::P4);
    const CarriedStamp carried = carry_stamp(document, document.cache, encoded);
    EXPECT_EQ(carried.empty, !encoded.metadata.contains(stamp_entry));
    return carried.dropped;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(dropped([](PromptCache& cache) { trim_prompt_cache(cache, 1); }), (Names{"checksums", "token ids", "text"}));
  EXPECT_EQ(dropped([](PromptCache& cache) { cast_prompt_cache(cache, Dtype::F32, false, std::make_shared<CastStats>()); }),
            Names{"checksums"});
  EXPECT_EQ(dropped([](PromptCache& cache) { trim_prompt_cache(cache, 0); }), Names{});
}

TEST(CarryStamp, DoesNotHideDamage) {
  Sample sample;
  sample.kv(3);
  stamped(sample);
  sample.tensors[0].tensor = test::with<std::uint16_t>(sample.tensors[0].tensor, {{7, 1}});
  const Document input = read_document(sample.write());
  Encoded encoded = encode(input.cache, Era::P4);
  EXPECT_TRUE(carry_stamp(input, input.cache, encoded).dropped.empty());
  const test::Folder folder;
  write_safetensors(folder / "out.safetensors", encoded.tensors, encoded.metadata);
  EXPECT_EQ(codes_of(verify_file(folder / "out.safetensors").findings), "KV802");
}

TEST(CarryStamp, DoesNotHideLostLayers) {
  Sample longer;
  stamped(longer.kv().kv());
  Sample sample;
  sample.kv().metadata[stamp_entry] = longer.metadata[stamp_entry];
  EXPECT_TRUE(error_of([&] { stamped(sample); }));
  const Document input = read_document(sample.write());
  Encoded encoded = encode(input.cache, Era::P4);
  EXPECT_TRUE(carry_stamp(input, input.cache, encoded).dropped.empty());
  const test::Folder folder;
  write_safetensors(folder / "out.safetensors", encoded.tensors, encoded.metadata);
  EXPECT_EQ(codes_of(verify_file(folder / "out.safetensors").findings), "KV803 KV803");
}

TEST(CarryStamp, LeavesAloneWhatTheEditSetOrNobodyCanRead) {
  Sample sample;
  sample.kv(3);
  sample.metadata[stamp_entry] = "no stamp";
  const Document input = read_document(sample.write());
  PromptCache cache = input.cache.copy();
  trim_prompt_cache(cache, 1);
  Encoded encoded = encode(cache, Era::P4);
  EXPECT_FALSE(carry_stamp(input, cache, encoded).present);
  EXPECT_EQ(encoded.metadata.at(stamp_entry), "no stamp");

  const std::string sound = R"({"schema":"kvcache.stamp/1","crc32":{"9.9":"00000000"}})";
  Document document = read_document(sample.write());
  document.cache.metadata[std::string(stamp_key)] = sound;
  encoded = encode(document.cache, Era::P4);
  EXPECT_FALSE(carry_stamp(document, document.cache, encoded).present);
  EXPECT_EQ(encoded.metadata.at(stamp_entry), sound);
}

}  // namespace
}  // namespace kvcache
