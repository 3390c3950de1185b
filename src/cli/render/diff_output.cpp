#include "cli/render/diff_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "analysis/relation.h"
#include "cli/render/sparkline.h"
#include "cli/render/table.h"
#include "cli/terminal/words.h"

namespace kvcache::cli {
namespace {

std::string_view format_of(const Document& document) {
  return document.format == nullptr ? "mixed" : document.format->id;
}

Json value_json(const ValueDifference& v) {
  if (!v.why_not.empty()) return {{"part", v.part}, {"not_compared", v.why_not}};
  return {{"part", v.part},
          {"elements", v.elements},
          {"differing", v.differing},
          {"first_token", json_of(v.first_token)},
          {"sequence", json_of(v.sequence)},
          {"max_error", json_of(v.max_abs_error)},
          {"rms_error", json_of(v.rms_error)}};
}

// Integers that differ have no error: they are codes and counts, not measurements.
std::string error_text(double error) {
  return std::isnan(error) ? "" : fmt::format("{:.3g}", error);
}

std::string token_text(const ValueDifference& v) {
  if (!v.first_token) return "";
  return v.sequence ? fmt::format("{} of seq {}", *v.first_token, *v.sequence) : std::to_string(*v.first_token);
}

std::string value_table(const Context& context, const Comparison& comparison) {
  using Align = Table::Align;
  Table table({{"layer", Align::right},
               {"", Align::left},
               {"token", Align::right},
               {"differ", Align::right},
               {"max err", Align::right},
               {"RMS err", Align::right},
               {"over the tokens", Align::left}},
              0, Table::Last::whole);  // wrapping would drop the blanks in front of a sparkline
  bool any = false;
  std::string incomparable;
  for (const LayerDifference& layer : comparison.layers) {
    std::string label = std::to_string(layer.layer);
    for (const ValueDifference& v : layer.values) {
      if (!v.why_not.empty()) {
        incomparable += hanging(fmt::format("layer {} {}: {}", layer.layer, v.part, v.why_not), line_width(stdout)) + '\n';
        continue;
      }
      if (v.differing == 0) continue;
      any = true;
      table.add({label, v.part, token_text(v),
                 fmt::format("{:.1f} %", 100.0 * static_cast<double>(v.differing) / static_cast<double>(v.elements)),
                 error_text(v.max_abs_error), error_text(v.rms_error), sparkline(v.profile)});
      label.clear();
    }
  }
  return incomparable + (any ? table.text(Style(context, stdout)) : std::string());
}

/// A difference and how many further layers have the same one.
struct RepeatedDifference {
  const Difference* first;
  std::size_t more = 0;
};

// A hundred layers usually differ in the same way: it is said once, where it comes first.
std::vector<RepeatedDifference> grouped(const std::vector<Difference>& differences) {
  std::vector<RepeatedDifference> groups;
  std::map<std::tuple<std::string_view, std::string_view, std::string_view>, std::size_t> seen;
  for (const Difference& d : differences) {
    if (d.where.layer()) {
      const auto [known, added] = seen.try_emplace({d.what, d.a, d.b}, groups.size());
      if (!added) {
        ++groups[known->second].more;
        continue;
      }
    }
    groups.push_back({&d});
  }
  return groups;
}

std::string sentence(const std::string& text) {
  return hanging(text, line_width(stdout)) + '\n';
}

/// What people ask of two caches of one conversation.
std::string without_its_end(const Document& shorter, const Document& longer, const detail::Relation& relation) {
  return sentence(fmt::format("{} is {} without its last {}: the first {} are the same", shown_path(shorter.file.path()),
                              shown_path(longer.file.path()), count_of(static_cast<std::uint64_t>(relation.further), "token"),
                              relation.common));
}

std::string first_difference(std::int64_t token) {
  if (token == 0) return sentence("they differ from the first token on");
  return sentence(fmt::format("the first {} the same; they differ from token {} on",
                              token == 1 ? "token is" : fmt::format("{} tokens are", token), token));
}

}  // namespace

Json diff_json(const Document& a, const Document& b, const Comparison& comparison) {
  Json differences = Json::array();
  for (const Difference& d : comparison.differences)
    differences.push_back({{"where", d.where.text()}, {"what", d.what}, {"a", d.a}, {"b", d.b}, {"storage", d.storage}});
  Json layers = Json::array();
  for (const LayerDifference& layer : comparison.layers) {
    Json values = Json::array();
    for (const ValueDifference& v : layer.values) values.push_back(value_json(v));
    layers.push_back({{"index", layer.layer}, {"name", layer.name}, {"values", std::move(values)}});
  }
  const detail::Relation relation = detail::relation_of(a.cache, b.cache, comparison);
  const bool prefix = relation.kind == detail::Relation::Kind::beginning || relation.kind == detail::Relation::Kind::more;
  return {{"schema", "kvcache.diff/1"},
          {"a", {{"path", a.file.path()}, {"format", format_of(a)}}},
          {"b", {{"path", b.file.path()}, {"format", format_of(b)}}},
          {"equal", comparison.equal()},
          {"relation", detail::name_of(relation.kind)},
          {"common_tokens", prefix ? Json(relation.common) : Json(nullptr)},
          {"first_differing_token", json_of(relation.first_differing)},
          {"differences", std::move(differences)},
          {"layers", std::move(layers)}};
}

std::string diff_text(const Context& context, const Document& a, const Document& b, const Comparison& comparison) {
  std::string out;
  const auto line = [&](const std::string& text) { out += hanging(text, line_width(stdout)) + '\n'; };
  if (format_of(a) != format_of(b)) line(fmt::format("format: {} and {} (compared by meaning)", format_of(a), format_of(b)));
  const detail::Relation relation = detail::relation_of(a.cache, b.cache, comparison);
  if (relation.kind == detail::Relation::Kind::beginning) return out + without_its_end(b, a, relation);
  if (relation.kind == detail::Relation::Kind::more) return out + without_its_end(a, b, relation);
  if (relation.first_differing) out += first_difference(*relation.first_differing);
  for (const RepeatedDifference& group : grouped(comparison.differences)) {
    const Difference& d = *group.first;
    line(
        fmt::format("{}{}{}: {} and {}{}", d.where.text(), d.where.empty() ? "" : " ", d.what, d.a, d.b,
                    group.more == 0 ? "" : fmt::format(" (and {} more {})", group.more, group.more == 1 ? "layer" : "layers")));
  }
  out += value_table(context, comparison);
  if (comparison.equal()) {
    std::uint64_t elements = 0;
    double largest = 0;
    for (const LayerDifference& layer : comparison.layers) {
      for (const ValueDifference& v : layer.values) {
        elements += v.elements;
        largest = std::max(largest, v.max_abs_error);
      }
    }
    line(fmt::format("no difference{} in {} of {}{}", comparison.tolerant ? " beyond the tolerance" : "",
                     count_of(elements, "value"), count_of(comparison.layers.size(), "layer"),
                     largest > 0 ? fmt::format("; the largest is {:.3g}", largest) : ""));
  }
  return out;
}

}  // namespace kvcache::cli
