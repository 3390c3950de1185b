#include "cli/docs/complete.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iterator>

#include "cli/docs/command_words.h"
#include "cli/docs/explain_word.h"
#include "cli/docs/help.h"
#include "cli/docs/stored_words.h"
#include "cli/render/inspect.h"
#include "kvcache/error.h"
#include "kvcache/format.h"
#include "kvcache/release.h"

namespace kvcache::cli {
namespace {

struct Candidate {
  std::string value;
  std::string description;
};

struct Answer {
  std::string_view kind = "values";
  std::vector<Candidate> candidates = {};
};

constexpr std::string_view classes[] = {"KVCache", "RotatingKVCache:", "QuantizedKVCache:", "ChunkedKVCache:", "ArraysCache:"};

// Values that are files.
constexpr std::string_view files[] = {"FILE", "OUT", "U", "config.json"};

Answer formats(std::string_view flag) {
  const bool writable = flag == "--to";
  Answer answer;
  for (const Dialect& d : dialects()) {
    if (writable && !d.writable) continue;
    answer.candidates.push_back({std::string(d.id), ""});
  }
  for (const Release& r : releases())
    if (!writable || dialect(r.era).writable) {
      const std::string_view id = dialect(r.era).id;
      answer.candidates.push_back({fmt::format("{}@{}", id.substr(0, id.find('@')), to_string(r.version)), std::string(id)});
    }
  for (const std::string_view family : {"mlx-lm", "mlx-swift-lm", "mlxrs"})
    answer.candidates.push_back({std::string(family), std::string(find_dialect(family).id)});
  if (flag == "--for") answer.candidates.push_back({"all", "every runtime"});
  return answer;
}

Answer words_of(const std::vector<std::string>& words) {
  Answer answer;
  for (const std::string& word : words) answer.candidates.push_back({word, {}});
  return answer;
}

// What only the file on the line can tell. A file that cannot be read offers nothing.
Answer from_file(const CommandWords& line, const std::function<void(const Document&, Answer&)>& look) {
  Answer answer;
  if (line.operands.empty() || line.operands.front() == "-") return answer;
  try {
    look(read_document(line.operands.front()), answer);
  } catch (const Error&) {
    answer.candidates.clear();
  }
  return answer;
}

void add_layers(const Document& document, Answer& answer) {
  const auto& layers = document.cache.layers;
  for (std::size_t i = 0; i < layers.size(); ++i)
    answer.candidates.push_back({std::to_string(i), layer_kind(layers[i]->facts())});
}

void add_sequences(const Document& document, Answer& answer) {
  for (std::int64_t i = 0; i < batch_size(document.cache); ++i) answer.candidates.push_back({std::to_string(i), "sequence"});
}

void add_metadata_keys(const Document& document, Answer& answer) {
  for (const auto& [key, value] : document.cache.metadata)
    if (printable(key, key.size()) == key) answer.candidates.push_back({key, printable(value, 40)});
}

Answer from_store(const CommandWords& line, StoredKind kind, const std::string& word) {
  Answer answer;
  for (StoredWord& one : stored_words(kind, value_on(line, "--store"), word))
    answer.candidates.push_back({std::move(one.value), std::move(one.description)});
  return answer;
}

// The last item of a list is the one being typed: "0,5-" offers "0,5-6".
Answer as_list(Answer answer, const std::string& word, std::string_view separators) {
  const std::size_t last = word.find_last_of(separators);
  if (last == std::string::npos) return answer;
  for (Candidate& candidate : answer.candidates) candidate.value.insert(0, word.substr(0, last + 1));
  return answer;
}

// By the name of the value that help shows: it is what commands call the same things by.
Answer values_of(const CommandWords& line, const CLI::Option& option, const std::string& word) {
  const ValueName value = value_name(option);
  const std::string flag = option.get_positional() ? std::string() : flag_names(option).back();
  if (flag == "--store") return {"folders"};  // DIR|URL are no words to choose from
  if (!value.choices.empty()) return words_of(value.choices);
  if (value.name == "ID") return formats(flag);
  if (value.name == "WHAT") return words_of(explained_words());
  if (flag == "--bits" || flag.ends_with("-bits")) return words_of({"2", "3", "4", "5", "6", "8"});
  if (flag == "--group-size") return words_of({"32", "64", "128"});
  if (flag == "--layer") return from_file(line, add_layers);
  if (flag == "--layers" && value.name == "SPEC") return as_list(from_file(line, add_layers), word, ",-!");
  if (flag == "--index") return from_file(line, add_sequences);
  if (flag == "--keep" && value.name != "K") return as_list(from_file(line, add_sequences), word, ",");
  if (value.name == "WORDS")
    return line.operands.size() > 1 && (line.operands[1] == "get" || line.operands[1] == "unset")
               ? from_file(line, add_metadata_keys)
               : Answer{"nothing"};
  if (flag == "--children") {
    Answer answer;
    for (const std::string_view name : classes) answer.candidates.push_back({std::string(name), {}});
    return as_list(std::move(answer), word, ",");
  }
  if (value.name == "ENTRY") return from_store(line, StoredKind::entry, word);
  if (flag == "--label") return from_store(line, StoredKind::label, word);
  if (flag == "--namespace") return from_store(line, StoredKind::space, word);
  if (value.name == "DIR" || value.name == "MODEL") return {"folders"};
  // The token ids of a prompt; elsewhere T is a number.
  if (value.name == "T" && line.app->get_parent() != nullptr && line.app->get_parent()->get_name() == "store") return {"files"};
  // Numbers and names are what is left.
  const bool path = option.get_positional() || std::find(std::begin(files), std::end(files), value.name) != std::end(files);
  return {path ? "files" : "nothing"};
}

Answer option_words(const CLI::App& app) {
  Answer answer;
  for (const CLI::App* where = &app; where != nullptr; where = where->get_parent()) {
    for (const CLI::Option* option : where->get_options({})) {
      // --help of a command is the tool's, too.
      if (where != &app && find_option(app, flag_names(*option).back()) != option) continue;
      if (!option->get_positional()) answer.candidates.push_back({flag_names(*option).back(), option->get_description()});
    }
  }
  return answer;
}

Answer command_answer(const CLI::App& root) {
  Answer answer;
  for (const CLI::App* command : root.get_subcommands([](const CLI::App* c) { return !c->get_group().empty(); }))
    answer.candidates.push_back({command->get_name(), command->get_description()});
  return answer;
}

Answer answer_for(const CommandWords& line, const std::string& word) {
  if (line.app == nullptr) return {"nothing"};
  if (line.option != nullptr) return values_of(line, *line.option, word);
  if (!line.only_operands && word.starts_with('-')) {
    const std::size_t equals = word.find('=');
    if (!word.starts_with("--") || equals == std::string::npos) return option_words(*line.app);
    const CLI::Option* option = find_option(*line.app, word.substr(0, equals));
    if (option == nullptr || !takes_value(*option)) return {"nothing"};
    Answer answer = values_of(line, *option, word.substr(equals + 1));
    for (Candidate& candidate : answer.candidates) candidate.value.insert(0, word.substr(0, equals + 1));
    return answer;
  }
  if (has_commands(*line.app)) return command_answer(*line.app);
  const CLI::Option* argument = find_argument(*line.app, line.operands.size());
  return argument == nullptr ? Answer{"nothing"} : values_of(line, *argument, word);
}

}  // namespace

std::string unquoted(const std::string& word) {
  std::string out;
  char quote = 0;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const char c = word[i];
    if (c == '\\' && quote != '\'' && i + 1 < word.size()) {
      out += word[++i];
    } else if (quote != 0 ? c == quote : c == '"' || c == '\'') {
      quote = quote != 0 ? '\0' : c;
    } else {
      out += c;
    }
  }
  return out;
}

std::string complete(const CLI::App& app, const std::string& shell, std::vector<std::string> words) {
  if (words.empty()) words.emplace_back();
  // Nothing of ours sets variables, so reading one is safe.
  const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe)
  for (std::string& word : words) {
    const bool tilde = word.starts_with("~/") && home != nullptr;
    if (shell == "bash") word = unquoted(word);
    if (tilde) word.replace(0, 1, home);
  }
  const std::string last = std::move(words.back());
  words.pop_back();
  const Answer answer = answer_for(read_words(app, words), last);
  std::string out = std::string(answer.kind) + '\n';
  for (const Candidate& candidate : answer.candidates)
    if (candidate.value.starts_with(last)) out += fmt::format("{}\t{}\n", candidate.value, candidate.description);
  return out;
}

}  // namespace kvcache::cli
