// kvcache convert: another format, another dtype, another class, in one pass.
#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <filesystem>
#include <memory>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/files/each_file.h"
#include "cli/files/export_entry.h"
#include "cli/files/import_folder.h"
#include "cli/files/open.h"
#include "cli/files/output.h"
#include "cli/options/choice.h"
#include "cli/options/dtype_option.h"
#include "cli/options/numbers.h"
#include "cli/terminal/say.h"
#include "cli/terminal/words.h"
#include "edit/check_form.h"
#include "kvcache/edit.h"
#include "kvcache/error.h"
#include "kvcache/transform.h"
#include "kvcache/verify.h"
#include "model/find_model.h"

namespace kvcache::cli {
namespace {

struct ConvertArguments {
  std::vector<std::string> files;
  std::string to;
  std::optional<Dtype> dtype;
  std::string class_name;
  std::optional<std::int64_t> max_size;
  std::optional<std::int64_t> keep;
  std::string children;
  std::string model;
  std::string like;
  bool allow_overflow = false;
  ImportOptions import;
  EncodeOptions encoding;
  OutputOptions output;
};

void check(const ConvertArguments& options) {
  const bool window = options.class_name == "RotatingKVCache";
  if (options.to.empty() && !options.dtype && options.class_name.empty() && options.children.empty() &&
      !options.encoding.drop_model_state && !options.encoding.drop_unset_slots)
    throw Error(ErrorKind::usage, "what to convert to is not given", "--to FORMAT, --dtype or --class; several combine");
  if (window && !options.max_size)
    throw Error(ErrorKind::usage, "a RotatingKVCache needs the size of its window", "--max-size M, in tokens");
  if (!window && (options.max_size || options.keep))
    throw Error(ErrorKind::usage, "--max-size and --keep belong to --class RotatingKVCache");
  if (options.allow_overflow && !options.dtype) throw Error(ErrorKind::usage, "--allow-overflow belongs to --dtype");
}

/// Models of two runtimes may cache different arrays for one architecture, which no change of the file's form mends.
void check_form(Context& context, const Document& document, Era era, const std::optional<std::string>& model_type) {
  const std::string doubt = detail::check_form(document, era, model_type);
  if (!doubt.empty())
    warn(context, fmt::format("{}; --model DIR, with the model's config.json, tells whether this is one", doubt));
}

/// model_type of --model; empty for a model that is not known here.
std::optional<std::string> given_model_type(Context& context, const std::string& folder) {
  if (folder.empty()) return std::nullopt;
  context.subject = folder;
  std::string type = detail::given_model_type(detail::require_model(folder));
  context.subject.clear();
  return type;
}

/// What all files are converted to.
struct Goal {
  std::optional<Target> to;               ///< nothing: the format that a file has
  std::optional<std::string> model_type;  ///< of --model
};

/// --class and --dtype.
void change(const ConvertArguments& options, PromptCache& cache, std::vector<std::string>& done,
            const std::shared_ptr<CastStats>& stats) {
  if (!options.class_name.empty()) {
    WindowsMade made;
    if (options.class_name == "RotatingKVCache")
      made = convert_to_rotating(cache, *options.max_size, options.keep.value_or(0));
    else
      made.layers = convert_to_plain(cache);
    done.push_back(
        fmt::format("{} became {}{}", count_of(made.layers, "layer"), options.class_name,
                    made.dropped == 0 ? "" : fmt::format(" and dropped {} of {} tokens", made.dropped, token_count(cache))));
  }
  if (options.dtype) {
    const std::size_t n = cast_prompt_cache(cache, *options.dtype, options.allow_overflow, stats);
    done.push_back(fmt::format("{} cast to {}", count_of(n, "layer"), name(*options.dtype)));
  }
}

/// Where --model lies; empty: not given.
std::string model_of(const ConvertArguments& options) {
  return options.model.empty() ? std::string() : detail::require_model(options.model);
}

/// What another project has left: a prompt of it becomes a file.
int import_one(Context& context, const ConvertArguments& options, const Goal& goal, const std::vector<foreign::Place>& places,
               const std::string& path, const OutputOptions& output) {
  if (!goal.to)
    throw Error(ErrorKind::usage, "the format to write is not given: what another project stores has none of its own here",
                "--to mlx-lm, or another id of `kvcache formats`");
  if (output.in_place)
    throw Error(ErrorKind::usage, "a folder of another project is not replaced by a file", "-o OUT writes a new file");
  const auto stats = std::make_shared<CastStats>();
  const auto edit = [&](PromptCache& cache, std::vector<std::string>& done) { change(options, cache, done, stats); };
  const std::string model = model_of(options);
  if (options.import.all)
    return import_all(context, places, path, options.import, *goal.to, output, options.encoding, model, edit);
  check_output(output, {path, options.import.tokens});
  return import_prompt(context, places, path, options.import, *goal.to, output, options.encoding, model, edit);
}

/// A folder, which holds nothing that is known, is no file of ours either.
void check_ordinary(const ConvertArguments& options, const std::string& path) {
  std::error_code unknown;
  if (std::filesystem::is_directory(path, unknown))
    throw Error(ErrorKind::unreadable, "a folder, in which no project's cache is recognised",
                "`kvcache ls` lists the caches below a folder");
  if (options.import.any())
    throw Error(ErrorKind::usage, "--tokens, --model-name, --block-size and --all are for folders and files of other projects",
                "`kvcache stamp FILE --tokens T` stores the token ids in a cache");
}

int convert_one(Context& context, const ConvertArguments& options, const Goal& goal, const std::string& file,
                const OutputOptions& output) {
  const std::optional<Target>& to = goal.to;
  context.subject = file;
  if (const std::vector<foreign::Place> places = places_at(file); !places.empty())
    return import_one(context, options, goal, places, file, output);
  check_ordinary(options, file);
  check_output(output, {file});
  Document document;
  if (options.children.empty()) {
    document = read_sound_named(context, file);
  } else {
    document = read_named(context, file);
    restore_children(document, options.children);
    require_sound(document);
  }
  const Target target = to ? *to : Target(era_to_keep(document));

  if (to) check_form(context, document, target.era(), goal.model_type);

  std::vector<std::string> done;
  if (to) done.push_back(fmt::format("converted to {}", to->id()));
  const auto stats = std::make_shared<CastStats>();
  change(options, document.cache, done, stats);
  if (done.empty()) done.emplace_back("rewritten");
  const Written written = write_output(context, document.cache, target, output, document, options.encoding);
  Json more = Json::object();
  if (options.dtype) {
    more["overflows"] = stats->overflows();
    if (stats->overflows() > 0) warn(context, fmt::format("{} became infinite", count_of(stats->overflows(), "value")));
  }
  print_summary(context, output, written, fmt::format("{}", fmt::join(done, ", ")), more);
  return 0;
}

/// Into a server's folder. What else a conversion can change is done first, by itself.
int export_one(Context& context, const ConvertArguments& options, const foreign::ExportTarget& target) {
  if (options.dtype || !options.class_name.empty() || !options.children.empty() || options.import.all)
    throw Error(ErrorKind::usage, fmt::format("--to {} writes a cache as it is", target.id),
                "first: kvcache convert FILE ... -o OUT, then export that");
  if (options.files.size() != 1) throw Error(ErrorKind::usage, fmt::format("--to {} takes one file", target.id));
  foreign::ExportRequest request;
  request.model_name = options.import.model_name;
  request.model_folder = model_of(options);
  request.block_size = options.import.block_size;
  request.like = options.like;
  return export_entry(context, target, options.files[0], options.import.tokens, std::move(request), options.output);
}

int run_convert(Context& context, const ConvertArguments& options) {
  check(options);
  if (!options.like.empty() && !options.to.starts_with("omlx"))
    throw Error(ErrorKind::usage, "--like belongs to --to omlx and --to omlxzip");
  if (const foreign::ExportTarget* target = foreign::find_export_target(options.to))
    return export_one(context, options, *target);
  // An unknown format is worth knowing before anything else is looked at.
  Goal goal;
  if (!options.to.empty()) goal.to = find_target(options.to);
  if (goal.to) detail::require_writable(*goal.to);
  goal.model_type = given_model_type(context, options.model);
  if (options.import.all) {
    if (options.files.size() != 1) throw Error(ErrorKind::usage, "--all takes one folder", "name them one after another");
    const std::vector<foreign::Place> places = places_at(options.files[0]);
    context.subject = options.files[0];
    if (places.empty()) check_ordinary(options, options.files[0]);
    return import_one(context, options, goal, places, options.files[0], options.output);
  }
  // A folder by itself is another project's; folders of caches are asked for with -r.
  std::error_code unknown;
  if (options.files.size() == 1 && !options.output.recursive && std::filesystem::is_directory(options.files[0], unknown))
    return convert_one(context, options, goal, options.files[0], options.output);
  return for_each_file(context, options.files, options.output, [&](const std::string& file, const OutputOptions& output) {
    return convert_one(context, options, goal, file, output);
  });
}

Action declare_convert(CLI::App& app, Context& context) {
  constexpr std::int64_t most = max_dim;
  const auto options = std::make_shared<ConvertArguments>();
  add_files(app, options->files, options->output, "The cache to convert");
  app.add_option("--to", options->to,
                 "Format to write: mlx-lm, mlx-swift-lm, mlxrs, an era of them (mlx-lm@0.31) or a release (mlx-lm@0.30.7); "
                 "or an entry of a server's folder: vllm-mlx, rapid-mlx, omlx, omlxzip, mlx-vlm-apc")
      ->type_name("ID");
  add_dtype(app, options->dtype, "Cast keys and values; recurrent state and quantized layers stay");
  app.add_option("--class", options->class_name, "Turn windows into plain caches, or plain caches into windows")
      ->check(one_of({"KVCache", "RotatingKVCache"}))
      ->type_name("KVCache|RotatingKVCache");
  add_integer(app, "--max-size", options->max_size, 1, most, "Window of --class RotatingKVCache, in tokens")->type_name("M");
  add_integer(app, "--keep", options->keep, 0, most, "First tokens that a window pins (default 0)")->type_name("K");
  app.add_flag("--drop-model-state", options->encoding.drop_model_state,
               "Leave out the model state of a vision model (mlx-swift-lm)");
  app.add_flag("--drop-unset-slots", options->encoding.drop_unset_slots,
               "Leave out trailing slots of recurrent layers that are not set");
  app.add_option(
         "--children", options->children,
         "What a CacheList held, for files that forgot, in order: KVCache, ArraysCache:SLOTS, QuantizedKVCache:GROUP_SIZE, "
         "RotatingKVCache:MAX_SIZE:KEEP; such as KVCache,ArraysCache:2")
      ->type_name("SPEC")
      ->check(not_empty());
  app.add_option(
         "--model", options->model,
         "The model, as its folder, its config.json or an id of Hugging Face: refuses what its code in the target would "
         "misread")
      ->type_name("MODEL")
      ->check(not_empty());
  app.add_flag("--allow-overflow", options->allow_overflow, "Let values beyond the range of --dtype become infinite");
  app.add_option("--tokens", options->import.tokens,
                 "Of a folder of another project: the prompt to look for. A JSON list, integers, .npy or int32")
      ->type_name("FILE")
      ->check(not_empty());
  app.add_option("--model-name", options->import.model_name, "Of such a folder: the model's name as it was served")
      ->type_name("NAME")
      ->check(not_empty());
  app.add_option("--block-size", options->import.block_size,
                 "Of such a folder: tokens of a block; as its blocks say by default")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 31));
  app.add_option("--like", options->like,
                 "Of --to omlx and omlxzip: a block that the running server has written, whose settings are taken")
      ->type_name("FILE")
      ->check(not_empty());
  app.add_flag("--all", options->import.all, "Of such a folder: every prompt that it knows the tokens of, into the folder -o");
  add_output_options(app, options->output);
  return [&context, options] { return run_convert(context, *options); };
}

}  // namespace

const Command convert_command = {
    "convert",
    Group::editing,
    "Carry a cache to another runtime, dtype or class",
    "  kvcache convert chat.safetensors --to mlx-swift-lm -o chat-swift.safetensors\n"
    "  kvcache convert chat.safetensors --to mlx-lm@2026-08 --dtype bf16 --in-place\n"
    "  kvcache convert chat.safetensors --class RotatingKVCache --max-size 4096 --keep 4 -o window.safetensors",
    declare_convert,
    "Nothing is lost without a word: what the target has no place for is refused with exit status 4, or is a "
    "warning where its own writer would lose it as well. Several changes combine and are made in one pass.\n\n"
    "A plain cache becomes a window by dropping the tokens between the pinned first ones and the newest. A window "
    "becomes a plain cache only if it has dropped none."};

}  // namespace kvcache::cli
