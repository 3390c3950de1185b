// The bytes that the reference wrote (testdata/golden/ops): quantize-* and dequantize-* without the command line.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "float_arrays.h"

namespace {

using namespace kvcache;
namespace fs = std::filesystem;

const fs::path folder = fs::path(KVCACHE_TESTDATA) / "golden" / "ops" / "files";

/// Just enough of a reader for files known to be good.
class File {
 public:
  explicit File(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    std::uint64_t size = 0;
    if (text.size() < sizeof size) throw std::runtime_error("cannot read " + path.string());
    std::memcpy(&size, text.data(), sizeof size);
    header_ = nlohmann::json::parse(text.substr(sizeof size, size));
    data_ = text.substr(sizeof size + size);
  }

  [[nodiscard]] Tensor tensor(const std::string& key) const {
    const auto& entry = header_.at(key);
    const std::size_t begin = entry.at("data_offsets").at(0);
    const std::size_t end = entry.at("data_offsets").at(1);
    std::vector<std::byte> bytes(end - begin);
    std::memcpy(bytes.data(), data_.data() + begin, bytes.size());
    return Tensor::of_bytes(*parse_dtype(entry.at("dtype").get<std::string>()), entry.at("shape").get<Shape>(), bytes);
  }
  [[nodiscard]] Quantized quantized(const std::string& key) const {
    return {tensor(key + ".0"), tensor(key + ".1"), tensor(key + ".2")};
  }

 private:
  nlohmann::json header_;
  std::string data_;
};

struct GoldenCase {
  std::string dtype;
  int bits;
  int group_size;
  [[nodiscard]] std::string name() const {
    return dtype + "-b" + std::to_string(bits) + "-g" + std::to_string(group_size) + ".safetensors";
  }
};

std::vector<GoldenCase> golden_cases() {
  std::vector<GoldenCase> cases;
  for (const char* dtype : {"f16", "bf16", "f32"}) {
    for (const int bits : {2, 3, 4, 5, 6, 8}) {
      for (const int group_size : {32, 64, 128}) {
        const GoldenCase candidate{dtype, bits, group_size};
        if (fs::exists(folder / ("quant-" + candidate.name()))) cases.push_back(candidate);
      }
    }
  }
  return cases;
}

void expect_equal(const Tensor& actual, const Tensor& expected) {
  EXPECT_EQ(actual.dtype(), expected.dtype());
  EXPECT_EQ(actual.shape(), expected.shape());
  EXPECT_TRUE(test::contents(actual) == test::contents(expected));
}

TEST(QuantizeGolden, HasCases) {
  EXPECT_GE(golden_cases().size(), 24U);
}

TEST(QuantizeGolden, QuantizesAsTheReference) {
  for (const GoldenCase& golden : golden_cases()) {
    const File input(folder / ("quant-in-" + golden.dtype + ".safetensors"));
    const File output(folder / ("quant-" + golden.name()));
    for (const char* key : {"0.0", "0.1", "1.0", "1.1"}) {
      SCOPED_TRACE(golden.name() + " " + key);
      const Quantized actual = quantize(input.tensor(key), golden.bits, golden.group_size);
      const Quantized expected = output.quantized(key);
      expect_equal(actual.weights, expected.weights);
      expect_equal(actual.scales, expected.scales);
      expect_equal(actual.biases, expected.biases);
    }
  }
}

TEST(QuantizeGolden, DequantizesAsTheReference) {
  for (const GoldenCase& golden : golden_cases()) {
    if (!fs::exists(folder / ("dequant-" + golden.name()))) continue;
    const File input(folder / ("quant-" + golden.name()));
    const File output(folder / ("dequant-" + golden.name()));
    for (const char* key : {"0.0", "0.1", "1.0", "1.1"}) {
      SCOPED_TRACE(golden.name() + " " + key);
      const Tensor expected = output.tensor(key);
      expect_equal(dequantize(input.quantized(key), golden.bits, golden.group_size, expected.dtype()), expected);
    }
  }
}

}  // namespace
