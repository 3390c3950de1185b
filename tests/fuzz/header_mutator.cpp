// libFuzzer's mutator for safetensors files: changes the header as a document, then makes length field, offsets and data fit
// again. Bytes flipped at random would nearly always end as "not JSON" or "size mismatch", never in a decoder.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "fuzz_target.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

using Json = nlohmann::json;

constexpr std::size_t length_bytes = 8;

// Values that mean something to some decoder.
constexpr std::array texts = {"",
                              "None",
                              "True",
                              "False",
                              "true",
                              "0",
                              "1",
                              "-1",
                              "2",
                              "3",
                              "4",
                              "8",
                              "16",
                              "32",
                              "64",
                              "256",
                              "2147483647",
                              "-2147483648",
                              "2147483648",
                              "01",
                              "[0, 1]",
                              "[1]",
                              "[]",
                              "KVCache",
                              "ConcatenateKVCache",
                              "RotatingKVCache",
                              "QuantizedKVCache",
                              "ChunkedKVCache",
                              "ArraysCache",
                              "MambaCache",
                              "CacheList",
                              "BatchKVCache",
                              "BatchRotatingKVCache",
                              "TurboQuantKVCache",
                              "KVCacheSimple",
                              "affine",
                              "mxfp4",
                              "\x1b[31m",
                              "\u009b"};
constexpr std::array<std::int64_t, 16> dims = {0, 1, 2, 3, 4, 5, 7, 8, 16, 32, 64, 128, 256, 65536, 2147483647, -1};
constexpr std::array dtypes = {"F16", "BF16", "F32", "U32", "I32", "I64", "BOOL", "U8", "F64", "I8"};

std::uint64_t item_bytes(const std::string& dtype) {
  if (dtype == "F64" || dtype == "I64" || dtype == "U64") return 8;
  if (dtype == "F32" || dtype == "U32" || dtype == "I32") return 4;
  return dtype == "F16" || dtype == "BF16" ? 2 : 1;
}

/// A file in three parts, with the header as text and, where it is JSON, as a document.
class Mutation {
 public:
  Mutation(std::string_view file, unsigned seed) : random_(seed) {
    const std::size_t rest = file.size() - std::min(file.size(), length_bytes);
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < std::min(file.size(), length_bytes); ++i)
      length |= std::uint64_t{static_cast<unsigned char>(file[i])} << (8 * i);
    length = std::min<std::uint64_t>(length, rest);
    header_ = file.substr(std::min(file.size(), length_bytes), length);
    data_ = file.substr(std::min(file.size(), length_bytes + length));
  }

  std::string run(std::size_t max_size) {
    Json document = Json::parse(header_, nullptr, false);
    if (!document.is_object() || one_in(8)) {
      mutate_bytes(header_, 256);
      return file();
    }
    for (std::size_t n = 1 + below(3); n > 0; --n) one_in(2) ? change_metadata(document) : change_tensors(document);
    if (!one_in(6)) lay_out(document, max_size);
    header_ = document.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (one_in(4)) mutate_bytes(data_, 16);
    return file();
  }

 private:
  std::size_t below(std::size_t n) { return n == 0 ? 0 : random_() % n; }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <typename List>
  const auto& any_of(const List& list) {
    return list[below(list.size())];
  }

  // One of libFuzzer's own mutations. Not of an empty text: that would be an insertion out of nowhere.
  void mutate_bytes(std::string& text, std::size_t room) {
    std::vector<std::uint8_t> buffer(text.begin(), text.end());
    buffer.resize(text.size() + room);
    buffer.resize(LLVMFuzzerMutate(buffer.data(), text.size(), buffer.size()));
    text.assign(buffer.begin(), buffer.end());
  }

  std::string new_text(std::string text) {
    if (one_in(3))
      mutate_bytes(text, 32);
    else
      text = any_of(texts);
    return text;
  }

  // "0.3.1": change, add or remove a component.
  std::string new_path(const std::string& path) {
    std::vector<std::string> parts(1);
    for (const char c : path) {
      if (c == '.')
        parts.emplace_back();
      else
        parts.back() += c;
    }
    const std::size_t at = below(parts.size());
    switch (below(4)) {
      case 0:
        parts[at] = std::to_string(below(4));
        break;
      case 1:
        parts.insert(parts.begin() + static_cast<std::ptrdiff_t>(at), std::to_string(below(3)));
        break;
      case 2:
        parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      default:
        mutate_bytes(parts[at], 8);
    }
    std::string out;
    for (const std::string& part : parts) out += (&part == parts.data() ? "" : ".") + part;
    return out;
  }

  // Rename, copy or remove a member of an object, under keys that look like its own.
  void change_members(Json& object) {
    if (object.empty()) return;
    const auto it = std::next(object.begin(), static_cast<std::ptrdiff_t>(below(object.size())));
    const std::string key = it.key();
    if (key == "__metadata__") return;
    const Json value = it.value();
    const std::size_t how = below(3);
    if (how != 0) object.erase(key);
    if (how != 1) object[new_path(key)] = value;
  }

  void change_metadata(Json& document) {
    Json& metadata = document["__metadata__"];
    if (!metadata.is_object() || metadata.empty()) metadata = {{"0.0", ""}, {"2.0", "KVCache"}};
    if (one_in(3)) return change_members(metadata);
    const auto it = std::next(metadata.begin(), static_cast<std::ptrdiff_t>(below(metadata.size())));
    if (one_in(3)) {
      // A value of another key: classes and numbers move between layers.
      *it = Json(*std::next(metadata.begin(), static_cast<std::ptrdiff_t>(below(metadata.size()))));
    } else {
      *it = new_text(it->is_string() ? it->get<std::string>() : "");
    }
  }

  void change_tensors(Json& document) {
    if (document.empty() || one_in(3)) return change_members(document);
    const auto it = std::next(document.begin(), static_cast<std::ptrdiff_t>(below(document.size())));
    if (it.key() == "__metadata__" || !it->is_object()) return;
    if (one_in(3)) {
      (*it)["dtype"] = any_of(dtypes);
      return;
    }
    Json& shape = (*it)["shape"];
    if (!shape.is_array()) shape = Json::array({1, 1, 1, 32});
    const std::size_t at = below(shape.size());
    switch (below(6)) {
      case 0:
        shape.push_back(any_of(dims));
        break;
      case 1:
        if (!shape.empty()) shape.erase(at);
        break;
      default:
        if (!shape.empty()) shape[at] = any_of(dims);
    }
  }

  // Offsets that fit shapes and dtypes, and data for them, as far as there is room.
  void lay_out(Json& document, std::size_t max_size) {
    std::uint64_t end = 0;
    for (auto& [key, entry] : document.items()) {
      const auto bytes = key == "__metadata__" ? std::nullopt : bytes_of(entry, max_size);
      if (!bytes || end + *bytes > max_size) continue;
      entry["data_offsets"] = {end, end + *bytes};
      end += *bytes;
    }
    data_.resize(end, '\0');
  }

  static std::optional<std::uint64_t> bytes_of(const Json& entry, std::uint64_t most) {
    if (!entry.is_object() || !entry.contains("shape") || !entry.contains("dtype")) return std::nullopt;
    if (!entry["shape"].is_array() || !entry["dtype"].is_string()) return std::nullopt;
    std::uint64_t bytes = item_bytes(entry["dtype"].get<std::string>());
    for (const Json& dim : entry["shape"]) {
      if (!dim.is_number_unsigned() || (dim != 0 && bytes > most / dim.get<std::uint64_t>())) return std::nullopt;
      bytes *= dim.get<std::uint64_t>();
    }
    return bytes;
  }

  [[nodiscard]] std::string file() const {
    std::string out;
    for (std::size_t i = 0; i < length_bytes; ++i) out += static_cast<char>(header_.size() >> (8 * i));
    return out + header_ + data_;
  }

  std::minstd_rand random_;
  std::string header_;
  std::string data_;
};

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  // One time in eight anything at all: length fields, truncation, what is no safetensors file.
  if (seed % 8 == 0 || size <= fuzz_trailer) return LLVMFuzzerMutate(data, size, max_size);
  const std::string_view input = fuzz::text({data, size});
  std::string trailer(input.substr(size - fuzz_trailer));
  for (char& c : trailer)
    if (seed % 8 == 1) c = static_cast<char>(seed >> 8U);
  const std::string out = Mutation(input.substr(0, size - fuzz_trailer), seed).run(max_size) + trailer;
  if (out.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::copy(out.begin(), out.end(), data);
  return out.size();
}
