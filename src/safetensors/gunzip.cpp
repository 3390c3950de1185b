#include <zlib.h>

#include <fmt/format.h>

#include "kvcache/error.h"
#include "safetensors/defect.h"
#include "safetensors/input_stream.h"

namespace kvcache::detail {
namespace {

constexpr int gzip_only = 15 + 16;  // window bits of zlib: the largest window, and no other wrapper than gzip's

class GunzipStream final : public InputStream {
 public:
  GunzipStream(InputStream& input, std::size_t input_bytes) : input_(input), buffer_(input_bytes) {
    if (inflateInit2(&zlib_, gzip_only) != Z_OK) throw std::bad_alloc();
  }
  ~GunzipStream() override { inflateEnd(&zlib_); }

  [[nodiscard]] std::size_t read(std::span<std::byte> out) override {
    if (out.empty()) return 0;
    zlib_.next_out = reinterpret_cast<Bytef*>(out.data());
    zlib_.avail_out = static_cast<uInt>(out.size());
    while (zlib_.avail_out == out.size()) {
      if (zlib_.avail_in == 0 && !refill()) {
        if (!inside_member_) return 0;
        throw_defect({"KV130", "the gzip stream is cut off", {}, "copy the file again"});
      }
      if (!inside_member_) {
        inflateReset(&zlib_);
        inside_member_ = true;
      }
      const int result = inflate(&zlib_, Z_NO_FLUSH);
      if (result == Z_STREAM_END) {
        inside_member_ = false;
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        if (result == Z_MEM_ERROR) throw std::bad_alloc();
        throw_defect({"KV130",
                      fmt::format("the gzip stream is damaged: {}", zlib_.msg != nullptr ? zlib_.msg : "bad data"),
                      {},
                      "copy the file again"});
      }
    }
    return out.size() - zlib_.avail_out;
  }

 private:
  bool refill() {
    const std::size_t n = input_.read(buffer_);
    zlib_.next_in = reinterpret_cast<Bytef*>(buffer_.data());
    zlib_.avail_in = static_cast<uInt>(n);
    return n > 0;
  }

  InputStream& input_;
  std::vector<std::byte> buffer_;
  z_stream zlib_{};
  bool inside_member_ = true;  // an input of no bytes at all is a member that is cut off
};

}  // namespace

std::unique_ptr<InputStream> gunzip(InputStream& input, std::size_t at_once) {
  return std::make_unique<GunzipStream>(input, at_once);
}

}  // namespace kvcache::detail
