// kvcache prune: delete the caches that nobody needs.
#include <fmt/format.h>

#include <iostream>
#include <memory>
#include <string>

#include "catalog/prune_plan.h"
#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/files/output.h"
#include "cli/options/numbers.h"
#include "cli/options/quantities.h"
#include "cli/options/selection_options.h"
#include "cli/render/json.h"
#include "cli/render/prune_text.h"
#include "cli/terminal/say.h"
#include "cli/terminal/signals.h"
#include "cli/terminal/stdout.h"
#include "cli/terminal/style.h"
#include "cli/terminal/words.h"
#include "common/remote_name.h"
#include "kvcache/error.h"
#include "kvcache/format.h"
#include "platform/terminal.h"

namespace kvcache::cli {
namespace {

using Fate = catalog::PruneFile::Fate;

struct PruneArguments {
  std::vector<std::string> folders;
  catalog::PruneRequest request;
  catalog::PruneGroup group;  ///< the one being described
  bool dry_run = false;
  bool yes = false;
  bool json = false;
};

catalog::PruneRequest request_of(const PruneArguments& options) {
  catalog::PruneRequest request = options.request;
  if (options.group.any()) request.groups.push_back(options.group);
  const bool open_end = !request.groups.empty() && !options.group.any();
  if (open_end || (request.groups.empty() && request.signatures.empty()))
    throw Error(ErrorKind::usage, open_end ? "nothing stands behind the last --or" : "what may go is not given",
                "--older-than 30d, --accessed '>30d', --broken, --model M, --format ID, --signature ID or --keep-bytes SIZE; "
                "of several all have "
                "to hold, and --or begins the next ones");
  if (options.dry_run && options.yes)
    throw Error(ErrorKind::usage, "--dry-run and --yes exclude each other", "--dry-run only shows what --yes would delete");
  return request;
}

Json plan_json(const catalog::PrunePlan& plan, bool yes) {
  Json files = Json::array();
  for (const catalog::PruneFile& f : plan.files) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(f.file.modified.time_since_epoch()).count();
    files.push_back({{"path", f.file.path},
                     {"action", fate_name(f.fate)},
                     {"reason", f.why},
                     {"recognised", f.file.recognised},
                     {"model", f.file.model.empty() ? Json(nullptr) : Json(f.file.model)},
                     {"format", f.file.format.empty() ? Json(nullptr) : Json(f.file.format)},
                     {"bytes", f.file.bytes},
                     {"modified", f.state ? Json(seconds) : Json(nullptr)}});
  }
  const auto totals = [&](std::initializer_list<Fate> fates) -> Json {
    const PruneCounts counts = count_pruned(plan, fates);
    return {{"files", counts.files}, {"bytes", counts.bytes}};
  };
  return {{"schema", "kvcache.prune/1"},
          {"dry_run", !yes},
          {"files", std::move(files)},
          {"totals",
           {{"caches", totals({Fate::keep, Fate::remove, Fate::removed, Fate::failed, Fate::changed})},
            {"chosen", totals({Fate::remove, Fate::removed, Fate::failed, Fate::changed})},
            {"deleted", totals({Fate::removed})},
            {"failed", totals({Fate::failed})},
            {"not_caches", plan.others}}}};
}

/// Of somebody at a terminal: whether the plan is to be carried out.
bool agreed(const catalog::PrunePlan& plan) {
  const PruneCounts chosen = count_pruned(plan, {Fate::remove});
  if (chosen.files == 0 || !detail::is_terminal(stdin) || !detail::is_terminal(stdout)) return false;
  print(fmt::format("delete {}, {}? [y/N] ", count_of(chosen.files, "cache"), human_bytes(static_cast<double>(chosen.bytes))));
  flush_stdout();
  std::string answer;
  if (!std::getline(std::cin, answer)) print("\n");
  return answer == "y" || answer == "Y" || answer == "yes";
}

/// Complaints, and the exit code.
int outcome(const Context& context, const catalog::PrunePlan& plan) {
  bool failed = false;
  for (const catalog::Found& folder : plan.unreadable) {
    failed = true;
    warn(context, fmt::format("{}: this folder cannot be read: {}", folder.path, folder.error));
  }
  for (const catalog::PruneFile& f : plan.files) {
    if (f.fate != Fate::failed) continue;
    failed = true;
    warn(context, fmt::format("{}: {}", f.file.path, f.why));
  }
  return failed ? exit_code(ErrorKind::io) : 0;
}

int run_prune(Context& context, const PruneArguments& options) {
  for (const std::string& folder : options.folders)
    if (detail::is_remote_name(folder))
      throw Error(ErrorKind::usage, fmt::format("{}: only folders on this machine are pruned", detail::without_secrets(folder)),
                  "kvcache ls --names s3://BUCKET/PREFIX/ names objects, for the program that removes them there");
  catalog::PrunePlan plan = catalog::plan_prune(options.folders, request_of(options));
  bool yes = options.yes;
  if (!yes && !options.dry_run && !options.json && !context.quiet && detail::is_terminal(stdin)) {
    print(prune_text(context, plan, false));
    yes = agreed(plan);
    if (!yes) {
      print("nothing was deleted\n");
      return outcome(context, plan);
    }
  }
  if (yes) {
    // From here on a signal ends the work between two files, and what was done is told.
    const WriteGuard guard;
    catalog::carry_out(plan);
  }
  if (yes) {
    // What is done is done, whether or not it can be told.
    options.json ? print_late_json(context, plan_json(plan, yes)) : print_late(context, prune_text(context, plan, yes));
  } else {
    options.json ? print_json(plan_json(plan, yes)) : print(prune_text(context, plan, yes));
  }
  // With -q as well: a list of files alone does not tell.
  if (!yes && !options.json)
    print(count_pruned(plan, {Fate::remove}).files == 0 ? "nothing was deleted\n" : "nothing was deleted: --yes does it\n");
  const int code = outcome(context, plan);
  const PruneCounts undone = count_pruned(plan, {Fate::remove});
  if (yes && undone.files > 0) {
    flush_stdout();
    throw Error(ErrorKind::interrupted, fmt::format("interrupted: {} not deleted", count_of(undone.files, "cache")));
  }
  return code;
}

/// --or: what was given until now is one group, what comes is another.
void next_group(PruneArguments& options) {
  if (!options.group.any())
    throw Error(ErrorKind::usage, "nothing stands before --or", "for example --older-than 1y --or --keep-bytes 20GB");
  options.request.groups.push_back(std::move(options.group));
  options.group = {};
}

/// In the order in which they are given, as --or stands between them. CLI11 would go by the order of their declaration.
CLI::Option* in_turn(CLI::Option* option) {
  return option->trigger_on_parse();
}

void declare_criteria(CLI::App& app, PruneArguments& options) {
  catalog::PruneGroup& group = options.group;
  const auto add = [&app](const std::string& flag, const std::string& type, const std::string& description, auto take) {
    in_turn(app.add_option_function<std::string>(flag, take, description))->type_name(type);
  };
  add("--model", "M", "Only caches of this model: as `ls` shows it, a folder of it, or an id of Hugging Face",
      [&group](const std::string& model) { group.what.model = model_names(model); });
  add("--older-than", "AGE", "Only files not written to for this long, or since this day: 90min, 12h, 30d, 1y, 2026-01-31",
      [&group](const std::string& text) {
        // "<30d" would be what is newer.
        if (text.starts_with('<') || text.starts_with('>'))
          throw CLI::ValidationError("--older-than", fmt::format("'{}' is no time such as 30d or 2026-01-31", text));
        group.what.modified.push_back(parse_time_bound("--older-than", text));
      });
  add("--accessed", "[<>]AGE", "Only files last read longer ago: '>30d', 2026-01-31; as far as the file system keeps that",
      [&group](const std::string& text) { group.what.accessed.push_back(parse_time_bound("--accessed", text)); });
  add("--tokens", "[<>]N", "Only caches of more tokens than N, or less: '>4096', '<100'",
      [&group](const std::string& text) { group.what.tokens.push_back(parse_token_bound("--tokens", text)); });
  add("--format", "ID", "Only files of this format, as `ls` shows it; omlx for its blocks",
      [&group](const std::string& id) { group.what.format = listed_format(id); });
  in_turn(app.add_flag_callback(
      "--broken", [&group] { group.what.proven = true; },
      "Only caches that `verify` proves damaged, cut-off ones among them, and by their stamps; a class, layout or dtype that "
      "may only be unknown to this kvcache is no damage"));
  in_turn(add_bytes(app, "--keep-bytes", group.keep_bytes,
                    "Stop when all caches that stay fit into this: 500MB, 1.5GB, 10GiB. The oldest go first"));
  in_turn(app.add_flag_callback(
      "--or", [&options] { next_group(options); },
      "What follows is another reason to go: --older-than 1y --or --keep-bytes 20GB"));
}

Action declare_prune(CLI::App& app, Context& context) {
  const auto options = std::make_shared<PruneArguments>();
  app.add_option("DIR", options->folders, "Folders, searched with all below them; links are not followed")->required();
  declare_criteria(app, *options);
  app.add_flag("--by-access", options->request.by_access, "For --keep-bytes: those last read longest ago go first");
  add_exclude(app, options->request.exclude);
  app.add_option("--signature", options->request.signatures,
                 "Only entries of servers' folders with these settings, as `explain` names them: 3fa1c2d4,0b9e17aa")
      ->type_name("ID,...")
      ->delimiter(',')
      ->check(not_empty());
  app.add_flag("--dry-run", options->dry_run,
               "Only show what would be deleted and why; so does a run without --yes, which asks at a terminal");
  app.add_flag("--yes", options->yes, "Delete");
  app.add_flag("--json", options->json, "Every decision, as JSON");
  return [&context, options] { return run_prune(context, *options); };
}

}  // namespace

const Command prune_command = {
    "prune",
    Group::making,
    "Delete caches by model, age, last access, format, damage or down to a size",
    "  kvcache prune ~/prompt-caches --older-than 30d              shows what would go, and why\n"
    "  kvcache prune ~/prompt-caches --older-than 30d --yes        deletes it\n"
    "  kvcache prune ~/prompt-caches --broken --yes                cut-off and inconsistent caches\n"
    "  kvcache prune ~/prompt-caches --accessed '>90d' --or --keep-bytes 20GB --by-access\n"
    "  kvcache prune ~/prompt-caches --model llama --keep-bytes 20GB\n"
    "  kvcache prune ~/.omlx/cache --signature 3fa1c2d4            what `kvcache explain` calls dead",
    declare_prune,
    "Of several criteria all have to hold; --or begins another reason to go. The example of llama: its caches go, the oldest "
    "first, until all caches together take 20 GB. The one before it: what nobody has read for 90 days goes, and then as much "
    "of the rest as is too much.\n\n"
    "Only what says itself that it is a prompt cache, and entries of servers' folders, are ever deleted; never model weights "
    "or other files. Not "
    "what --exclude or a file named .kvcacheignore leaves out either, which counts for nothing here."};

}  // namespace kvcache::cli
