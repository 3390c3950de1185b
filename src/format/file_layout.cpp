#include "format/file_layout.h"

#include <algorithm>
#include <array>

namespace kvcache::detail {
namespace {

constexpr std::array layouts = {
    FileLayout{LayoutName::leaf_table, "0.", is_leaf_table, decode_leaf_table, encode_leaf_table},
    FileLayout{LayoutName::sections, "1.", has_class_section, decode_sections, encode_sections},
    FileLayout{LayoutName::named_tensors, "", has_named_tensors, decode_named_tensors, nullptr},
};

}  // namespace

std::span<const FileLayout> file_layouts() noexcept {
  return layouts;
}

const FileLayout& file_layout(LayoutName name) noexcept {
  return *std::ranges::find(layouts, name, &FileLayout::name);
}

bool may_be_laid_out_as(LayoutName name, const Document& document) noexcept {
  return !(document.candidates & eras_laid_out_as(name)).none();
}

}  // namespace kvcache::detail
