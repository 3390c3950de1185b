#include "documents/hint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/remote_name.h"
#include "kvcache/printable.h"

namespace kvcache::documents {
namespace {

// Of what lies elsewhere, but s3://, in the folder where one is.
std::string new_name(std::string_view file) {
  const std::string local = detail::local_name(file);
  if (detail::is_remote_name(file) && !file.starts_with("s3://")) file = local;
  for (const std::string_view suffix : {".gz", ".safetensors"})
    if (file.size() > suffix.size() && file.ends_with(suffix)) file.remove_suffix(suffix.size());
  return std::string(file) + "-new.safetensors";
}

void replace(std::string& text, std::string_view word, const std::string& name) {
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + name.size()))
    text.replace(at, word.size(), name);
}

struct Verb {
  Remedy::Action action;
  std::string_view before;  ///< up to the options
  std::string_view after;   ///< behind them
};

constexpr std::string_view out = " -o OUT";
constexpr std::array verbs = {
    Verb{Remedy::Action::inspect, "inspect FILE", ""},
    Verb{Remedy::Action::verify, "verify FILE", ""},
    Verb{Remedy::Action::convert, "convert FILE", out},
    Verb{Remedy::Action::quantize, "quantize FILE", out},
    Verb{Remedy::Action::dequantize, "dequantize FILE", out},
    Verb{Remedy::Action::trim, "trim FILE", out},
    Verb{Remedy::Action::repair, "repair FILE", out},
    Verb{Remedy::Action::extract_all, "extract FILE --all", " -o sequences"},
    Verb{Remedy::Action::extract, "extract FILE", out},
    Verb{Remedy::Action::stamp, "stamp FILE", out},
    Verb{Remedy::Action::set_metadata, "metadata FILE set", " --in-place"},
    Verb{Remedy::Action::unset_metadata, "metadata FILE unset", " --in-place"},
    Verb{Remedy::Action::store, "store", ""},
    Verb{Remedy::Action::formats, "formats", ""},
    Verb{Remedy::Action::models, "models", ""},
    Verb{Remedy::Action::extend, "extend", ""},
    Verb{Remedy::Action::merge, "merge", ""},
};

/// Options whose name on the command line is not the field's.
std::string flag_of(std::string_view argument) {
  if (argument == "overwrite") return "--force";
  if (argument == "count") return "-n";
  if (argument == "recursive") return "-r";
  std::string flag = fmt::format("--{}", argument);
  std::ranges::replace(flag, '_', '-');
  return flag;
}

std::string options_of(const std::vector<Remedy::Argument>& arguments) {
  std::string text;
  for (const auto& [argument, value] : arguments) {
    if (argument == "file" || argument == "class") continue;
    text += ' ' + flag_of(argument);
    if (!value.empty()) text += ' ' + shell_word(value);
  }
  return text;
}

/// KEY=VALUE of user metadata. A value that is in the model's folder alone is taken from there.
std::string entries_of(const Remedy::Part& part) {
  std::string text;
  for (const auto& [key, value] : part.arguments) {
    if (part.action == Remedy::Action::unset_metadata) {
      text += ' ' + shell_word(key);
    } else if (key == "chat_template" && value.empty()) {
      text += " \"chat_template=$(jq .chat_template MODEL/tokenizer_config.json)\"";
    } else {
      text += ' ' + shell_word(fmt::format("{}={}", key, value));
    }
  }
  return text;
}

std::string command_of(const Remedy::Part& part) {
  const auto* const verb = std::ranges::find(verbs, part.action, &Verb::action);
  if (verb == verbs.end()) return options_of(part.arguments).substr(1);  // the same command again, with them
  if (part.action == Remedy::Action::store) {
    std::string words = "kvcache store";
    std::vector<Remedy::Argument> options;
    for (const Remedy::Argument& argument : part.arguments) {
      if (argument.first == "verb" || argument.first == "entry")
        words += ' ' + shell_word(argument.second);
      else
        options.push_back(argument);
    }
    return words + options_of(options);
  }
  const bool metadata = part.action == Remedy::Action::set_metadata || part.action == Remedy::Action::unset_metadata;
  std::string before(verb->before);
  for (const auto& [argument, value] : part.arguments) {
    if (argument == "class") replace(before, " FILE", fmt::format(" --class {} FILE", shell_word(value)));  // what it is to be
    if (argument == "file") replace(before, " FILE", fmt::format(" {}", shell_path(value)));  // instead of the one at hand
  }
  return fmt::format("kvcache {}{}{}", before, metadata ? entries_of(part) : options_of(part.arguments), verb->after);
}

// Last, so that the names in what others worded are those at hand, too.
std::string with_names(std::string text, const std::string& file) {
  if (file.empty() || file == "-") return text;
  replace(text, "-o OUT", fmt::format("-o {}", shell_path(new_name(file))));
  // What lies elsewhere is not replaced: an object gets a new name, and everything else a file.
  if (detail::is_remote_name(file)) replace(text, "--in-place", fmt::format("-o {}", shell_path(new_name(file))));
  replace(text, " FILE", fmt::format(" {}", shell_path(detail::without_secrets(file))));
  return text;
}

}  // namespace

std::string hint_of(const Remedy& remedy, const std::string& file) {
  const std::vector<Remedy::Part>& parts = remedy.parts();
  std::string text;
  for (const Remedy::Part& part : parts) {
    if (part.action == Remedy::Action::none) {
      text += part.words;
    } else {
      // Marked off from the words around it; by itself it is a command and nothing else.
      const bool marked = parts.size() > 1 && part.action != Remedy::Action::repeat;
      text += marked ? '`' + command_of(part) + '`' : command_of(part);
    }
  }
  return with_names(std::move(text), file);
}

std::string fix_of(const LoadVerdict& verdict, const std::string& file) {
  std::string text;
  for (const Remedy::Part& part : verdict.fix.parts())
    text += part.action == Remedy::Action::none ? part.words : command_of(part);
  return with_names(std::move(text), file);
}

std::string sentence_of(const UsageNote& note, const std::string& file) {
  return note.remedy.empty() ? note.what : hint_of(note.what + "; " + note.remedy, file);
}

}  // namespace kvcache::documents
