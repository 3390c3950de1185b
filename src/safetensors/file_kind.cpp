#include "safetensors/file_kind.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include <fmt/format.h>

#include "common/quote.h"
#include "safetensors/input_stream.h"
#include "safetensors/parse_header.h"

namespace kvcache::detail {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::size_t at;
  std::string_view bytes;
  FileKind kind;
};

constexpr FileKind empty = {
    "an empty file", "its writer was interrupted, or it was saved under the name it was loaded from: make it again", true};
constexpr FileKind plain_text = {"a text file", "name the cache itself"};
constexpr FileKind json_text = {"a JSON file", "name the cache itself"};
constexpr auto unpack = "take the cache out of it first"sv;
constexpr auto other_model = "these are a model's weights for another program; name the cache itself"sv;
constexpr auto fetch_again = "it is the answer to a download that failed: fetch the file again"sv;
constexpr auto other_file = "name the cache itself"sv;

// The longest magics first where one begins like another.
constexpr Magic magics[] = {
    {0,
     "version https://git-lfs.github.com/spec/"sv,
     {"a Git LFS pointer", "the file itself is not here: git lfs pull, in its repository, fetches it", true}},
    {0,
     "version https://hawser.github.com/spec/"sv,
     {"a Git LFS pointer", "the file itself is not here: git lfs pull, in its repository, fetches it", true}},
    {0,
     "/annex/objects/"sv,
     {"a git-annex pointer", "the file itself is not here: git annex get, in its repository, fetches it", true}},
    {0,
     "\x00\x05\x16\x07\x00"sv,
     {"an AppleDouble file", "macOS keeps attributes of a file in it: the cache is the file of the same name without ._"}},
    {0, "\x00\x05\x16\x00\x00"sv, {"an AppleSingle file", unpack}},
    {0, "RMTKBIN1"sv, {"the token ids of an entry of Rapid-MLX", "the entry itself is the .safetensors beside them"}},
    {0, "GGUF"sv, {"a GGUF model", other_model}},
    {0, "FUGG"sv, {"a GGUF model (big-endian)", other_model}},
    {0, "lmgg"sv, {"a GGML model", other_model}},
    {0, "tjgg"sv, {"a GGML model", other_model}},
    {0, "fmgg"sv, {"a GGML model", other_model}},
    {0, "PK\x03\x04"sv, {"a zip archive", "PyTorch's .pt and NumPy's .npz are such archives; take the cache out of it first"}},
    {0, "PK\x05\x06"sv, {"an empty zip archive", unpack}},
    {0, "\x93NUMPY"sv, {"a NumPy array", other_file}},
    {0, "\x89HDF\r\n\x1a\n"sv, {"an HDF5 file", other_file}},
    {0, "%PDF-"sv, {"a PDF document", other_file}},
    {0, "\x89PNG\r\n\x1a\n"sv, {"an image", other_file}},
    {0, "\xff\xd8\xff"sv, {"an image", other_file}},
    {0, "SQLite format 3\0"sv, {"an SQLite database", other_file}},
    {0, "PAR1"sv, {"a Parquet file", other_file}},
    {0, "ARROW1\0\0"sv, {"an Arrow file", other_file}},
    {4, "TFL3"sv, {"a TensorFlow Lite model", other_model}},
    {0,
     "\x7f"
     "ELF"sv,
     {"a program", other_file}},
    {0, "\xcf\xfa\xed\xfe"sv, {"a program", other_file}},
    {0, "\x1f\x8b"sv, {"gzip data within gzip data", "decompress it once with gunzip"}},
    {0,
     "\xfd"
     "7zXZ\0"sv,
     {"xz-compressed data", "decompress it first: xz -d"}},
    {0, "\x28\xb5\x2f\xfd"sv, {"zstd-compressed data", "decompress it first: zstd -d"}},
    {0, "\x04\x22\x4d\x18"sv, {"LZ4-compressed data", "decompress it first: lz4 -d"}},
    {0, "BZh"sv, {"bzip2-compressed data", "decompress it first: bunzip2"}},
    {0, "7z\xbc\xaf\x27\x1c"sv, {"a 7z archive", unpack}},
    {0, "Rar!\x1a\x07"sv, {"a RAR archive", unpack}},
    {257, "ustar"sv, {"a tar archive", unpack}},
};

// A pickle starts with its protocol, and that with few operations: an object that is built, or (from protocol 4) a frame.
constexpr FileKind pickle = {"a Python pickle",
                             "pickles can run code when they are loaded; mlx-lm saves caches with save_prompt_cache()"};

// PyTorch's form of today: an archive that begins with the pickle.
constexpr FileKind pickle_in_zip = {"a zip archive of PyTorch, with a Python pickle in it", pickle.hint};

bool is_pickle_in_zip(std::string_view start) {
  constexpr std::size_t name_at = 30;
  return start.starts_with("PK\x03\x04"sv) && start.size() > name_at &&
         start.substr(name_at).find("data.pkl") != std::string_view::npos;
}

bool is_pickle(std::string_view start) {
  if (start.size() < 3 || start[0] != '\x80' || start[1] < 2 || start[1] > 5) return false;
  return "\x95\x8c\x8d\x8a\x8f\x88\x89}])(cXBCGJKMNTU"sv.find(start[2]) != std::string_view::npos;
}

// Whether it begins as safetensors does: a length that a header can have, and its first character. Such a file is damaged, and
// no magic says otherwise: a header of 640 bytes begins like a pickle.
bool begins_like_safetensors(std::string_view start) {
  if (start.size() < length_field_bytes) return false;
  std::uint64_t length = 0;
  for (std::size_t i = length_field_bytes; i-- > 0;) length = length << 8U | static_cast<unsigned char>(start[i]);
  return length < max_header_bytes && (start.size() == length_field_bytes || start[length_field_bytes] == '{');
}

std::string lower_case_word(std::string_view text) {
  std::string out(text.substr(0, 16));
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

const FileKind* kind_of_markup(std::string_view text) {
  static constexpr FileKind html = {"an HTML page", fetch_again};
  static constexpr FileKind xml = {"an XML document", fetch_again};
  const std::string word = lower_case_word(text);
  for (const std::string_view start : {"<!doctype html"sv, "<html"sv, "<head"sv, "<body"sv, "<!--"sv})
    if (word.starts_with(start)) return &html;
  return word.starts_with("<?xml") || word.starts_with("<!doctype") || word.starts_with("<error") ? &xml : nullptr;
}

bool is_text(std::string_view start) {
  // Of several bytes of one character the start may hold only the first ones.
  const std::size_t sound = utf8_prefix(start);
  if (start.size() < file_kind_bytes ? sound != start.size() : sound + 4 < start.size()) return false;
  return std::ranges::none_of(start.substr(0, sound), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == 0x7F || (byte < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f');
  });
}

const FileKind* kind_of_text(std::string_view start) {
  if (start.starts_with("\xEF\xBB\xBF")) start.remove_prefix(3);
  if (!is_text(start)) return nullptr;
  std::string_view text = start;
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  if (const FileKind* markup = kind_of_markup(text)) return markup;
  if (text.starts_with('{') || text.starts_with('[')) return &json_text;
  return &plain_text;
}

std::string start_of(InputStream& input) {
  std::array<std::byte, file_kind_bytes> buffer{};
  std::size_t have = 0;
  while (have < buffer.size()) {
    const std::size_t n = input.read(std::span(buffer).subspan(have));
    if (n == 0) break;
    have += n;
  }
  return {reinterpret_cast<const char*>(buffer.data()), have};
}

}  // namespace

const FileKind* file_kind(std::string_view start) noexcept {
  if (start.empty()) return &empty;
  if (begins_like_safetensors(start)) return nullptr;
  if (is_pickle_in_zip(start)) return &pickle_in_zip;
  for (const Magic& magic : magics)
    if (start.size() >= magic.at && start.substr(magic.at).starts_with(magic.bytes)) return &magic.kind;
  if (is_pickle(start)) return &pickle;
  return kind_of_text(start);
}

const FileKind* file_kind_of(const ByteSource& source) {
  try {
    SourceStream raw(source);
    return file_kind(begins_with_gzip(source) ? start_of(*gunzip(raw)) : start_of(raw));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io && error.kind() != ErrorKind::unreadable) throw;
    return nullptr;
  }
}

void throw_naming_kind(const Error& defect, std::string_view start) {
  const FileKind* kind = defect.kind() == ErrorKind::unreadable ? file_kind(start) : nullptr;
  if (kind == nullptr) throw Error(defect);
  throw Error(ErrorKind::unreadable, fmt::format("no safetensors file, but {}", kind->name), std::string(kind->hint),
              defect.code());
}

}  // namespace kvcache::detail
