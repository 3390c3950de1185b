// Remedies, worded as commands that can be pasted.
#include "documents/hint.h"

#include <gtest/gtest.h>

namespace kvcache::documents {
namespace {

using Action = Remedy::Action;

TEST(Hint, NamesTheFilesAtHand) {
  const Remedy remedy = Remedy(Action::convert, {{"to", "mlx-lm@0.31"}, {"dtype", "bf16"}}) + " writes the class it is";
  EXPECT_EQ(hint_of(remedy, "a chat.safetensors.gz"),
            "`kvcache convert 'a chat.safetensors.gz' --to mlx-lm@0.31 --dtype bf16 -o 'a chat-new.safetensors'` writes the "
            "class it is");
  EXPECT_EQ(hint_of(remedy, ""), "`kvcache convert FILE --to mlx-lm@0.31 --dtype bf16 -o OUT` writes the class it is");
  EXPECT_EQ(hint_of(remedy, "-"), hint_of(remedy, ""));
}

TEST(Hint, AClassComesBeforeTheFile) {
  EXPECT_EQ(hint_of(Remedy(Action::convert, {{"class", "KVCache"}}), "x"),
            "kvcache convert --class KVCache x -o x-new.safetensors");
}

TEST(Hint, OptionsOfTheSameCommandAreNoCommand) {
  EXPECT_EQ(hint_of(Remedy(Action::repeat, {{"overwrite", ""}}) + " replaces it", "x"), "--force replaces it");
  EXPECT_EQ(hint_of(Remedy("leave it out with ") + Remedy(Action::repeat, {{"layers", "!3"}}), "x"),
            "leave it out with --layers '!3'");
}

TEST(Hint, UserMetadata) {
  EXPECT_EQ(hint_of(Remedy(Action::set_metadata, {{"model", "REPO"}, {"tokenizer_config", R"({"a": null})"}}), "x"),
            R"(kvcache metadata x set model=REPO 'tokenizer_config={"a": null}' --in-place)");
  EXPECT_EQ(hint_of(Remedy(Action::unset_metadata, {{"kvcache_stamp", ""}}), "x"),
            "kvcache metadata x unset kvcache_stamp --in-place");
}

TEST(Hint, OtherFilesAndTheStore) {
  EXPECT_EQ(hint_of(Remedy(Action::convert, {{"file", "/srv/it's"}, {"tokens", "ids.json"}}), "x"),
            R"(kvcache convert '/srv/it'\''s' --tokens ids.json -o x-new.safetensors)");
  EXPECT_EQ(hint_of(Remedy(Action::store, {{"verb", "unpin"}, {"entry", "ENTRY"}}) + " lets something go", ""),
            "`kvcache store unpin ENTRY` lets something go");
  EXPECT_EQ(hint_of(Remedy(Action::store, {{"verb", "check"}, {"data", ""}, {"repair", ""}}), ""),
            "kvcache store check --data --repair");
}

TEST(Fix, IsACommandAlone) {
  LoadVerdict verdict;
  EXPECT_EQ(fix_of(verdict, "x"), "");
  verdict.fix = Remedy(Action::extract_all);
  EXPECT_EQ(fix_of(verdict, "x"), "kvcache extract x --all -o sequences");
}

}  // namespace
}  // namespace kvcache::documents
