#include "common/hint.h"

#include <fmt/format.h>

#include "common/remote_name.h"
#include "kvcache/printable.h"

namespace kvcache::detail {
namespace {

// Of what lies elsewhere, but s3://, in the folder where one is.
std::string new_name(std::string_view file) {
  const std::string local = local_name(file);
  if (is_remote_name(file) && !file.starts_with("s3://")) file = local;
  for (const std::string_view suffix : {".gz", ".safetensors"})
    if (file.size() > suffix.size() && file.ends_with(suffix)) file.remove_suffix(suffix.size());
  return std::string(file) + "-new.safetensors";
}

void replace(std::string& text, std::string_view word, const std::string& name) {
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + name.size()))
    text.replace(at, word.size(), name);
}

}  // namespace

std::string with_names(std::string_view hint, const std::string& file) {
  std::string text(hint);
  if (file.empty() || file == "-") return text;
  replace(text, "-o OUT", fmt::format("-o {}", shell_path(new_name(file))));
  replace(text, " FILE", fmt::format(" {}", shell_path(without_secrets(file))));
  return text;
}

}  // namespace kvcache::detail
