#include "cli/files/open.h"

#include <fmt/format.h>

#include <cstdio>

#include "cli/files/remote_use.h"
#include "cli/terminal/words.h"
#include "common/remote_name.h"
#include "kvcache/edit.h"
#include "kvcache/error.h"
#include "platform/terminal.h"

namespace kvcache::cli {

// Looks first whether the name is free: there is no point in sending gigabytes otherwise.
std::unique_ptr<ByteSink> remote_sink(const Context& context, const std::string& name, bool overwrite) {
  const remote::Remote& remote = remote_of(context);
  if (!overwrite && remote.exists(name))
    throw Error(ErrorKind::usage, fmt::format("output {} exists", shown_path(name)), "--force replaces it");
  return remote.create(name, overwrite);
}

SafetensorsFile open_named(const Context& context, const std::string& name) {
  // Nobody types a cache: it would wait without a word.
  if (name == "-" && detail::is_terminal(stdin))
    throw Error(ErrorKind::usage, "standard input is a terminal", "name a file, or redirect one: < FILE");
  if (!detail::is_remote_name(name)) return SafetensorsFile::open(name);
  return SafetensorsFile::open(remote_of(context).open(name), detail::without_secrets(name));
}

Document read_named(const Context& context, const std::string& name) {
  return decode(open_named(context, name));
}

Document read_sound_named(const Context& context, const std::string& name) {
  Document document = read_named(context, name);
  require_sound(document);
  return document;
}

Document read_intact_named(const Context& context, const std::string& name) {
  Document document = read_named(context, name);
  require_intact(document);
  return document;
}

std::uint64_t write_named(const Context& context, const std::string& name, const std::vector<NamedTensor>& tensors,
                          const Metadata& metadata, const WriteOptions& options) {
  if (!detail::is_remote_name(name)) return write_safetensors(name, tensors, metadata, options);
  return write_safetensors(*remote_sink(context, name, options.overwrite), tensors, metadata, options);
}

std::uint64_t copy_named(const Context& context, const std::string& name, const SafetensorsFile& file,
                         const WriteOptions& options) {
  if (!detail::is_remote_name(name)) return copy_safetensors(name, file, options);
  return copy_safetensors(*remote_sink(context, name, options.overwrite), file, options);
}

}  // namespace kvcache::cli
