#include "common/codes.h"

#include <algorithm>
#include <array>
#include <utility>

namespace kvcache::detail {
namespace {

constexpr auto error = Severity::error;
constexpr auto warning = Severity::warning;
constexpr auto info = Severity::info;

// Ascending, for find_code. docs/findings.md says what each means and what to do.
constexpr auto table = std::to_array<CodeInfo>({
    {"KV100", error, "cannot be read"},
    {"KV101", error, "too short"},
    {"KV102", error, "empty header"},
    {"KV103", error, "header too large"},
    {"KV104", error, "header cut off"},
    {"KV105", error, "header is not JSON"},
    {"KV106", error, "header is not an object"},
    {"KV107", error, "header is not UTF-8"},
    {"KV108", error, "header too deep"},
    {"KV109", error, "key twice"},
    {"KV110", error, "bad __metadata__"},
    {"KV111", error, "bad tensor entry"},
    {"KV112", error, "unknown dtype"},
    {"KV113", error, "shape out of range"},
    {"KV114", error, "size overflows"},
    {"KV115", error, "range backwards"},
    {"KV116", error, "size mismatch"},
    {"KV117", error, "range outside the file"},
    {"KV118", error, "ranges overlap"},
    {"KV119", warning, "hole"},
    {"KV120", warning, "trailing bytes"},
    {"KV121", warning, "header padded with other blanks"},
    {"KV122", error, "not a prompt cache"},
    {"KV123", error, "layout not supported"},
    {"KV130", error, "gzip damaged"},
    {"KV131", error, "gzip too large"},

    {"KV201", error, "not an index path"},
    {"KV202", error, "key outside the sections"},
    {"KV203", error, "gap"},
    {"KV204", error, "belongs to no layer"},
    {"KV205", error, "value and list at one path"},
    {"KV206", warning, "control characters"},
    {"KV207", error, "path too deep"},

    {"KV301", error, "unknown class"},
    {"KV302", error, "layer without arrays"},
    {"KV303", error, "wrong arrays"},
    {"KV304", error, "wrong number of meta values"},
    {"KV305", error, "bad meta value"},
    {"KV306", error, "meta value out of range"},
    {"KV307", error, "wrong rank"},
    {"KV308", error, "wrong dtype"},
    {"KV309", error, "arrays disagree"},
    {"KV310", warning, "head counts differ"},
    {"KV311", warning, "dtypes differ"},
    {"KV312", error, "list without children"},
    {"KV313", error, "child list broken"},
    {"KV314", error, "legacy layers broken"},

    {"KV411", error, "rotating window: fields out of range"},
    {"KV412", error, "rotating window: rows of an unfilled window"},
    {"KV413", error, "rotating window: rows of a full window"},
    {"KV414", error, "rotating window: wrapped ring"},
    {"KV421", error, "quantization parameters"},
    {"KV422", error, "widths disagree"},
    {"KV423", error, "scales and biases disagree"},
    {"KV424", error, "offset out of range"},
    {"KV425", error, "width not divisible"},
    {"KV426", warning, "rows beyond the offset"},
    {"KV431", error, "bad chunk fields"},
    {"KV432", error, "chunk will be mis-loaded"},
    {"KV433", error, "chunk rows impossible"},
    {"KV441", error, "batch size of slots"},
    {"KV442", error, "slot list broken"},
    {"KV443", error, "slot missing"},
    {"KV451", error, "batch offsets"},
    {"KV452", error, "batch padding"},
    {"KV453", warning, "trimmed past a sequence"},
    {"KV461", error, "batched window: rows"},
    {"KV462", error, "batched window: rotated ring"},
    {"KV463", error, "batched window: ring not rotated"},
    {"KV464", error, "batched window: rows of an unfilled window"},
    {"KV465", error, "batched window offsets"},
    {"KV466", error, "batched window size"},
    {"KV471", error, "framing broken"},
    {"KV481", error, "Turbo fields broken"},
    {"KV482", error, "tile fields broken"},
    {"KV491", error, "model state broken"},
    {"KV492", error, "leaf table broken"},

    {"KV501", error, "batch sizes differ"},
    {"KV502", warning, "offsets differ"},
    {"KV503", error, "mixed dialects"},

    {"KV601", error, "NaN"},
    {"KV602", error, "infinity"},
    {"KV603", warning, "infinity in a recurrent slot"},
    {"KV604", warning, "unlikely quantization"},
    {"KV605", warning, "zero rows at the end"},
    {"KV606", error, "decodes to infinity"},

    {"KV701", warning, "rotated flag"},
    {"KV702", warning, "batched window is read-only"},
    {"KV703", warning, "true offset unknown"},
    {"KV704", warning, "three flat slots"},
    {"KV705", info, "nested slots"},
    {"KV706", warning, "mlx-lm drops layers"},
    {"KV707", warning, "user metadata changes"},
    {"KV708", info, "zero-element arrays"},
    {"KV709", warning, "MambaCache"},
    {"KV710", info, "model state"},
    {"KV711", info, "unused layer"},
    {"KV712", warning, "mislabelled layer"},
    {"KV713", warning, "chunk size None"},
    {"KV714", warning, "quantization mode unknown"},
    {"KV715", warning, "loads as nothing"},
    {"KV716", info, "name or compression"},
    {"KV717", info, "class of a neighbour"},
    {"KV718", warning, "field of an open change"},
    {"KV720", error, "does not load"},

    {"KV801", warning, "stamp cannot be read"},
    {"KV802", error, "data differ from the stamp"},
    {"KV803", error, "arrays differ from the stamp"},
    {"KV804", error, "tokens differ from the stamp"},
    {"KV805", error, "stamp contradicts itself"},
    {"KV810", warning, "model not known"},
    {"KV811", error, "fewer layers than the model"},
    {"KV812", warning, "more layers than the model"},
    {"KV813", error, "class differs from the model"},
    {"KV814", error, "sizes differ from the model"},
    {"KV815", error, "window differs from the model"},
    {"KV816", warning, "window instead of none, or none"},
    {"KV817", error, "unused, unlike the model's"},
    {"KV818", warning, "dtype differs from the model"},
    {"KV819", warning, "quantized, which the model cannot read"},
    {"KV821", error, "model files differ from the stamp"},

    {"KV901", error, "not what its name says"},
    {"KV902", warning, "version not read"},
    {"KV903", warning, "temporary file"},
    {"KV904", error, "tokens are not those of the hash"},
    {"KV905", warning, "orphan"},
    {"KV906", error, "index torn"},
    {"KV907", error, "entry torn"},
    {"KV908", error, "entry contradicts itself"},
    {"KV909", info, "cannot end a prefix"},
    {"KV910", info, "not what a server of today reads"},
    {"KV911", error, "member of an archive damaged"},
    {"KV912", info, "can only be looked at"},
    {"KV913", warning, "row of zeros in a window"},
    {"KV914", warning, "index not read"},
    {"KV915", warning, "copies differ"},
    {"KV916", info, "stand-ins undone"},
    {"KV940", warning, "its server deletes it"},
    {"KV941", info, "window not stored"},
    {"KV942", warning, "tokens not proved"},
    {"KV943", info, "no checkpoint"},
});

static_assert(std::ranges::is_sorted(table, {}, &CodeInfo::code));

}  // namespace

const CodeInfo* find_code(std::string_view code) noexcept {
  const auto* row = std::ranges::lower_bound(table, code, {}, &CodeInfo::code);
  return row != table.end() && row->code == code ? row : nullptr;
}

Finding make_finding(std::string_view code, Where where, std::string key, std::string message, Remedy remedy) {
  const CodeInfo* const row = find_code(code);
  return {.code = std::string(code),
          .severity = row != nullptr ? row->severity : Severity::error,
          .where = std::move(where),
          .key = std::move(key),
          .message = std::move(message),
          .remedy = std::move(remedy)};
}

}  // namespace kvcache::detail

namespace kvcache {

std::span<const CodeInfo> finding_codes() noexcept {
  return detail::table;
}

}  // namespace kvcache
