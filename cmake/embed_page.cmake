# cmake -D FOLDER=... -D OUT=... -P embed_page.cmake: the skeleton and the style of the pages of `kvcache report` as C++ literals, with what its Content Security
# Policy names the style by: SHA-256 in base64.
cmake_minimum_required(VERSION 3.25)
file(READ ${FOLDER}/page.html html)
file(READ ${FOLDER}/page.css css)
file(SHA256 ${FOLDER}/page.css hex)

set(alphabet "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
set(hash "")
string(APPEND hex "00")  # 33 bytes are eleven groups of three
foreach(at RANGE 0 60 6)
  string(SUBSTRING ${hex} ${at} 6 group)
  foreach(shift 18 12 6 0)
    math(EXPR digit "(0x${group} >> ${shift}) & 63")
    string(SUBSTRING ${alphabet} ${digit} 1 letter)
    string(APPEND hash ${letter})
  endforeach()
endforeach()
string(REGEX REPLACE ".$" "=" hash ${hash})  # of the byte that was added

file(WRITE ${OUT} "// Made by cmake/embed_page.cmake.
#include \"cli/report_page/assets.h\"
namespace kvcache::cli {
const std::string_view page_html = R\"kvcache(${html})kvcache\";
const std::string_view page_css = R\"kvcache(${css})kvcache\";
const std::string_view page_css_hash = \"${hash}\";
}  // namespace kvcache::cli
")
