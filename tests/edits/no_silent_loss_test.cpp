// No command makes a cache hold less than before unless its summary says so. Random command lines run on random caches, in this
// process; input and output are decoded, and every token that should still be there is looked for, with its row.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <map>

#include "cli/command_line.h"
#include "cli/terminal/say.h"
#include "files.h"
#include "held_tokens.h"
#include "kvcache/quantize_cache.h"
#include "kvcache/transform.h"
#include "kvcache/verify.h"
#include "random_cache.h"
#include "support/folder.h"

namespace kvcache {
namespace {

using Words = std::vector<std::string>;
using Numbers = std::vector<std::int64_t>;

std::int64_t number(std::int64_t from, std::int64_t to) {
  return *rc::gen::inRange(from, to + 1);
}
bool coin() {
  return number(0, 1) == 1;
}

/// Sound caches of one kind of content throughout, of head dim 32 with finite values, so that every command has some it can
/// edit.
class EditableCache {
 public:
  PromptCache draw() {
    PromptCache cache;
    const std::int64_t kind = number(0, 5);
    tokens_ = number(1, 12);
    window_ = number(3, 14);
    for (std::int64_t n = number(1, 3); n > 0; --n) cache.layers.push_back(layer(kind));
    // llama4 and gemma have layers of everything between those of windows and chunks.
    if (kind == 1 || kind == 3) cache.layers.push_back(plain(tokens_));
    if (kind == 5) cache.layers.push_back(state());
    cache.metadata["model"] = "example/tiny";
    return cache;
  }

 private:
  using Made = std::unique_ptr<Cache>;

  Tensor floats(std::int64_t batch, std::int64_t rows) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(batch * rows * 32 * 2));
    for (std::size_t i = 0; i < bytes.size(); i += 2) {
      const std::uint16_t half = f32_to_f16(static_cast<float>((seed_ = seed_ * 1664525U + 1013904223U) >> 20U) / 1024 - 2);
      std::memcpy(bytes.data() + i, &half, 2);
    }
    return Tensor::of_bytes(Dtype::F16, {batch, 1, rows, 32}, std::move(bytes));
  }

  Made plain(std::int64_t tokens) {
    return std::make_unique<KVCache>(KVCache::State{floats(1, tokens), floats(1, tokens), "KVCache"});
  }

  Made layer(std::int64_t kind) {
    switch (kind) {
      case 1:
        return windowed();
      case 2:
        return quantized();
      case 3:
        return chunked();
      case 4:
        return batched(coin());
      default:
        return plain(tokens_);
    }
  }

  Made windowed() {
    auto ring = std::make_unique<RotatingKVCache>(window_, number(0, std::min<std::int64_t>(2, window_ - 1)));
    for (std::int64_t left = tokens_; left > 0;) {
      const std::int64_t step = number(1, left);
      ring->update(floats(1, step), floats(1, step));
      left -= step;
    }
    return ring;
  }

  Made quantized() {
    PromptCache cache;
    cache.layers.push_back(plain(tokens_));
    QuantizeRequest request;
    request.bits = 4;
    request.group_size = 32;
    static_cast<void>(quantize_prompt_cache(cache, request));
    QuantizedKVCache::State codes = dynamic_cast<const QuantizedKVCache&>(*cache.layers[0]).state();
    if (number(0, 2) == 0) codes.offset = number(0, tokens_);  // a lost one, as a rule
    return std::make_unique<QuantizedKVCache>(std::move(codes));
  }

  Made chunked() {
    if (!chunk_) chunk_ = number(2, 6);
    auto chunk = std::make_unique<ChunkedKVCache>(*chunk_);
    for (std::int64_t at = 0; at < tokens_; ++at) chunk->update(floats(1, 1), floats(1, 1));
    return chunk;
  }

  Made batched(bool windows) {
    std::vector<Made> singles;
    std::vector<const Cache*> pointers;
    while (lengths_.size() < 3) lengths_.push_back(lengths_.empty() ? tokens_ : number(1, tokens_));
    for (const std::int64_t tokens : lengths_) {
      singles.push_back(plain(tokens));
      if (windows) {
        auto ring = std::make_unique<RotatingKVCache>(20, 0);
        ring->update(floats(1, tokens), floats(1, tokens));
        singles.back() = std::move(ring);
      }
      pointers.push_back(singles.back().get());
    }
    return singles.front()->merge(pointers);
  }

  Made state() {
    ArraysCache::State slots;
    slots.slots = {floats(1, 2), floats(1, 3)};
    return std::make_unique<ArraysCache>(std::move(slots));
  }

  std::int64_t tokens_ = 0;
  std::int64_t window_ = 0;
  Numbers lengths_;  ///< of the sequences of a batch, the same in every layer
  std::optional<std::int64_t> chunk_;
  std::uint32_t seed_ = 1;
};

/// What a command should have left of a sequence.
struct Expected {
  std::size_t sequence;       ///< of the input
  std::int64_t tokens;        ///< the first so many
  bool said_to_drop = false;  ///< the summary may own up to rows that went
};

struct CommandLine {
  Words words;
  /// For each sequence of an output layer, what it should hold.
  std::function<std::vector<Expected>(const test::HeldLayer& before)> leaves;
  bool same_values = true;  ///< rows are bit for bit those of before
};

std::vector<Expected> everything(const test::HeldLayer& before) {
  std::vector<Expected> all;
  for (std::size_t i = 0; i < before.sequences.size(); ++i) all.push_back({i, before.sequences[i].tokens});
  return all;
}

bool is_batch(const PromptCache& cache) {
  return !cache.layers.empty() &&
         any_leaf(*cache.layers[0], [](const Cache& leaf) { return leaf.facts().offsets.has_value(); });
}

CommandLine draw_command(const PromptCache& cache) {
  const auto text = [](std::int64_t n) { return std::to_string(n); };
  switch (is_batch(cache) ? *rc::gen::element(0, 1, 4, 7, 8, 9) : number(0, 9)) {
    case 0: {
      const std::int64_t n = number(0, 8);
      return {{"trim", "-n", text(n)}, [n](const test::HeldLayer& before) {
                auto all = everything(before);
                for (Expected& one : all) one.tokens -= std::min(n, one.tokens);
                return all;
              }};
    }
    case 1: {
      const std::int64_t length = number(0, 10);
      return {{"trim", "--to", text(length)}, [length](const test::HeldLayer& before) {
                auto all = everything(before);
                for (Expected& one : all) one.tokens = std::min(length, one.tokens);
                return all;
              }};
    }
    case 2:
      return {{"dequantize"}, everything, false};
    case 3: {
      CommandLine line{{"quantize", "--bits", "8", "--group-size", "32"}, everything, false};
      if (coin()) line.words.emplace_back("--requantize");
      if (coin()) line.words.insert(line.words.end(), {"--layers", coin() ? "-1" : "!last"});
      return line;
    }
    case 4:
      return {{"convert", "--to", *rc::gen::elementOf(Words{"mlx-lm", "mlx-lm@0.31", "mlx-swift-lm", "mlxrs"})}, everything};
    case 5:
      return {{"convert", "--class", "KVCache"}, everything};
    case 6: {
      return {{"convert", "--class", "RotatingKVCache", "--max-size", text(number(3, 9)), "--keep", text(number(0, 2))},
              [](const test::HeldLayer& before) {
                auto all = everything(before);
                for (Expected& one : all) one.said_to_drop = true;
                return all;
              }};
    }
    case 7: {
      const Numbers keep = *rc::gen::container<Numbers>(2, rc::gen::inRange<std::int64_t>(0, 3));
      return {{"filter", "--keep", text(keep[0]) + "," + text(keep[1])}, [keep](const test::HeldLayer& before) {
                std::vector<Expected> some;
                for (const std::int64_t i : keep) {
                  const auto index = static_cast<std::size_t>(i);
                  if (index < before.sequences.size()) some.push_back({index, before.sequences[index].tokens});
                }
                return some;
              }};
    }
    case 8: {
      const std::int64_t index = number(0, 2);
      return {{"extract", "-i", text(index)}, [index](const test::HeldLayer& before) {
                const auto i = static_cast<std::size_t>(index);
                std::vector<Expected> one;
                if (i < before.sequences.size()) one.push_back({i, before.sequences[i].tokens});
                return one;
              }};
    }
    default:
      return {{"unrotate"}, everything};
  }
}

class NoSilentLoss : public testing::Test {
 protected:
  /// Runs a command; its exit code, and what it said on standard error.
  std::pair<int, std::string> run(const Words& words) const {
    cli::Context context;
    cli::CommandLine line(context);
    std::vector<const char*> arguments = {"kvcache", "--color", "never"};
    for (const std::string& word : words) arguments.push_back(word.c_str());
    testing::internal::CaptureStderr();
    int code = 0;
    try {
      code = line.parse(static_cast<int>(arguments.size()), arguments.data())();
    } catch (const Error& error) {
      code = cli::report_error(context, error);
    }
    return {code, testing::internal::GetCapturedStderr()};
  }

  const test::Folder folder_;
  const std::string input_ = folder_ / "in.safetensors";
  const std::string output_ = folder_ / "out.safetensors";
};

void check_sequence(const test::HeldSequence& before, const Expected& expected, const test::HeldLayer& after_layer,
                    const test::HeldSequence& after, const CommandLine& line, const std::string& said) {
  RC_ASSERT(after.tokens == expected.tokens);
  bool missing = false;
  for (const auto& [position, row] : before.rows) {
    if (position >= expected.tokens) continue;
    const auto there = after.rows.find(position);
    // A batch of windows has room for the newest tokens only.
    const bool out_of_window = after_layer.window > 0 && position < expected.tokens - after_layer.window;
    if (there == after.rows.end()) {
      missing = missing || !out_of_window || expected.said_to_drop;
    } else if (line.same_values) {
      RC_ASSERT(there->second == row);
    }
  }
  if (missing) RC_ASSERT(expected.said_to_drop && said.find("dropp") != std::string::npos);
}

void check_layer(const test::HeldLayer& before, const test::HeldLayer& after, const CommandLine& line,
                 const std::string& said) {
  const std::vector<Expected> expected = line.leaves(before);
  RC_ASSERT(after.sequences.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    check_sequence(before.sequences[expected[i].sequence], expected[i], after, after.sequences[i], line, said);
  // What the next token of a chunked layer sees is there.
  if (line.words[0] == "trim" && after.chunk > 0 && !after.sequences.empty() &&
      after.sequences[0].tokens < before.sequences[0].tokens)
    RC_ASSERT(after.sequences[0].tokens / after.chunk * after.chunk >= after.start);
}

TEST_F(NoSilentLoss, WhateverTheCommand) {
  std::map<std::string, int> done;
  const bool holds = rc::check([&] {
    const Era era = *rc::gen::elementOf(test::writable_eras());
    const bool any = number(0, 3) == 0;
    const PromptCache cache = any ? test::RandomCache(era, era).draw() : EditableCache().draw();
    WriteOptions how;
    how.overwrite = true;
    try {
      const Encoded encoded = encode(cache, era);
      write_safetensors(input_, encoded.tensors, encoded.metadata, how);
    } catch (const Error&) {
      RC_DISCARD("this era cannot hold it");
    }
    const Document before = read_document(input_);
    const CommandLine line = draw_command(before.cache);
    Words words = line.words;
    words.insert(words.end(), {input_, "--force", "-o", output_});
    std::filesystem::remove(output_);
    const auto [code, said] = run(words);
    RC_LOG() << line.words.front() << " -> " << code << ": " << said;
    RC_ASSERT(code == 0 || code == 2 || code == 4);
    RC_ASSERT(std::filesystem::exists(output_) == (code == 0));
    if (code != 0) return;
    ++done[line.words.front()];
    const Document after = read_document(output_);
    RC_ASSERT(after.cache.layers.size() == before.cache.layers.size());
    const auto was = test::held_by(before.cache);
    const auto is = test::held_by(after.cache);
    RC_ASSERT(is.size() == was.size());
    for (std::size_t i = 0; i < is.size(); ++i) {
      // Turned into codes or back, rows are not comparable.
      CommandLine here = line;
      here.same_values = line.same_values && was[i].class_name != "QuantizedKVCache";
      check_layer(was[i], is[i], here, said);
    }
  });
  EXPECT_TRUE(holds);
  // Otherwise nothing was tried.
  for (const char* command : {"trim", "dequantize", "quantize", "convert", "filter", "extract", "unrotate"})
    EXPECT_GE(done[command], 1) << command;
}

}  // namespace
}  // namespace kvcache
