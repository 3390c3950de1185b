// What to do about a finding, a failure or a refusal: as data.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace [[gnu::visibility("default")]] kvcache {

/// What to do about something, in the order in which it is to be read: words, and operations with their arguments. How a
/// program offers an operation is its own matter: the tool words it as a command that can be pasted, a window may show a
/// button.
class Remedy {
 public:
  /// Operations. Values are part of the binary interface: none is changed or used again, new ones come at the end.
  enum class Action {
    none = 0,             ///< words alone
    repeat = 1,           ///< the same call again with these options: overwrite, allow_overflow, layers
    inspect = 2,          ///< look at what is stored: tensors
    verify = 3,           ///< list every finding
    convert = 4,          ///< to, dtype, class, children: in another format, dtype or class
    quantize = 5,         ///< bits, group_size, layers
    dequantize = 6,       ///< dtype
    trim = 7,             ///< to: tokens that stay; count: tokens that go
    repair = 8,           ///< what the file itself tells how to mend
    extract_all = 9,      ///< a file for each sequence of a batch
    extract = 10,         ///< index: one sequence of a batch
    stamp = 11,           ///< tokens: write a new stamp
    set_metadata = 12,    ///< user metadata: keys and their values
    unset_metadata = 13,  ///< user metadata: keys
    store = 14,           ///< of the prefix store: verb (check, ls, init, ...), entry, and options of the verb
    formats = 15,         ///< see which formats there are
    models = 16,          ///< see which types of models are known
    extend = 17,          ///< join batches
    merge = 18,           ///< make a batch of single sequences
  };
  /// A name as in the field ("group_size") with its value; without one it is a switch. "file" is another one than that at hand.
  using Argument = std::pair<std::string, std::string>;
  /// Words or an operation, never both.
  struct Part {
    std::string words;                ///< printable; empty for an operation
    Action action = Action::none;     ///< none: words
    std::vector<Argument> arguments;  ///< of the operation
  };

  /// Nothing to be done.
  Remedy() = default;
  /// Words alone; none for an empty text.
  Remedy(std::string words);                                      // NOLINT(google-explicit-constructor): advice is a remedy
  Remedy(std::string_view words) : Remedy(std::string(words)) {}  ///< Words alone. NOLINT(google-explicit-constructor)
  Remedy(const char* words) : Remedy(std::string(words)) {}       ///< Words alone. NOLINT(google-explicit-constructor)
  /// An operation alone.
  explicit Remedy(Action action, std::vector<Argument> arguments = {});

  /// Whether there is nothing to be done.
  [[nodiscard]] bool empty() const noexcept { return parts_.empty(); }
  /// In the order in which they are to be read; words bring their spaces along.
  [[nodiscard]] const std::vector<Part>& parts() const noexcept { return parts_; }
  /// The first operation, or nullptr where there is none.
  [[nodiscard]] const Part* operation() const noexcept;
  /// For logs and debuggers: operations as "convert(to=mlx-lm@0.31)".
  [[nodiscard]] std::string text() const;

  /// What comes after it.
  Remedy& operator+=(const Remedy& more);
  /// Both, one after the other.
  friend Remedy operator+(Remedy first, const Remedy& second) {
    first += second;
    return first;
  }

 private:
  std::vector<Part> parts_;
};

/// The name of an operation: "convert", "set_metadata"; "words" for none.
[[nodiscard]] std::string_view action_name(Remedy::Action action) noexcept;

}  // namespace kvcache
