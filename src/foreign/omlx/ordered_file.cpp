#include "foreign/omlx/ordered_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "foreign/little_endian.h"
#include "kvcache/error.h"

namespace kvcache::foreign::omlx {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr std::array<std::string_view, 12> readable_dtypes = {"F16", "F32", "BF16", "I8",  "I16", "I32",
                                                              "I64", "U8",  "U16",  "U32", "U64", "BOOL"};

}  // namespace

std::uint64_t OrderedFile::data_bytes() const {
  std::uint64_t bytes = 0;
  for (const NamedTensor& named : tensors) bytes += named.tensor.nbytes();
  return bytes;
}

std::string OrderedFile::header() const {
  OrderedJson json = OrderedJson::object();
  std::uint64_t at = 0;
  for (const NamedTensor& named : tensors) {
    const std::string dtype(name(named.tensor.dtype()));
    if (std::ranges::find(readable_dtypes, dtype) == readable_dtypes.end())
      throw Error(ErrorKind::impossible, fmt::format("'{}' is {}, which omlx does not read", named.key, dtype));
    const std::uint64_t end = at + named.tensor.nbytes();
    json[named.key] = {{"dtype", dtype}, {"shape", named.tensor.shape()}, {"data_offsets", {at, end}}};
    at = end;
  }
  OrderedJson& words = json["__metadata__"] = OrderedJson::object();
  for (const auto& [key, value] : metadata) words[key] = value;
  std::string text = json.dump(-1, ' ', true, OrderedJson::error_handler_t::replace);
  constexpr std::size_t alignment = 8;
  text.resize((text.size() + alignment - 1) / alignment * alignment, ' ');
  std::string out;
  append_le(out, static_cast<std::uint64_t>(text.size()));
  return out + text;
}

void each_piece(const OrderedFile& file, const std::function<void(std::span<const std::byte>)>& take) {
  const std::string header = file.header();
  take(std::as_bytes(std::span(header.data(), header.size())));
  std::vector<std::byte> buffer;
  for (const NamedTensor& named : file.tensors) {
    constexpr std::uint64_t most = std::uint64_t{1} << 20U;
    for (std::uint64_t at = 0; at < named.tensor.nbytes();) {
      buffer.resize(static_cast<std::size_t>(std::min(most, named.tensor.nbytes() - at)));
      named.tensor.read(at, buffer);
      take(buffer);
      at += buffer.size();
    }
  }
}

}  // namespace kvcache::foreign::omlx
