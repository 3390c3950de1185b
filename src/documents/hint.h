// A remedy as hints say it: commands to paste, with the names of the files at work in them.
#pragma once

#include <string>

#include "kvcache/remedy.h"
#include "kvcache/verify.h"

namespace kvcache::documents {

/// "`kvcache convert chat.safetensors --to mlx-lm -o chat-new.safetensors` writes the class it is". Without a file, and for
/// standard input, which has no name, the word FILE stands for it and OUT for a new one. A command by itself is not quoted.
[[nodiscard]] std::string hint_of(const Remedy& remedy, const std::string& file);

/// The command that makes a file which is loaded, or nothing.
[[nodiscard]] std::string fix_of(const LoadVerdict& verdict, const std::string& file);

/// A note in one sentence, with the command that helps.
[[nodiscard]] std::string sentence_of(const UsageNote& note, const std::string& file);

}  // namespace kvcache::documents
