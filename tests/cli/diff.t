  $ cp "$MODELS/llama-f16.safetensors" a.safetensors
  $ kvcache diff a.safetensors a.safetensors
  no difference in 22016 values of 4 layers
  $ kvcache trim a.safetensors -n 3 -o b.safetensors
  trimmed 3 of 43 tokens: 40 left; wrote b.safetensors (41.7 kB)
  $ kvcache diff a.safetensors b.safetensors
  b.safetensors is a.safetensors without its last 3 tokens: the first 40 are the same
  [1]

A wrapped window is compared where both hold the same tokens, in temporal order.

  $ kvcache unrotate "$OPS/rotating-wrapped.safetensors" -o unrotated.safetensors
  put 2 windows into temporal order; wrote unrotated.safetensors (8.77 kB)
  $ kvcache diff "$OPS/rotating-wrapped.safetensors" unrotated.safetensors
  no difference in 4096 values of 2 layers
  $ kvcache diff "$OPS/rotating-wrapped.safetensors" "$OPS/rotating-keep.safetensors"
  the first 3 tokens are the same; they differ from token 3 on
  tokens: 11 and 10
  layer 0 tokens: 11 and 10 (and 1 more layer)
  layer 0 window: 8 and 16 (and 1 more layer)
  layer 0 keep: 0 and 4 (and 1 more layer)
  layer          token   differ  max err  RMS err  over the tokens
      0  keys        3  100.0 %     4.58     1.42  █▇█▇███
         values      3   99.9 %     5.12     1.42  █▇▇█▇█▇
      1  keys        3   99.9 %     4.34     1.42  █▇██▇██
         values      3  100.0 %     5.96     1.43  ▇██▇█▇▇
  [1]

Batches are compared sequence by sequence: windows in temporal order, and without their left padding, in which `align` leaves what was there.
How much of it there is does not matter either: filtered windows keep what the longest one made necessary.

  $ kvcache -q unrotate "$OPS/rotating-batch-step8.safetensors" -o windows.safetensors 2>errors
  $ kvcache diff "$OPS/rotating-batch-step8.safetensors" windows.safetensors
  no difference in 22540 values of 2 layers
  $ kvcache -q merge "$OPS"/single-?.safetensors -o batch.safetensors
  $ kvcache -q align batch.safetensors --right-padding 0,1,3 -o aligned.safetensors
  $ kvcache -q extract aligned.safetensors --all -o chats
  $ kvcache -q merge chats/*.safetensors -o again.safetensors
  $ kvcache diff aligned.safetensors again.safetensors
  no difference in 16390 values of 2 layers
  $ kvcache -q merge "$OPS"/rotating-single-[02].safetensors -o two.safetensors 2>errors
  $ kvcache -q merge "$OPS"/rotating-single-[012].safetensors -o three.safetensors 2>errors
  $ kvcache -q filter three.safetensors --keep 0,2 -o filtered.safetensors 2>errors
  $ kvcache diff two.safetensors filtered.safetensors
  no difference in 6664 values of 2 layers

What differs is said with its first token, and of which sequence that is. Here the last of the values, before offsets and paddings, is another.

  $ cp batch.safetensors other.safetensors
  $ printf '\100' | dd of=other.safetensors bs=1 seek=$(($(stat -c %s other.safetensors) - 49)) conv=notrunc status=none
  $ kvcache diff batch.safetensors other.safetensors
  layer                token  differ  max err  RMS err  over the tokens
      1  values  10 of seq 2   0.0 %     1.96   0.0288            █
  [1]
  $ kvcache diff batch.safetensors other.safetensors --json | grep -A6 '"part": "values"' | tail -7
       "part": "values",
       "elements": 4608,
       "differing": 1,
       "first_token": 10,
       "sequence": 2,
       "max_error": 1.95684814453125,
       "rms_error": 0.02882709568229917
  $ kvcache -q filter batch.safetensors --keep 2 -o one.safetensors
  $ kvcache -q filter other.safetensors --keep 2 -o another.safetensors
  $ kvcache diff one.safetensors another.safetensors
  the first 10 tokens are the same; they differ from token 10 on
  layer          token  differ  max err  RMS err  over the tokens
      1  values     10   0.1 %     1.96   0.0522            █
  [1]
  $ kvcache diff "$OPS/rotating-batch-step7.safetensors" "$OPS/rotating-batch-step8.safetensors"
  tokens: 28 and 29
  layer 0 tokens: 28 and 29 (and 1 more layer)
  layer           token   differ  max err  RMS err  over the tokens
      0  offsets         100.0 %
      1  offsets         100.0 %
  [1]
  $ kvcache diff one.safetensors batch.safetensors
  tokens: 11 and 20
  layer 0 tokens: 11 and 20 (and 1 more layer)
  layer 0 batch: 1 and 3 (and 1 more layer)
  layer 0 keys: shapes [1, 2, 11, 64] and [3, 2, 20, 64]
  layer 0 values: shapes [1, 2, 11, 64] and [3, 2, 20, 64]
  layer 0 offsets: shapes [1] and [3]
  layer 1 keys: shapes [1, 2, 11, 64] and [3, 2, 20, 64]
  layer 1 values: shapes [1, 2, 11, 64] and [3, 2, 20, 64]
  layer 1 offsets: shapes [1] and [3]
  [1]
  $ kvcache diff one.safetensors "$OPS/single-2.safetensors"
  layer 0 class: BatchKVCache and KVCache (and 1 more layer)
  layer 0 offsets: only the first cache has it
  layer 1 offsets: only the first cache has it
  [1]

Model state, the parameters by which codes are decoded, and where the size of a window came from are compared, too.

  $ cp "$DIALECTS/model-state.S4.safetensors" state.safetensors
  $ printf '\001' | dd of=state.safetensors bs=1 seek=$(($(stat -c %s state.safetensors) - 1)) conv=notrunc status=none
  $ kvcache diff "$DIALECTS/model-state.S4.safetensors" state.safetensors
  model state a.position: 2 values and 1 of them differ
  [1]
  $ sed 's/"42"/"43"/' "$DIALECTS/turbo.S4.safetensors" >turbo.safetensors
  $ kvcache diff "$DIALECTS/turbo.S4.safetensors" turbo.safetensors
  layer 0 seed: 42 and 43
  [1]
  $ kvcache convert "$DIALECTS/rotating-requested.S4.safetensors" --to mlx-lm@0.31 -o lm.safetensors -q
  warning: layer 0 (RotatingKVCache): mlx-lm@0.31 does not store that the window was requested rather than the model's own
  warning: layer 1 (RotatingKVCache): mlx-lm@0.31 does not store that the window was requested rather than the model's own
  $ kvcache convert lm.safetensors --to mlx-swift-lm@2026-08 -o native.safetensors -q
  $ kvcache diff "$DIALECTS/rotating-requested.S4.safetensors" native.safetensors
  layer 0 origin: requested and modelNative (and 1 more layer)
  [1]
  $ kvcache diff lm.safetensors native.safetensors
  format: mlx-lm@0.31 and mlx-swift-lm@2026-08 (compared by meaning)
  no difference in 1024 values of 2 layers

What differs at the end of the tokens is shown at the end.

  $ cp a.safetensors end.safetensors
  $ printf '\101' | dd of=end.safetensors bs=1 seek=$(($(stat -c %s end.safetensors) - 1)) conv=notrunc status=none
  $ kvcache diff a.safetensors end.safetensors
  the first 42 tokens are the same; they differ from token 42 on
  layer        token  differ  max err  RMS err  over the tokens
      0  keys     42   0.0 %      3.3   0.0629                         █
  [1]

  $ kvcache diff a.safetensors missing.safetensors
  kvcache diff: missing.safetensors: cannot be read: No such file or directory
  [5]
  $ kvcache diff a.safetensors a.safetensors --tolerance -1
  kvcache diff: --tolerance '-1' is no number of at least 0
  hint: for example 1e-3
  [2]

With a tolerance, dtypes and quantization are no difference; -q leaves the exit status.

  $ kvcache -q quantize a.safetensors --bits 8 --group-size 32 -o q8.safetensors
  $ kvcache diff a.safetensors q8.safetensors --tolerance 0.1
  no difference beyond the tolerance in 22016 values of 4 layers; the largest is 0.0107
  $ kvcache diff a.safetensors q8.safetensors --tolerance 0.1 --json | grep -E '"equal"|"differences"'
   "equal": true,
   "differences": [],
  $ kvcache diff a.safetensors q8.safetensors --tolerance 0.008 | head -2
  the first token is the same; they differ from token 1 on
  layer          token  differ  max err  RMS err  over the tokens
  $ kvcache -q diff a.safetensors q8.safetensors
  [1]

  $ kvcache diff a.safetensors
  kvcache diff: B is required
  hint: `kvcache diff --help` lists the options
  [2]

One prompt and its beginning.

  $ kvcache trim "$MODELS/llama-f16.safetensors" -n 12 -q -o beginning.safetensors
  $ kvcache diff "$MODELS/llama-f16.safetensors" beginning.safetensors | sed "s,$MODELS/,,"
  beginning.safetensors is llama-f16.safetensors without its last 12 tokens: the first 31 are the same
  $ kvcache diff beginning.safetensors "$MODELS/llama-f16.safetensors" --json | grep -E '"(equal|relation|common_tokens|first_differing_token)"'
   "equal": false,
   "relation": "more",
   "common_tokens": 31,
   "first_differing_token": null,
  $ kvcache quantize beginning.safetensors --bits 8 --group-size 32 -q -o beginning-q8.safetensors
  $ kvcache diff "$MODELS/llama-f16.safetensors" beginning-q8.safetensors --tolerance 0.1 | sed "s,$MODELS/,,"
  beginning-q8.safetensors is llama-f16.safetensors without its last 12 tokens: the first 31 are the same
  $ kvcache diff beginning.safetensors beginning.safetensors --json | grep '"relation"'
   "relation": "same",
