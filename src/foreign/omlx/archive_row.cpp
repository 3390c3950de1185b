// .omlxzip, as a row of the table of formats.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "foreign/format_rows.h"
#include "foreign/omlx/archive.h"
#include "foreign/row_tools.h"
#include "kvcache/printable.h"

namespace kvcache::foreign {
namespace archive_row {
namespace {

using omlx::PromptArchive;

bool owns_folder(const FolderLook& /*folder*/) {
  return false;
}

bool owns_file(const FileLook& file) {
  if (!is_zip(file.head)) return false;
  if (std::filesystem::path(file.path).extension() == ".omlxzip") return true;
  // By its first member, which omlx writes first.
  constexpr std::size_t name_at = 30;
  return std::string_view(file.head).substr(std::min(name_at, file.head.size())).starts_with("manifest.json") &&
         file.head.find("\"restorable_tokens\"") != std::string::npos;
}

std::vector<Item> items(const Place& place) {
  return {{place.path, Item::Kind::entry}};
}

Entry look(const Place& /*place*/, const Item& item) {
  return described(item, [&](Entry& entry) {
    const PromptArchive archive(reopened_source(item.path));
    entry.model = archive.model;
    entry.version = archive.version;
    entry.tokens = archive.restorable_tokens;
    entry.settings = {
        {"model", archive.model}, {"format", archive.version}, {"block size", std::to_string(archive.block_size)}};
  });
}

void check_archive(const std::string& path, Report& report) {
  const PromptArchive archive(reopened_source(path));
  const auto add = [&](const Error& error, const std::string& where) {
    add_finding(report, error.code().empty() ? "KV911" : error.code(), error.what(), where, error.remedy());
  };
  try {
    archive.check_chain();
  } catch (const Error& error) {
    add(error, "manifest.json");
  }
  for (const PromptArchive::Part& part : archive.blocks) {
    try {
      archive.check_digest(part);
      archive.check_settings(part);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
      add(error, printable(part.path));
    }
  }
  for (const PromptArchive::Part& part : archive.gdn) {
    try {
      archive.check_digest(part);
      static_cast<void>(omlx::read_gdn(LazyFile::open(archive.member(part))));
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
      add(error, printable(part.path));
    }
    if (std::ranges::find(archive.blocks, part.hash, &PromptArchive::Part::hash) == archive.blocks.end())
      add_finding(report, "KV905", "recurrent state of a block that is not there", printable(part.path));
  }
}

Report check(const Place& /*place*/, const Item& item) {
  return checked(
      item.path, [&](Report& report) { check_archive(item.path, report); }, "KV911");
}

std::vector<Report> check_place(const Place& /*place*/, std::span<const Item> /*items*/) {
  return {};
}

/// omlx fails on the first thing that is wrong, and so does this: nothing is carried over from a damaged archive.
Restored restore_from(const Place& place, const Query& query) {
  Restored out;
  try {
    const auto archive = std::make_shared<const PromptArchive>(reopened_source(place.path));
    if (!query.model_name.empty() && query.model_name != archive->model) {
      out.why = fmt::format("the archive is of model '{}', not '{}'", printable(archive->model), printable(query.model_name));
      return out;
    }
    if (query.block_size > 0 && query.block_size != archive->block_size) {
      out.why = fmt::format("the archive is of blocks of {} tokens, not {}", archive->block_size, query.block_size);
      return out;
    }
    archive->check_chain();
    for (const PromptArchive::Part& part : archive->blocks) archive->check_settings(part);
    if (!query.look_only) {
      for (const PromptArchive::Part& part : archive->blocks) archive->check_digest(part);
      for (const PromptArchive::Part& part : archive->gdn) archive->check_digest(part);
    }
    const std::vector<std::int32_t>& ids = query.tokens.empty() ? archive->ids : query.tokens;
    out = omlx::restore_chain(archive->store(), archive->model, archive->block_size, ids, query.look_only);
    out.entry = place.path;
  } catch (const Error& error) {
    refuse(out, error);
  }
  return out;
}

std::vector<Prompt> prompts(const Place& place) {
  const PromptArchive archive(reopened_source(place.path));
  return {{std::filesystem::path(place.path).stem().string(), place.path, archive.restorable_tokens}};
}

Restored restore_prompt(const Place& place, const Prompt& /*prompt*/, const Query& query) {
  Query own = query;
  own.tokens.clear();
  return restore_from(place, own);
}

}  // namespace
}  // namespace archive_row

const Format omlx_archive_format = {"omlxzip",
                                    "exported prompt of omlx",
                                    "1",
                                    archive_row::owns_folder,
                                    archive_row::owns_file,
                                    archive_row::items,
                                    archive_row::look,
                                    archive_row::check,
                                    archive_row::check_place,
                                    archive_row::restore_from,
                                    archive_row::prompts,
                                    archive_row::restore_prompt,
                                    {}};

}  // namespace kvcache::foreign
