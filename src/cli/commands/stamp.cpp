// kvcache stamp: checksums, the model and the prompt, stored in the file itself.
#include <fmt/format.h>

#include <memory>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/files/each_file.h"
#include "cli/files/open.h"
#include "cli/files/output.h"
#include "cli/terminal/progress_bar.h"
#include "cli/terminal/say.h"
#include "cli/terminal/words.h"
#include "cli/version.h"
#include "common/remote_name.h"
#include "edit/stamp_now.h"
#include "kvcache/edit.h"
#include "kvcache/error.h"
#include "kvcache/stamp.h"
#include "kvcache/verify.h"
#include "model/find_model.h"
#include "platform/text_file.h"
#include "stamp/stamp_draft.h"

namespace kvcache::cli {
namespace {

struct StampArguments {
  std::vector<std::string> files;
  std::string model;
  std::string tokens;
  std::string text;
  OutputOptions output;
};

std::string read_text(Context& context, const std::string& path) {
  context.subject = path;
  // A header holds less than 100 MB (KV103), the prompt within it.
  return detail::read_text_file(path, {64U << 20U, ErrorKind::usage, "a header cannot hold that much"});
}

StampRequest read_request(Context& context, const StampArguments& options) {
  StampRequest request;
  request.time = detail::stamp_time();
  request.tool = fmt::format("kvcache {}", version());
  if (!options.tokens.empty()) request.token_ids = read_token_ids(context, options.tokens);
  if (!options.text.empty()) request.text = detail::require_utf8(read_text(context, options.text));
  if (!options.model.empty()) {
    context.subject = options.model;
    detail::add_model(request, detail::require_model(options.model));
  }
  return request;
}

/// All that is read: nothing of it may be overwritten.
std::vector<std::string> all_inputs(const StampArguments& options, const std::string& file, const StampRequest& request) {
  std::vector<std::string> inputs = {file, options.tokens, options.text};
  const std::string model = detail::find_model(options.model).value_or(options.model);
  for (const auto& [name, digest] : request.model_sha256) inputs.push_back(fmt::format("{}/{}", model, name));
  return inputs;
}

std::string in_words(const Stamp& stamp) {
  std::string text = fmt::format("stamped {}", count_of(stamp.crc32->size(), "array"));
  if (!stamp.model_sha256.empty()) text += fmt::format(", {}", count_of(stamp.model_sha256.size(), "model file"));
  if (stamp.tokens) text += fmt::format(", {}", count_of(stamp.tokens->count, "token id"));
  if (stamp.text) text += fmt::format(", {} of prompt", human_bytes(static_cast<double>(stamp.text->size())));
  return text;
}

Json in_json(const Stamp& stamp) {
  Json files = Json::array();
  for (const auto& [name, digest] : stamp.model_sha256) files.push_back(name);
  return {{"time", stamp.time},
          {"arrays", stamp.crc32->size()},
          {"model_files", files},
          {"token_ids", stamp.tokens ? Json(stamp.tokens->count) : Json(nullptr)},
          {"text_bytes", stamp.text ? Json(stamp.text->size()) : Json(nullptr)}};
}

/// The header of a file that others can read from its beginning only, or that is compressed, must be known first.
bool header_may_come_last(const OutputOptions& output, const Document& input) {
  if (output.gzip || output.to_stdout() || detail::is_remote_name(output.path)) return false;
  return !output.in_place || (!input.file.gzip() && !detail::is_remote_name(input.file.path()));
}

/// Checksums of what is copied, while it is.
Written write_stamped(Context& context, const OutputOptions& output, const Document& document, Encoded encoded, Era era,
                      detail::StampDraft& draft) {
  Written written{document.file.path(), output.in_place ? document.file.path() : output.path, &dialect(era),
                  token_count(document.cache)};
  for (const std::string& warning : encoded.warnings) warn(context, warning);
  write_by(context, output, document, written,
           [&](const WriteOptions& how) { return detail::write_stamped(written.path, encoded, draft, how); });
  return written;
}

int stamp_one(Context& context, const StampArguments& options, StampRequest request, const std::string& file,
              const OutputOptions& output) {
  // With --in-place the cache alone is written.
  check_output(output, output.in_place ? std::vector<std::string>{file} : all_inputs(options, file, request));
  context.subject = file;
  Document document = read_intact_named(context, file);
  const Era era = era_to_keep(document);
  const Encoded encoded = encode_edited(document.cache, document, era);
  const auto put = [&](const Stamp& stamp) {
    document.cache.metadata.insert_or_assign(std::string(stamp_key), to_json(stamp));
  };
  Stamp stamp;
  Written written;
  if (header_may_come_last(output, document)) {
    detail::StampDraft draft = detail::draft_stamp(document.cache, encoded, request);
    put(draft.stamp);
    written = write_stamped(context, output, document, encode_edited(document.cache, document, era), era, draft);
    stamp = std::move(draft.stamp);
  } else {
    {
      ProgressBar bar(context, "reading");
      request.progress = bar.callback();
      stamp = make_stamp(document.cache, encoded, request);
    }
    put(stamp);
    written = write_output(context, document.cache, era, output, document);
  }
  print_summary(context, output, written, in_words(stamp), {{"stamp", in_json(stamp)}});
  return 0;
}

int run_stamp(Context& context, const StampArguments& options) {
  const StampRequest request = read_request(context, options);
  context.subject.clear();
  return for_each_file(context, options.files, options.output, [&](const std::string& file, const OutputOptions& output) {
    return stamp_one(context, options, request, file, output);
  });
}

Action declare_stamp(CLI::App& app, Context& context) {
  const auto options = std::make_shared<StampArguments>();
  add_files(app, options->files, options->output, "The cache to stamp");
  app.add_option("--model", options->model,
                 "Add digests of config.json and tokenizer files of this model: its folder, or an id of Hugging Face")
      ->type_name("MODEL");
  app.add_option("--tokens", options->tokens,
                 "Add the token ids of the prompt: a JSON list, integers separated by blanks or commas, .npy, or int32")
      ->type_name("FILE");
  app.add_option("--text", options->text, "Add the text of the prompt (UTF-8)")->type_name("FILE");
  add_output_options(app, options->output);
  return [&context, options] { return run_stamp(context, *options); };
}

}  // namespace

const Command stamp_command = {
    "stamp", Group::editing, "Store checksums, and which model and prompt it is of, in the file",
    "  kvcache stamp chat.safetensors --in-place\n"
    "  kvcache stamp chat.safetensors --model ~/models/Llama-3.2-3B --tokens ids.json -o stamped.safetensors\n"
    "`kvcache verify` then finds every changed bit. A stamp that is there already is renewed; what it says of model\n"
    "and prompt stays unless given anew. `kvcache metadata FILE strip` removes it.",
    declare_stamp};

}  // namespace kvcache::cli
