// The XML that services of S3 answer with, read by Expat.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace kvcache::remote {

/// Calls `element` at the end of each element with its path, as "ListBucketResult/Contents/Key", and its text; namespaces are
/// not looked at. False for what is no XML; elements before the mistake have been given by then.
[[nodiscard]] bool read_xml(std::string_view text,
                            const std::function<void(const std::string& path, const std::string& text)>& element);

/// The text of the first element of that name, or empty.
[[nodiscard]] std::string first_text(std::string_view text, std::string_view name);

}  // namespace kvcache::remote
