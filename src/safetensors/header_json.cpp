#include "safetensors/header_json.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/quote.h"
#include "safetensors/defect.h"
#include "safetensors/entry_check.h"
#include "safetensors/key_set.h"
#include "safetensors/parse_header.h"
#include "safetensors/usual_header.h"

namespace kvcache::detail {
namespace {

constexpr std::size_t max_depth = 64;

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// A number that the parser could not keep as a 64-bit integer, by its text.
Scalar::Kind kind_of_number(std::string_view text) {
  if (all_digits(text)) return Scalar::Kind::huge;
  if (text.starts_with('-') && all_digits(text.substr(1))) return Scalar::Kind::negative;
  return Scalar::Kind::other;
}

// Events of nlohmann's parser. A defect does not end the parse, since a later one may count more (defect.h), but from then on
// nothing is stored, unless it is a damaged header that is read. Nesting: the header is object 1, entries and __metadata__ are
// at depth 2, shape and data_offsets at 3.
class Handler {
 public:
  explicit Handler(std::uint64_t data_bytes, bool damaged = false) : data_bytes_(data_bytes), damaged_(damaged) {}

  HeaderJson take() {
    if (!damaged_) defect_.throw_if_any();
    return std::move(out_);
  }

  bool null() { return scalar({}); }
  bool boolean(bool) { return scalar({.kind = Scalar::Kind::boolean}); }
  bool number_unsigned(std::uint64_t value) { return scalar({.kind = Scalar::Kind::plain, .value = value}); }
  bool number_integer(std::int64_t value) {
    // Reached only with a minus sign: 0 is -0.
    return scalar({.kind = value == 0 ? Scalar::Kind::other : Scalar::Kind::negative});
  }
  bool number_float(double, const std::string& text) { return scalar({.kind = kind_of_number(text)}); }
  bool string(std::string& text) { return scalar({.kind = Scalar::Kind::string, .text = &text}); }
  bool binary(nlohmann::json::binary_t&) { return false; }  // not in JSON

  bool start_object(std::size_t) {
    keys_.open_object();
    if (depth_ == 1 && !in_metadata_) entry_.start(std::move(key_));
    if (depth_ > 1) structure([this] { entry_.start_object(); });
    return deeper(true);
  }
  bool end_object() {
    --depth_;
    if (auto twice = keys_.close_object()) {
      defect_.note({"KV109",
                    fmt::format("the key {} occurs twice in one object; readers disagree which one counts", in_quotes(*twice)),
                    std::move(*twice),
                    {}});
    }
    if (depth_ == 1 && !std::exchange(in_metadata_, false)) finish_entry();
    return true;
  }
  bool start_array(std::size_t) {
    if (depth_ == 1) wrong_member();
    if (depth_ > 1) structure([this] { entry_.start_array(); });
    return deeper(false);
  }
  bool end_array() {
    if (--depth_ == 2) entry_.end_array();
    return true;
  }
  bool key(std::string& text) {
    if (too_many()) return false;
    keys_.add(text);
    if (depth_ == 1) {
      in_metadata_ = text == "__metadata__";
      key_ = std::move(text);
    } else if (depth_ == 2) {
      if (in_metadata_) {
        key_ = std::move(text);
      } else {
        entry_.field(text);
      }
    }
    return true;
  }

  bool parse_error(std::size_t position, const std::string& token, const nlohmann::json::exception& error) {
    constexpr int number_overflow = 406;
    if (error.id == number_overflow) {
      // Hundreds of digits, which not even a double holds. As a dimension it is one more that is too large; elsewhere it is
      // an error as it is for MLX, which reads headers with the same parser.
      scalar({.kind = kind_of_number(token)});
      if (auto defect = entry_.so_far()) defect_.note(std::move(*defect));
      if (defect_.any()) return false;
    }
    defect_.note(
        {"KV105", fmt::format("the header is not JSON: syntax error at byte {}, near {}", position, in_quotes(token)), {}, {}});
    return false;
  }

 private:
  // Tensors, and entries of the metadata. Whatever else is wrong has a higher code, so that reading on would change nothing.
  bool too_many() {
    if (depth_ != 1 && !(depth_ == 2 && in_metadata_)) return false;
    if (++members_[depth_ - 1] <= max_members) return false;
    defect_.note({"KV103",
                  fmt::format("the header has more than {} {}", max_members, depth_ == 1 ? "tensors" : "metadata entries"),
                  {},
                  "it is probably not a prompt cache"});
    return true;
  }

  bool scalar(const Scalar& value) {
    switch (depth_) {
      case 0:
        defect_.note(not_an_object());
        break;
      case 1:
        if (!in_metadata_ || value.kind != Scalar::Kind::null) wrong_member();
        in_metadata_ = false;
        break;
      case 2:
        if (!in_metadata_) {
          entry_.scalar(value);
        } else if (value.kind != Scalar::Kind::string) {
          wrong_metadata_value();
        } else if (stores()) {
          out_.metadata.emplace_hint(out_.metadata.end(), std::move(key_), std::move(*value.text));
        }
        break;
      case 3:
        if (!in_metadata_) entry_.element(value);
        break;
      default:
        break;
    }
    return true;
  }

  [[nodiscard]] bool stores() const { return damaged_ || !defect_.any(); }

  // An array or object inside of an entry or of the metadata.
  template <typename Field>
  void structure(const Field& field) {
    if (in_metadata_) {
      if (depth_ == 2) wrong_metadata_value();
    } else if (depth_ == 2) {
      field();
    } else if (depth_ == 3) {
      entry_.nested_element();
    }
  }

  bool deeper(bool object) {
    if (depth_ == 0 && !object) defect_.note(not_an_object());
    if (++depth_ <= max_depth) return true;
    defect_.note({"KV108", fmt::format("the header is nested more than {} levels deep", max_depth), {}, {}});
    return false;
  }

  void finish_entry() {
    TensorEntry entry;
    if (auto defect = entry_.finish(data_bytes_, entry)) {
      defect_.note(std::move(*defect));
    } else if (stores()) {
      out_.tensors.push_back(std::move(entry));
    }
  }

  static Defect not_an_object() { return {"KV106", "the header is JSON, but not an object", {}, {}}; }
  void wrong_member() {
    if (in_metadata_) {
      defect_.note({"KV110", "__metadata__ is neither an object nor null", "__metadata__", {}});
    } else {
      defect_.note({"KV111", fmt::format("tensor {}: its entry is not an object", in_quotes(key_)), key_, {}});
    }
  }
  void wrong_metadata_value() {
    defect_.note({"KV110", fmt::format("the value of {} in __metadata__ is not a string", in_quotes(key_)), key_, {}});
  }

  const std::uint64_t data_bytes_;
  const bool damaged_;
  HeaderJson out_;
  FirstDefect defect_;
  KeySet keys_;
  EntryCheck entry_;
  std::size_t depth_ = 0;
  std::array<std::size_t, 2> members_{};  // of the header, of its __metadata__
  bool in_metadata_ = false;
  std::string key_;
};

// What JSON allows between its words. Writers pad headers with spaces.
constexpr std::string_view blanks = " \n\r\t";

// What nlohmann's parser lets pass: it skips a byte order mark, and takes NUL for the end of the text.
// Returns the text without its padding, which the parser would gather for messages: a header may have 100 MB of it.
std::string_view check_bytes(std::string_view json) {
  const auto not_json = [](const std::string& what) { throw_defect({"KV105", "the header is not JSON: " + what, {}, {}}); };
  const std::size_t valid = utf8_prefix(json);
  if (valid != json.size()) {
    throw_defect({"KV107",
                  fmt::format("the header is not UTF-8: byte {} is 0x{:02x}", valid,
                              static_cast<unsigned>(static_cast<unsigned char>(json[valid]))),
                  {},
                  {}});
  }
  if (json.starts_with("\xEF\xBB\xBF")) not_json("it begins with a byte order mark");
  if (const std::size_t nul = json.find('\0'); nul != std::string_view::npos) not_json(fmt::format("byte {} is NUL", nul));
  const std::size_t last = json.find_last_not_of(blanks);
  if (last == std::string_view::npos) not_json("it is empty");
  return json.substr(0, last + 1);
}

}  // namespace

HeaderJson parse_any_header(std::string_view text, std::uint64_t data_bytes) {
  Handler handler(data_bytes);
  nlohmann::json::sax_parse(text.begin(), text.end(), &handler);
  return handler.take();
}

HeaderJson parse_header_json(std::string_view json, std::uint64_t data_bytes) {
  const std::string_view text = check_bytes(json);
  std::optional<HeaderJson> usual = parse_usual_header(text, data_bytes);
  HeaderJson parsed = usual ? *std::move(usual) : parse_any_header(text, data_bytes);
  parsed.blank_padding = json.find_first_not_of(' ', text.size()) != std::string_view::npos;
  return parsed;
}

std::optional<HeaderJson> parse_damaged_header_json(std::string_view json) {
  json = check_bytes(json);
  // Who asks whose a file is asks of sound ones, too.
  if (std::optional<HeaderJson> usual = parse_usual_header(json, std::numeric_limits<std::uint64_t>::max())) return usual;
  Handler handler(std::numeric_limits<std::uint64_t>::max(), true);
  if (!nlohmann::json::sax_parse(json.begin(), json.end(), &handler)) return std::nullopt;
  return handler.take();
}

}  // namespace kvcache::detail
