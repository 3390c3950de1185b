#include "kvcache/fleet.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <optional>
#include <random>

#include "fleet/index_postgres.h"
#include "fleet/objects_cached.h"
#include "fleet/objects_remote.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"
#include "platform/folder.h"
#include "platform/text_file.h"
#include "store/impl.h"

namespace kvcache::fleet {
namespace {

/// What an address says, apart from what is libpq's.
struct Address {
  std::string database;  ///< for libpq
  std::string objects;   ///< s3://BUCKET/PREFIX, or a folder
  std::string schema = "kvcache";
  std::optional<std::string> cache;  ///< a folder, or "none"
  std::uint64_t cache_bytes = std::uint64_t{10} << 30U;
  std::optional<std::chrono::seconds> grace;
};

constexpr const char* form = "postgresql://HOST/DATABASE?objects=s3://BUCKET/PREFIX is the address of a store";

std::string percent_decoded(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

std::uint64_t whole_number(const std::string& name, const std::string& text) {
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  constexpr std::uint64_t most = std::uint64_t{1} << 30U;
  if (error != std::errc() || end != text.data() + text.size() || out > most)
    throw Error(ErrorKind::usage, fmt::format("{}={} is no whole number up to {}", name, printable(text), most), form);
  return out;
}

Address parse(const std::string& text) {
  Address out;
  const std::size_t query = text.find('?');
  out.database = text.substr(0, query);
  std::string_view rest = query == std::string::npos ? std::string_view() : std::string_view(text).substr(query + 1);
  char separator = '?';
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    const std::string name(part.substr(0, part.find('=')));
    const std::string value = part.size() > name.size() ? percent_decoded(part.substr(name.size() + 1)) : std::string();
    if (name == "objects") {
      out.objects = value;
      while (out.objects.ends_with('/')) out.objects.pop_back();
    } else if (name == "schema") {
      out.schema = value;
    } else if (name == "cache") {
      out.cache = value;
    } else if (name == "cache_gib") {
      out.cache_bytes = whole_number(name, value) << 30U;
    } else if (name == "grace_seconds") {
      out.grace = std::chrono::seconds(whole_number(name, value));
    } else {
      out.database += fmt::format("{}{}", separator, part);
      separator = '&';
    }
  }
  if (!out.objects.starts_with("s3://") && !out.objects.starts_with('/'))
    throw Error(ErrorKind::usage,
                out.objects.empty() ? fmt::format("{} does not say where the objects are", shown(text))
                                    : fmt::format("objects={} is neither s3://BUCKET/PREFIX nor a folder's path from / on",
                                                  printable(out.objects)),
                form);
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  if (out.schema.empty() || out.schema.size() > 63 || !std::ranges::all_of(out.schema, plain) ||
      (out.schema[0] >= '0' && out.schema[0] <= '9'))
    throw Error(ErrorKind::usage, fmt::format("schema={} is no name of a schema", printable(out.schema)),
                "small letters, digits and _");
  return out;
}

std::string random_id() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
}

bool in_folder(const Address& address) {
  return address.objects.starts_with('/');
}

/// The store whose objects are there.
std::optional<std::string> found_store(remote::Remote& remote, const Address& address) {
  if (!in_folder(address)) return store_of(remote, address.objects);
  const std::string path = address.objects + "/FORMAT";
  if (!kvcache::detail::file_size(path)) return std::nullopt;
  auto id = store_of_format(kvcache::detail::read_text_file(path, {4096, ErrorKind::unreadable, "it is no store"}));
  if (!id)
    throw Error(ErrorKind::unreadable,
                fmt::format("{} is a store by itself, or of a newer version", printable(address.objects, 4096)),
                "importing it takes its entries over into another one");
  return id;
}

void write_format(const std::string& folder, const std::string& id) {
  kvcache::detail::make_private_folder(folder);
  if (kvcache::detail::file_size(folder + "/FORMAT")) return;
  const auto sink = file_sink(folder + "/FORMAT", {});
  const std::string text = format_text(id);
  sink->write_at(0, std::as_bytes(std::span(text)));
  sink->commit();
}

}  // namespace

bool is_address(std::string_view store) {
  return store.starts_with("postgresql://") || store.starts_with("postgres://");
}

std::string shown(const std::string& address) {
  // The name of a user stays, what follows it does not; nor a password among the parameters.
  std::string out = address;
  const std::size_t begin = out.find("://") + 3;
  const std::size_t at = out.substr(0, out.find_first_of("/?", begin)).rfind('@');
  if (at != std::string::npos && at >= begin)
    if (const std::size_t colon = out.find(':', begin); colon < at) out.replace(colon + 1, at - colon - 1, "...");
  for (const std::string_view name : {"password=", "sslpassword="})
    for (const char before : {'?', '&'}) {
      const std::size_t found = out.find(before + std::string(name));
      if (found == std::string::npos) continue;
      const std::size_t value = found + 1 + name.size();
      const std::size_t end = out.find('&', value);
      out.replace(value, (end == std::string::npos ? out.size() : end) - value, "...");
    }
  return printable(out, 4096);
}

store::Store open(const std::string& address, remote::Remote& remote, const OpenOptions& options) {
  const Address parts = parse(address);
  auto index = std::make_unique<PostgresIndex>(std::make_unique<Postgres>(parts.database, parts.schema, options.stop),
                                               !in_folder(parts), options.read_only);
  if (!index->exists()) {
    if (!options.create || options.read_only)
      throw Error(ErrorKind::usage, fmt::format("there is no store in schema {} of {}", parts.schema, index->label()),
                  Remedy(Remedy::Action::store, {{"verb", "init"}}) + " makes one, and so does the first put");
    const std::optional<std::string> found = found_store(remote, parts);
    if (found && !options.adopt)
      throw Error(ErrorKind::usage, fmt::format("the objects in {} are those of another store", parts.objects),
                  Remedy("where that one's database is lost, ") +
                      Remedy(Remedy::Action::store, {{"verb", "check"}, {"rebuild", ""}}) + " makes an index of them");
    if (!found && options.adopt)
      throw Error(ErrorKind::usage, fmt::format("there are no objects of a store in {}", parts.objects), form);
    index->make(found ? *found : random_id(), parts.objects);
  }
  const std::string id = index->store_id();
  if (const std::string place = index->objects_place(); place != parts.objects)
    throw Error(ErrorKind::usage,
                fmt::format("this index is of the objects in {}, not of those in {}", printable(place, 4096),
                            printable(parts.objects, 4096)),
                "schema=NAME keeps another store's tables in the same database");
  if (parts.grace && !options.read_only) index->set_grace(*parts.grace);
  std::unique_ptr<store::Objects> objects;
  if (in_folder(parts)) {
    if (!options.read_only) write_format(parts.objects, id);
    if (found_store(remote, parts) != id)
      throw Error(ErrorKind::usage, fmt::format("the objects in {} are those of another store", parts.objects), form);
    objects = store::folder_objects(parts.objects, !options.read_only);
  } else {
    objects = remote_objects(remote, parts.objects, id, *index);
    const std::string folder = parts.cache ? *parts.cache : [&] {
      const std::string all = store::detail::cache_folder();
      return all.empty() ? std::string("none") : fmt::format("{}/fleet/{}", all, id.substr(0, 16));
    }();
    if (folder != "none") objects = cached_objects(std::move(objects), folder, parts.cache_bytes);
  }
  store::OpenOptions as;
  as.read_only = options.read_only;
  return store::Store::open(std::move(index), std::move(objects), as);
}

}  // namespace kvcache::fleet
