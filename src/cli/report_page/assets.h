// The skeleton and the style of the pages, embedded by cmake/embed_page.cmake.
#pragma once

#include <string_view>

namespace kvcache::cli {

extern const std::string_view page_html;      ///< page.html: {{NAME}} stands for what goes there
extern const std::string_view page_css;       ///< page.css
extern const std::string_view page_css_hash;  ///< its SHA-256, in base64

}  // namespace kvcache::cli
