// kvcache prune: delete the caches that nobody needs.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "catalog/prune_plan.h"
#include "cli/commands.h"
#include "cli/options/numbers.h"
#include "cli/options/quantities.h"
#include "cli/render/json.h"
#include "cli/terminal/say.h"
#include "cli/terminal/signals.h"
#include "cli/terminal/style.h"
#include "cli/terminal/words.h"
#include "kvcache/error.h"
#include "kvcache/format.h"

namespace kvcache::cli {
namespace {

using Fate = catalog::PruneFile::Fate;

struct Options {
  std::vector<std::string> folders;
  catalog::PruneCriteria criteria;
  std::string format;
  bool dry_run = false;
  bool yes = false;
  bool json = false;
};

struct Counts {
  std::size_t files = 0;
  std::uint64_t bytes = 0;
};

Counts count(const catalog::PrunePlan& plan, std::initializer_list<Fate> fates) {
  Counts counts;
  for (const catalog::PruneFile& f : plan.files) {
    if (!f.file.recognised || std::find(fates.begin(), fates.end(), f.fate) == fates.end()) continue;
    ++counts.files;
    counts.bytes += f.file.bytes;
  }
  return counts;
}

std::string_view word(Fate fate) {
  switch (fate) {
    case Fate::keep:
      return "keep";
    case Fate::remove:
      return "delete";
    case Fate::removed:
      return "deleted";
    case Fate::failed:
      return "failed";
    case Fate::changed:
      break;
  }
  return "left";
}

catalog::PruneCriteria criteria_of(const Options& options) {
  catalog::PruneCriteria criteria = options.criteria;
  if (!options.format.empty()) criteria.format = options.format == "omlx" ? "omlx block" : find_dialect(options.format).id;
  if (!criteria.any())
    throw Error(
        ErrorKind::usage, "what may go is not given",
        "--older-than 30d, --broken, --model M, --format ID, --signature ID or --keep-bytes SIZE; of several all have to hold");
  if (options.dry_run && options.yes)
    throw Error(ErrorKind::usage, "--dry-run and --yes exclude each other", "--dry-run only shows what --yes would delete");
  return criteria;
}

void print_plan_json(const catalog::PrunePlan& plan, bool yes) {
  Json files = Json::array();
  for (const catalog::PruneFile& f : plan.files) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(f.file.modified.time_since_epoch()).count();
    files.push_back({{"path", f.file.path},
                     {"action", word(f.fate)},
                     {"reason", f.why},
                     {"recognised", f.file.recognised},
                     {"model", f.file.model.empty() ? Json(nullptr) : Json(f.file.model)},
                     {"format", f.file.format.empty() ? Json(nullptr) : Json(f.file.format)},
                     {"bytes", f.file.bytes},
                     {"modified", f.state ? Json(seconds) : Json(nullptr)}});
  }
  const auto totals = [&](std::initializer_list<Fate> fates) -> Json {
    const Counts counts = count(plan, fates);
    return {{"files", counts.files}, {"bytes", counts.bytes}};
  };
  print_json({{"schema", "kvcache.prune/1"},
              {"dry_run", !yes},
              {"files", std::move(files)},
              {"totals",
               {{"caches", totals({Fate::keep, Fate::remove, Fate::removed, Fate::failed, Fate::changed})},
                {"chosen", totals({Fate::remove, Fate::removed, Fate::failed, Fate::changed})},
                {"deleted", totals({Fate::removed})},
                {"failed", totals({Fate::failed})},
                {"not_caches", plan.others}}}});
}

void print_plan_text(const Context& context, const catalog::PrunePlan& plan, bool yes) {
  const Style style(context, stdout);
  for (const catalog::PruneFile& f : plan.files) {
    if (context.quiet && f.fate == Fate::keep) continue;
    const std::string what = fmt::format("{:<7}", word(f.fate));
    print(fmt::format(
        "{} {}{}: {}\n", f.fate == Fate::keep ? style.dim(what) : style.red(what), style.bold(shown_path(f.file.path)),
        f.file.recognised ? fmt::format(" ({})", human_bytes(static_cast<double>(f.file.bytes))) : "", printable(f.why, 500)));
  }
  if (context.quiet) return;
  const Counts all = count(plan, {Fate::keep, Fate::remove, Fate::removed, Fate::failed, Fate::changed});
  const Counts gone = count(plan, {yes ? Fate::removed : Fate::remove});
  print(fmt::format(
      "{}{} {} of {}, {} of {}{}\n", plan.files.empty() ? "" : "\n", yes ? "deleted" : "would delete", gone.files,
      count_of(all.files, "cache"), human_bytes(static_cast<double>(gone.bytes)), human_bytes(static_cast<double>(all.bytes)),
      plan.others == 0
          ? ""
          : fmt::format("; {} left alone", plan.others == 1 ? "1 more file is no cache and"
                                                            : fmt::format("{} more files are no caches and", plan.others))));
  if (!yes && gone.files > 0) print("nothing was deleted: --yes does it\n");
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

int run(Context& context, const Options& options) {
  const catalog::PruneCriteria criteria = criteria_of(options);
  catalog::PrunePlan plan = catalog::plan_prune(options.folders, criteria);
  if (options.yes) {
    // From here on a signal ends the work between two files, and what was done is told.
    const WriteGuard guard;
    catalog::carry_out(plan);
  }
  if (options.json)
    print_plan_json(plan, options.yes);
  else
    print_plan_text(context, plan, options.yes);
  const int code = outcome(context, plan);
  const Counts undone = count(plan, {Fate::remove});
  if (options.yes && undone.files > 0) {
    flush_stdout();
    throw Error(ErrorKind::interrupted, fmt::format("interrupted: {} not deleted", count_of(undone.files, "cache")));
  }
  return code;
}

Action declare(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  app.add_option("DIR", options->folders, "Folders, searched with all below them; links are not followed")->required();
  app.add_option_function<std::string>(
         "--model", [options](const std::string& model) { options->criteria.model = model; },
         "Only caches of this model, as `ls` shows it")
      ->type_name("M");
  add_age(app, "--older-than", options->criteria.older_than, "Only files not written to for this long: 90min, 12h, 30d, 4w");
  app.add_option("--format", options->format, "Only files of this format, as `ls` shows it; omlx for its blocks")
      ->type_name("ID");
  app.add_flag(
      "--broken", options->criteria.broken,
      "Only caches that `verify` proves damaged, cut-off ones among them, and by their stamps; a class, layout or dtype that "
      "may only be unknown to this kvcache is no damage");
  add_bytes(app, "--keep-bytes", options->criteria.keep_bytes,
            "Stop when all caches that stay fit into this: 500MB, 1.5GB, 10GiB. The oldest go first");
  app.add_option("--signature", options->criteria.signatures,
                 "Only entries of servers' folders with these settings, as `explain` names them: 3fa1c2d4,0b9e17aa")
      ->type_name("ID,...")
      ->delimiter(',')
      ->check(not_empty());
  app.add_flag("--dry-run", options->dry_run, "Only show what would be deleted and why (the default)");
  app.add_flag("--yes", options->yes, "Delete");
  app.add_flag("--json", options->json, "Every decision, as JSON");
  return [&context, options] { return run(context, *options); };
}

}  // namespace

const Command prune_command = {
    "prune", Group::making, "Delete caches by model, age, format, damage or down to a size",
    "  kvcache prune ~/prompt-caches --older-than 30d              shows what would go, and why\n"
    "  kvcache prune ~/prompt-caches --older-than 30d --yes        deletes it\n"
    "  kvcache prune ~/prompt-caches --broken --yes                cut-off and inconsistent caches\n"
    "  kvcache prune ~/prompt-caches --model llama --keep-bytes 20GB\n"
    "  kvcache prune ~/.omlx/cache --signature 3fa1c2d4            what `kvcache explain` calls dead\n"
    "Of several criteria all have to hold. The last line: caches of llama go, the oldest first, "
    "until all caches together take\n"
    "20 GB. Only what says itself that it is a prompt cache or an omlx block is ever deleted; never "
    "model weights or other files.",
    declare};

}  // namespace kvcache::cli
