#include "fleet/objects_remote.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "kvcache/error.h"

namespace kvcache::fleet {
namespace {

using store::Objects;

/// What goes wrong, with the object's or the place's name before it.
template <typename F>
decltype(auto) about(const std::string& address, F&& call) {
  try {
    return call();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted || std::string_view(error.what()).find(address) != std::string_view::npos) throw;
    throw error.with_context(address);
  }
}

constexpr std::string_view format_line = "kvcache fleet store 1\n";

class RemoteObjects final : public Objects {
 public:
  RemoteObjects(remote::Remote& remote, std::string place, std::string store_id, Ledger& ledger)
      : remote_(remote), place_(std::move(place)), store_id_(std::move(store_id)), ledger_(ledger) {}

  [[nodiscard]] std::string label() const override { return place_; }

  // Services that keep an existing object whoever writes it are few: the ledger keeps two from writing one name at once.
  bool put(const std::string& name, const Writer& write) override {
    check_ours();
    const std::shared_ptr<void> alone = ledger_.alone(name);
    ledger_.renew(name);
    const bool there = size(name).has_value();
    if (!there) upload(name, write);
    ledger_.is_there(name);
    return !there;
  }

  void replace(const std::string& name, const Writer& write) override {
    check_ours();
    const std::shared_ptr<void> alone = ledger_.alone(name);
    ledger_.renew(name);
    upload(name, write);
    ledger_.is_there(name);
  }

  [[nodiscard]] std::shared_ptr<const ByteSource> open(const std::string& name) const override {
    const std::string address = address_of(name);
    return about(address, [&] { return remote_.open(address); });
  }

  [[nodiscard]] std::optional<std::uint64_t> size(const std::string& name) const override {
    const std::string address = address_of(name);
    return about(address, [&] { return remote_.size(address); });
  }

  void discard(std::span<const std::string> names) override {
    check_ours();
    std::vector<Ledger::Going> going;
    for (const std::string& name : names) {
      Ledger::Going one{name, 0, {}};
      // What no row had when it was listed was left by a put that was killed: its time began when it was written.
      if (const auto found = listed_.find(name); found != listed_.end()) {
        one.bytes = found->second.bytes;
        one.since = found->second.modified;
      }
      going.push_back(std::move(one));
    }
    ledger_.let_go(going);
  }

  std::uint64_t sweep() override { return sweep(false); }
  std::uint64_t purge() override { return sweep(true); }

  [[nodiscard]] std::shared_ptr<void> hold() const override { return nullptr; }

  void list(const std::function<void(const std::string& name, std::uint64_t bytes)>& found) const override {
    // Before it is listed: what is let go from then on has lost its row since.
    const std::set<std::string> going = ledger_.going();
    listed_.clear();
    each_listed([&](const std::string& folder, const std::string& name, const remote::Listed& one) {
      if (!is_object_name(name) || name.substr(0, 2) != folder || going.contains(name)) return;
      listed_.emplace(name, one);
      found(name, one.bytes);
    });
  }

  [[nodiscard]] std::vector<std::string> strangers() const override {
    std::vector<std::string> out;
    each_listed([&](const std::string& folder, const std::string& name, const remote::Listed& /*one*/) {
      if (!is_object_name(name) || name.substr(0, 2) != folder) out.push_back(fmt::format("{}/{}", folder, name));
    });
    return out;
  }

  // An upload that broke off leaves nothing that is called as an object.
  void clean() override {}

  [[nodiscard]] std::optional<std::pair<std::uint64_t, std::uint64_t>> space() const override { return std::nullopt; }

 private:
  [[nodiscard]] std::string address_of(const std::string& name) const {
    return fmt::format("{}/objects/{}/{}", place_, name.substr(0, 2), name);
  }

  void upload(const std::string& name, const Writer& write) {
    const std::string address = address_of(name);
    about(address, [&] {
      const auto sink = remote_.create(address, true);
      try {
        write(*sink);
      } catch (...) {
        sink->abort();
        throw;
      }
    });
  }

  /// Once, before anything is changed: another index that took these objects for its own would remove them as leftovers.
  void check_ours() {
    if (ours_) return;
    const std::optional<std::string> found = store_of(remote_, place_);
    if (!found) {
      about(place_ + "/FORMAT", [&] {
        const auto sink = remote_.create(place_ + "/FORMAT", true);
        const std::string text = format_text(store_id_);
        sink->write_at(0, std::as_bytes(std::span(text)));
        sink->commit();
      });
    } else if (*found != store_id_) {
      throw Error(ErrorKind::usage, fmt::format("the objects in {} are those of another store", place_),
                  "objects=s3://BUCKET/PREFIX names a place of this store's own");
    }
    ours_ = true;
  }

  std::uint64_t sweep(bool now) {
    try {
      return ledger_.sweep([this](const std::string& name) { remote_.remove(address_of(name)); }, now);
    } catch (const Error& error) {
      // What cannot be removed now is removed by the next one; a put that has succeeded must not fail for it.
      if (error.kind() == ErrorKind::interrupted || now) throw;
      return 0;
    }
  }

  template <typename F>
  void each_listed(F&& found) const {
    const std::string folder = place_ + "/objects/";
    for (const remote::Listed& one : about(folder, [&] { return remote_.list(folder); })) {
      const std::string rest = one.name.substr(folder.size());
      const std::size_t slash = rest.find('/');
      if (slash == std::string::npos) {
        found(std::string(), rest, one);
      } else {
        found(rest.substr(0, slash), rest.substr(slash + 1), one);
      }
    }
  }

  remote::Remote& remote_;
  std::string place_;
  std::string store_id_;
  Ledger& ledger_;
  bool ours_ = false;
  mutable std::map<std::string, remote::Listed> listed_;  // by list()
};

}  // namespace

bool is_object_name(std::string_view name) {
  constexpr std::string_view suffix = ".safetensors";
  return name.size() > 65 + suffix.size() && name.ends_with(suffix) && name[64] == '.' &&
         std::all_of(name.begin(), name.begin() + 64, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string format_text(const std::string& store_id) {
  return fmt::format("{}{}\n", format_line, store_id);
}

std::optional<std::string> store_of_format(std::string_view text) {
  if (!text.starts_with(format_line) || !text.ends_with('\n') || text.size() < format_line.size() + 2) return std::nullopt;
  text.remove_prefix(format_line.size());
  text.remove_suffix(1);
  return std::string(text);
}

std::optional<std::string> store_of(remote::Remote& remote, const std::string& place) {
  const std::string name = place + "/FORMAT";
  const auto text = about(name, [&]() -> std::optional<std::string> {
    if (!remote.exists(name)) return std::nullopt;
    const auto source = remote.open(name);
    constexpr std::uint64_t most = 4096;
    std::string read(std::min<std::uint64_t>(source->size(), most), '\0');
    source->read_at(0, std::as_writable_bytes(std::span(read)));
    return read;
  });
  if (!text) return std::nullopt;
  auto id = store_of_format(*text);
  if (!id) throw Error(ErrorKind::unreadable, fmt::format("{} is none that this tool knows", name), "use a newer kvcache");
  return id;
}

std::unique_ptr<Objects> remote_objects(remote::Remote& remote, std::string place, std::string store_id, Ledger& ledger) {
  return std::make_unique<RemoteObjects>(remote, std::move(place), std::move(store_id), ledger);
}

}  // namespace kvcache::fleet
