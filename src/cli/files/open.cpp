#include "cli/files/open.h"

#include <cstdio>
#include <utility>

#include "cli/files/remote_use.h"
#include "common/remote_name.h"
#include "kvcache/edit.h"
#include "kvcache/error.h"
#include "platform/file.h"
#include "platform/terminal.h"
#include "platform/text_file.h"
#include "stamp/token_file.h"

namespace kvcache::cli {

std::unique_ptr<ByteSink> remote_sink(const Context& context, const std::string& name, bool overwrite) {
  return remote_of(context).create(name, overwrite);
}

namespace {

bool is_stream(const std::string& name) {
  return name == "-";
}

// Nobody types a cache, or thousands of token ids: it would wait without a word.
void refuse_terminal() {
  if (detail::is_terminal(stdin))
    throw Error(ErrorKind::usage, "standard input is a terminal", "name a file, or redirect one: < FILE");
}

std::unique_ptr<ByteSink> sink_elsewhere(const Context& context, const std::string& name, bool overwrite) {
  if (is_stream(name)) return stream_sink(detail::standard_output, "standard output");
  if (detail::is_remote_name(name)) return remote_sink(context, name, overwrite);
  return nullptr;
}

}  // namespace

SafetensorsFile open_named(const Context& context, const std::string& name) {
  if (is_stream(name)) {
    refuse_terminal();
    return SafetensorsFile::open_stream(detail::standard_input, name);
  }
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

std::vector<std::int32_t> read_token_ids(Context& context, const std::string& name) {
  const std::string before = std::exchange(context.subject, name);
  const detail::TextLimit limit{detail::max_token_file_bytes, ErrorKind::usage, "no prompt is that long"};
  std::string bytes;
  if (is_stream(name)) {
    refuse_terminal();
    bytes = detail::read_text_file(detail::File::borrowed(detail::standard_input, "standard input"), limit);
  } else {
    bytes = detail::read_text_file(name, limit);
  }
  std::vector<std::int32_t> ids = detail::parse_prompt_file(bytes, name);
  context.subject = before;
  return ids;
}

std::uint64_t write_named(const Context& context, const std::string& name, const std::vector<NamedTensor>& tensors,
                          const Metadata& metadata, const WriteOptions& options) {
  const std::unique_ptr<ByteSink> out = sink_elsewhere(context, name, options.overwrite);
  return out ? write_safetensors(*out, tensors, metadata, options) : write_safetensors(name, tensors, metadata, options);
}

std::uint64_t copy_named(const Context& context, const std::string& name, const SafetensorsFile& file,
                         const WriteOptions& options) {
  const std::unique_ptr<ByteSink> out = sink_elsewhere(context, name, options.overwrite);
  return out ? copy_safetensors(*out, file, options) : copy_safetensors(name, file, options);
}

}  // namespace kvcache::cli
