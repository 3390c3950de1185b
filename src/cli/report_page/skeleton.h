// What every page of `kvcache report` is made of: head, cards, sections with links to them, foot.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kvcache::cli {

struct Section {
  std::string_view id;
  std::string_view link;   ///< text of the link at the head of the page
  std::string_view title;  ///< text
  std::string html;
};

struct Page {
  std::string_view kicker;                                 ///< text: what kind of page it is
  std::string name;                                        ///< text: of the file or folder
  std::string verdict;                                     ///< html
  std::vector<std::pair<std::string, std::string>> cards;  ///< text: title and value
  std::vector<Section> sections;
};

/// The same page gives the same bytes.
[[nodiscard]] std::string html_of(const Page& page);

/// What is wrong, as html: "2 errors and 1 warning".
[[nodiscard]] std::string verdict_html(std::size_t errors, std::size_t warnings);

}  // namespace kvcache::cli
