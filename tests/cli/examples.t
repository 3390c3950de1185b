Every example of --help and of the man pages; tests/cli/man_test.py fails when one is not here. Each starts from the files that it speaks
of, in a home of its own; `fresh NAME` without one that it is to write.

  $ top="$PWD"; mkdir -p kept/home/prompt-caches kept/home/.cache/prompts kept/home/models/gemma-3-4b; cd kept
  $ mkdir Llama-3.2-3B users; cp "$CONFIGS/llama.json" Llama-3.2-3B/config.json; cp "$CONFIGS/gemma3_text.json" home/models/gemma-3-4b/config.json
  $ cp "$OPS/kv-f16.safetensors" before.safetensors; cp before.safetensors after.safetensors; cp "$OPS/kv-7-update.safetensors" step.safetensors
  $ kvcache -q create --layers 3 --heads 2 --head-dim 64 --tokens 40 --fill random -o chat.safetensors; kvcache -q metadata chat.safetensors set model=example/tiny --in-place; gzip -k chat.safetensors
  $ kvcache -q quantize chat.safetensors --bits 8 -o chat-q8.safetensors; kvcache -q quantize chat.safetensors --bits 4 -o chat-q4.safetensors
  $ hub=home/.cache/huggingface/hub/models--mlx-community--Llama-3.2-3B-Instruct-4bit; mkdir -p $hub/refs $hub/snapshots/abc; printf abc >$hub/refs/main
  $ cp "$CONFIGS/llama.json" $hub/snapshots/abc/config.json
  $ cp chat.safetensors home/prompt-caches; cp chat.safetensors home/.cache/prompts
  $ for i in a b c; do kvcache -q create --layers 2 --heads 2 --head-dim 64 --tokens 20 --seed 1 --fill random -o $i.safetensors; done
  $ gzip -k a.safetensors; cp ?.safetensors users; kvcache -q merge a.safetensors b.safetensors c.safetensors -o batch.safetensors
  $ cp batch.safetensors morning.safetensors; cp batch.safetensors evening.safetensors
  $ fresh() { cd "$top"; rm -rf work; cp -r kept work; cd work; export HOME="$PWD/home"; rm -f "$@"; }

Kvcache itself.

  $ fresh
  > kvcache verify -r ~/prompt-caches
  1 file: 1 ok

Inspect.

  $ fresh
  > kvcache inspect chat.safetensors
  chat.safetensors: 62.0 kB
    format    mlx-lm@0.31; also written by mlx-lm 0.19 to 0.28, mlxrs 0.1
    model     example/tiny
    layers    3 × KVCache
    tokens    40
    batch     1
    heads     2 × 64
    elements  F16
    size      61.4 kB, 1.54 kB per token
    can trim  yes
    loads in  mlx-lm 0.19 to 0.31, mlxrs 0.1
    not in    mlx-lm 0.32: it reads nothing but mlx-lm@0.32, and fails on the list
              of classes (ValueError)
              mlx-swift-lm 3.31 to 3.33: layer 0 (KVCache): it is saved as
              mlx-lm@0.31 saves it (empty text as metadata)
    note      mlx_lm.generate --prompt-cache-file fails without this user
              metadata: tokenizer_config; `kvcache metadata chat.safetensors set \
              'tokenizer_config={"trust_remote_code": null}' --in-place`
  $ fresh
  > kvcache inspect --layers chat.safetensors
  chat.safetensors: 62.0 kB
    Layer  Class    Tokens  B×H×D   Dtype     Size  Notes
    0      KVCache      40  1×2×64  F16    20.5 kB
    1      KVCache      40  1×2×64  F16    20.5 kB
    2      KVCache      40  1×2×64  F16    20.5 kB
  
    Layers  What speaks for the format
    0-2     empty text as metadata
  $ fresh
  > kvcache inspect --stats chat.safetensors
  chat.safetensors: 62.0 kB
    Layer  Part      Min   Max      Mean    Std  Histogram     Notes
    0      keys    -3.04  2.87   0.00954  0.997   ▁▁▂▅██▅▂▁▁   0.039 % zeros
           values  -3.04  3.14   0.00999      1   ▁▁▂▅██▆▂▁▁   0.078 % zeros
    1      keys    -3.16  3.03    0.0171  0.991   ▁▁▂▅██▅▂▁▁   0.02 % zeros
           values  -3.05   3.2  -0.00665  0.997   ▁▁▂▅██▅▃▁▁   0.059 % zeros
    2      keys    -3.16  3.08  -0.00285   1.01   ▁▁▂▆██▆▂▁▁   0.059 % zeros
           values  -3.01  3.02    0.0212  0.997   ▁▁▂▆██▅▃▁▁   0.078 % zeros
  $ fresh
  > kvcache inspect --json a.safetensors.gz | jq .totals
  {
    "layers": 2,
    "tokens": 20,
    "bytes": 20480,
    "bytes_per_token": 1024,
    "trimmable": true,
    "padding_bytes": 0
  }

Ls.

  $ fresh
  > kvcache ls ~/.cache/prompts
  file              tokens     size  values +age  last read  format       model (re)
  chat.safetensors      40  62.0 kB  F16  +[0-9]+ s +[0-9]+ s  mlx-lm@0.31  example/tiny (re)
  
  1 file, 62.0 kB
  $ fresh
  > kvcache ls --accessed '>30d' --sort size --limit 20
  0 files, 0 B; 18 more were not asked for; 1 more is no cache

  $ fresh broken.txt
  > kvcache ls --broken --names > broken.txt

  $ fresh
  > kvcache ls --duplicates
  the same arrays
    a.safetensors
    a.safetensors.gz
    b.safetensors
    c.safetensors
    users/a.safetensors
    users/b.safetensors
    users/c.safetensors
  the same arrays
    after.safetensors
    before.safetensors
  the same arrays
    batch.safetensors
    evening.safetensors
    morning.safetensors
  the same arrays
    chat.safetensors
    chat.safetensors.gz
    home/.cache/prompts/chat.safetensors
    home/prompt-caches/chat.safetensors
  
  without copies and beginnings: 458 kB less

  $ fresh
  > kvcache ls --sort size --json ~/.cache/prompts | jq .totals
  {
    "files": 1,
    "bytes": 62016,
    "not_caches": 0
  }

Diff.

  $ fresh
  > kvcache diff before.safetensors after.safetensors
  no difference in 15360 values of 3 layers
  $ fresh
  > kvcache diff chat.safetensors chat-q4.safetensors --tolerance 0.1
  they differ from the first token on
  layer          token  differ  max err  RMS err  over the tokens
      0  keys        0  31.9 %    0.328   0.0874  ▇▇▇▇▇▇▇█▇▇▇█▇▇██▇█▇▇▇██▇
         values      0  33.2 %    0.316   0.0884  ▇▇███▇▇██▇▇▇▇▇▇▇▇██▇▇▇▇█
      1  keys        0  30.1 %    0.299    0.085  ▆▇▆▇▆▇▇▇▇▇▇█▆▆▆▇▆▇▆▆▆▇▇▇
         values      0  31.9 %    0.309   0.0872  ▇▆▆▇█▇▇█▆▇▇▇▇▆▆▇▇▇▇▇▇▇▇▇
      2  keys        0  33.1 %    0.287   0.0881  ▆▇▆▆▇▆▇▇▇█▇▇▆▇▇▇▇▇▇▇▇▇▇█
         values      0  30.2 %    0.254   0.0847  ▇▇▇▇▆▇▇▇▇▇█▇▇▇█▇▆▇▇▇▇▇▇▇
  [1]

Mask.

  $ fresh
  > kvcache mask chat.safetensors --queries 4
  layer 0 (KVCache), 4 queries
  causal: a query sees all rows before it and its own; attention does that without
  an array
  
            row of keys after the update
  query     0         10        20        30        40
  token 40  #########################################...
  token 41  ##########################################..
  token 42  ###########################################.
  token 43  ############################################
  # sees   . does not see
  $ fresh
  > kvcache mask chat.safetensors --queries 4 --layer 1 --window 512 --array -o mask.safetensors
  mask of booleans [4, 44]; wrote mask.safetensors (304 B)

Estimate.

  $ fresh
  > kvcache estimate --model mlx-community/Llama-3.2-3B-Instruct-4bit --fits 16GiB
  in 17.2 GB   tokens  per new token
  BF16        1398101        12.3 kB
  8 bits      2631720        6.53 kB
  4 bits      4971026        3.46 kB
  llama: 3 x plain, as mlx_lm/models/llama.py makes them; not in config.json, so
  assumed: head_dim 128

  $ fresh
  > kvcache estimate --config Llama-3.2-3B/config.json --tokens 32k
  32000 tokens    size  per new token  of plain
  BF16          393 MB        12.3 kB     100 %
  8 bits        209 MB        6.53 kB      53 %
  4 bits        111 MB        3.46 kB      28 %
  llama: 3 x plain, as mlx_lm/models/llama.py makes them; not in config.json, so
  assumed: head_dim 128
  $ fresh
  > kvcache estimate --like chat.safetensors --tokens 100000 --bits 4
  100000 tokens     size  per new token  of plain
  F16             154 MB        1.54 kB     100 %
  4 bits         43.2 MB          432 B      28 %

Models.

  $ fresh
  > kvcache models gemma3_text
  gemma3_text: as mlx_lm/models/gemma3_text.py of mlx-lm d78bf58 makes them
  for example 22 x window 512, 4 x plain, every sixth
  
  field                   when it is absent
  num_hidden_layers       = 26
  num_attention_heads     = 4
  num_key_value_heads     = 1
  head_dim                = 256
  sliding_window          = 512
  sliding_window_pattern  = 6
  
  caches
    layers num_hidden_layers
    when (i + 1) % sliding_window_pattern == 0 : plain(num_key_value_heads,
    head_dim)
    otherwise window(sliding_window, num_key_value_heads, head_dim)
  
  traps
    layer_types and _sliding_window_pattern are not read
    --max-kv-size changes nothing: the model makes its caches itself
  $ fresh
  > kvcache models | grep qwen
  qwen                 24 x plain
  qwen2                32 x plain
  qwen2_moe            32 x plain
  qwen2_vl             32 x plain (also qwen2_5_vl)
  qwen3                32 x plain
  qwen3_5              24 x state, 8 x plain, every fourth
  qwen3_5_moe          24 x state, 8 x plain, every fourth
  qwen3_moe            32 x plain
  qwen3_next           24 x state, 8 x plain, every fourth
  qwen3_vl             32 x plain
  qwen3_vl_moe         32 x plain
    qwen2_5_omni          not in mlx-lm; its language model is described in
    qwen3_omni_moe        not in mlx-lm; its language model is described in

Verify.

  $ fresh
  > kvcache verify chat.safetensors
  chat.safetensors: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1)
  $ fresh
  > kvcache verify --data --for mlx-lm@0.31 chat.safetensors
  chat.safetensors: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1)
  note: mlx_lm.generate --prompt-cache-file fails without this user metadata: tokenizer_config; `kvcache metadata chat.safetensors set 'tokenizer_config={"trust_remote_code": null}' --in-place`
  $ fresh
  > kvcache verify -r -q ~/prompt-caches
  $ fresh; mkdir caches; cp chat.safetensors caches
  > kvcache verify -r --format junit caches > verify.xml
  > grep -c '<testcase' verify.xml
  1

Explain.

  $ fresh
  > kvcache explain KV411
  KV411: rotating window: fields out of range
    severity      error: the file is broken, or a program that loads it goes wrong
                  without noticing
    meaning       A window's fields exclude each other: pinned tokens leave no
                  room, or the ring index is outside the rows.
    why it hurts  The arrays are well-formed, but no sequence of tokens leads to
                  this state. A loader takes it as it is and decodes wrongly
                  sooner or later.
    what to do    `kvcache repair`, or make it again. That means: let the program
                  that wrote the file process the prompt once more and save it.
  $ fresh
  > kvcache explain P4
  mlx-lm@2026-08: how mlx-lm writes prompt caches, era P4
    releases      no release: a main branch had it
    meaning       files that these releases save, and restore by themselves in
                  every class but those of KV702
    why it hurts  others restore of its files, as far as they do it correctly:
                  mlx-lm@0.19 (KVCache, ChunkedKVCache); mlx-lm@0.28 (KVCache,
                  RotatingKVCache, QuantizedKVCache, ChunkedKVCache,
                  BatchKVCache); mlx-lm@0.31 (KVCache, RotatingKVCache,
                  QuantizedKVCache, ChunkedKVCache, CacheList, BatchKVCache);
                  mlx-swift-lm@2.31 (ChunkedKVCache); mlx-swift-lm@3.31
                  (ChunkedKVCache); mlx-swift-lm@2026-08 (ChunkedKVCache);
                  mlx-swift-lm@3.33 (ChunkedKVCache); mlxrs@0.1 (KVCache,
                  RotatingKVCache, ChunkedKVCache, BatchKVCache,
                  BatchRotatingKVCache)
    what to do    `kvcache verify --for mlx-lm@2026-08 chat.safetensors` asks
                  about one file, `kvcache convert chat.safetensors --to \
                  mlx-lm@2026-08 -o other.safetensors` makes one
  $ fresh
  > kvcache explain RotatingKVCache
  RotatingKVCache: a class of cache
    meaning       keys and values of the newest `max_size` tokens, the first
                  `keep` of them pinned
    why it hurts  Once it has wrapped the oldest tokens are gone: it cannot be
                  trimmed, and the model does not see them. Runtimes do not trim a
                  full one either, even where nothing is lost yet.
    what to do    `kvcache convert --class KVCache` before it wraps,
                  `kvcache unrotate` after

Formats.

  $ fresh
  > kvcache formats
  Format                                   Releases
  mlx-lm@0.18           L0  read           0.18.1 to 0.18.2
  mlx-lm@0.19           P1  read, written  0.19.1 to 0.28.0 (2025-09-17)
  mlx-lm@0.28           P2  read, written  0.28.1 (2025-09-26) to 0.30.7
                                           (2026-02-12)
  mlx-lm@0.31           P3  read, written  0.31.0 (2026-03-06) to 0.31.3
                                           (2026-04-22)
  mlx-lm@2026-08        P4  read, written  in no release
  mlx-lm@0.32           P5  read, written  0.32.0 (2026-10) to 0.32.2 (2026-10)
  mlx-swift-lm@2.25     S1  read           2.25.5 (2025-07-08) to 2.30.6
                                           (2026-02-18)
  mlx-swift-lm@2.31     S2  read           2.31.3 (2026-04-01)
  mlx-swift-lm@3.31     S3  read, written  3.31.3 (2026-04-15) to 3.31.4
                                           (2026-06-29)
  mlx-swift-lm@2026-08  S4  read, written  in no release
  mlx-swift-lm@3.33     S5  read, written  3.33.0 (2026-11)
  mlxrs@0.1             R1  read, written  0.1.0
  
  mlx-lm alone means mlx-lm@0.32, mlx-swift-lm alone means mlx-swift-lm@3.31,
  mlxrs alone means mlxrs@0.1.
  
  Who restores whose files, of all classes or of some
  Written by               P1    P2    P3    P4    P5    S3    S4    S5    R1
  P1 mlx-lm@0.19           all   some  some  some  -     some  some  some  some
  P2 mlx-lm@0.28           some  some  some  some  -     some  some  some  some
  P3 mlx-lm@0.31           some  some  some  some  -     some  some  some  some
  P4 mlx-lm@2026-08        some  some  some  some  -     some  some  some  some
  P5 mlx-lm@0.32           -     -     -     -     some  -     -     -     -
  R1 mlxrs@0.1             some  some  some  some  -     some  some  some  all
  S3 mlx-swift-lm@3.31     some  some  some  some  -     all   all   all   some
  S4 mlx-swift-lm@2026-08  some  some  some  some  -     some  all   all   some
  S5 mlx-swift-lm@3.33     some  some  some  some  -     some  some  all   some
  $ fresh
  > kvcache formats --json > formats.json

Trim.

  $ fresh
  > kvcache trim chat.safetensors -n 7 -o shorter.safetensors
  trimmed 7 of 40 tokens: 33 left; wrote shorter.safetensors (51.3 kB)
  $ fresh
  > kvcache trim chat.safetensors --to 1024 --in-place
  trimmed 0 of 40 tokens: 40 left; wrote chat.safetensors (62.0 kB)

Append.

  $ fresh
  > kvcache append chat.safetensors --update step.safetensors -o longer.safetensors
  appended 7 tokens: 47 now; wrote longer.safetensors (72.8 kB)
  $ fresh
  > kvcache append chat.safetensors --update step.safetensors --in-place
  appended 7 tokens: 47 now; wrote chat.safetensors (72.8 kB)

Quantize.

  $ fresh chat-q8.safetensors
  > kvcache quantize chat.safetensors --bits 8 -o chat-q8.safetensors
  quantized 3 of 3 layers to 8 bits in groups of 64, 55 % of 62.0 kB; wrote chat-q8.safetensors (34.2 kB)
  $ fresh chat-q4.safetensors
  > kvcache quantize chat.safetensors --bits 4 --group-size 32 --report -o chat-q4.safetensors
  layer          max error    RMSE  SNR dB    size
      0  keys        0.328  0.0794    22.0  31.2 %
         values      0.275  0.0786    22.1  31.2 %
      1  keys        0.299  0.0775    22.1  31.2 %
         values      0.309  0.0784    22.1  31.2 %
      2  keys        0.273  0.0791    22.1  31.2 %
         values       0.26  0.0775    22.2  31.2 %
  These figures measure how well numbers are reconstructed, not how good answers are.
  quantized 3 of 3 layers to 4 bits in groups of 32, 33 % of 62.0 kB; wrote chat-q4.safetensors (20.7 kB)
  $ fresh chat-q4.safetensors
  > kvcache quantize chat.safetensors --bits 4 --layers '!0' -o chat-q4.safetensors
  quantized 2 of 3 layers to 4 bits in groups of 64, 54 % of 62.0 kB; left alone: layer 0 (not asked for); wrote chat-q4.safetensors (33.2 kB)
  $ fresh chat-q4.safetensors
  > kvcache quantize chat.safetensors --bits 4 --layers '!0,!-1' -o chat-q4.safetensors
  quantized 1 of 3 layers to 4 bits in groups of 64, 77 % of 62.0 kB; left alone: layers 0, 2 (not asked for); wrote chat-q4.safetensors (47.6 kB)

Dequantize.

  $ fresh chat.safetensors
  > kvcache dequantize chat-q8.safetensors -o chat.safetensors
  dequantized 3 layers; wrote chat.safetensors (62.0 kB)
  $ fresh
  > kvcache dequantize chat-q4.safetensors --dtype f32 -o analysis.safetensors
  dequantized 3 layers; wrote analysis.safetensors (123 kB)

Convert.

  $ fresh
  > kvcache convert chat.safetensors --to mlx-swift-lm -o chat-swift.safetensors
  converted to mlx-swift-lm@3.31; wrote chat-swift.safetensors (62.0 kB)
  $ fresh
  > kvcache convert chat.safetensors --to mlx-lm@2026-08 --dtype bf16 --in-place
  converted to mlx-lm@2026-08, 3 layers cast to BF16; wrote chat.safetensors (62.0 kB)
  $ fresh
  > kvcache convert chat.safetensors --class RotatingKVCache --max-size 4096 --keep 4 -o window.safetensors
  3 layers became RotatingKVCache; wrote window.safetensors (62.1 kB)

Repair.

  $ fresh
  > kvcache repair chat.safetensors -o repaired.safetensors
  nothing to repair; wrote repaired.safetensors (62.0 kB)
  $ fresh
  > kvcache repair chat.safetensors --in-place
  nothing to repair; chat.safetensors stays as it is
  $ fresh
  > kvcache verify --fix chat.safetensors
  chat.safetensors: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1)

Unrotate.

  $ fresh
  > kvcache unrotate chat.safetensors -o ordered.safetensors
  every window was in order already; wrote ordered.safetensors (62.0 kB)
  $ fresh
  > kvcache unrotate chat.safetensors --in-place
  every window was in order already; wrote chat.safetensors (62.0 kB)

Metadata.

  $ fresh
  > kvcache metadata chat.safetensors list
  model=example/tiny
  $ fresh
  > kvcache metadata chat.safetensors set model=mlx-community/Llama-3.2-3B --in-place
  set 1 metadata value; wrote chat.safetensors (62.0 kB)
  $ fresh
  > kvcache metadata chat.safetensors strip -o to-share.safetensors
  removed 1 metadata value; the keys and values themselves still hold the prompt, and cannot be stripped; wrote to-share.safetensors (62.0 kB)

Merge.

  $ fresh batch.safetensors
  > kvcache merge a.safetensors b.safetensors c.safetensors -o batch.safetensors
  merged 3 caches into a batch, the longest of 20 tokens; wrote batch.safetensors (62.1 kB)
  $ fresh
  > kvcache merge users/*.safetensors --force -o batch.safetensors
  merged 3 caches into a batch, the longest of 20 tokens; wrote batch.safetensors (62.1 kB)

Extract.

  $ fresh
  > kvcache extract batch.safetensors --index 0 -o first.safetensors
  extracted sequence 0 of 3: 20 tokens; wrote first.safetensors (20.9 kB)
  $ fresh
  > kvcache extract batch.safetensors --all -o sequences
  extracted 3 sequences; wrote 3 files in sequences (62.6 kB)

Filter.

  $ fresh
  > kvcache filter batch.safetensors --keep 0,2 -o two.safetensors
  kept 2 of 3 sequences; wrote two.safetensors (41.6 kB)
  $ fresh
  > kvcache filter batch.safetensors --keep 2,1,0 --in-place
  kept 3 of 3 sequences; wrote batch.safetensors (62.1 kB)

Extend.

  $ fresh
  > kvcache extend morning.safetensors evening.safetensors -o day.safetensors
  joined 2 batches: 6 sequences now; wrote day.safetensors (124 kB)
  $ fresh; for i in a b c; do cp batch.safetensors $i.safetensors; done
  > kvcache extend a.safetensors b.safetensors c.safetensors --gzip -o abc.safetensors.gz
  joined 3 batches: 9 sequences now; wrote abc.safetensors.gz (166 kB)

Align.

  $ fresh
  > kvcache align batch.safetensors --right-padding 0,1,3 -o aligned.safetensors
  moved right padding of 0, 1, 3 rows to the left; wrote aligned.safetensors (62.1 kB)
  $ fresh
  > kvcache align batch.safetensors --right-padding 0,0,12 --in-place
  moved right padding of 0, 0, 12 rows to the left; wrote batch.safetensors (62.1 kB)

Create.

  $ fresh
  > kvcache create --layers 16 --heads 8 --head-dim 64 --tokens 512 --fill random -o test.safetensors
  created 16 layers of 512 tokens; wrote test.safetensors (16.8 MB)
  $ fresh
  > kvcache create --config ~/models/gemma-3-4b/config.json --tokens 1000 -o gemma.safetensors
  created 7 layers of 1000 tokens; wrote gemma.safetensors (4.67 MB)
  $ fresh
  > kvcache create --layers 2 --heads 2 --head-dim 64 --max-size 512 --tokens 900 -o window.safetensors
  created 2 layers of 900 tokens; wrote window.safetensors (525 kB)

Report.

  $ fresh
  > kvcache report chat.safetensors
  report on 3 layers, 40 tokens; wrote chat.html .[0-9.]+ kB. (re)
  $ fresh; touch report.html
  > kvcache report chat.safetensors.gz -o report.html --force
  report on 3 layers, 40 tokens; wrote report.html .[0-9.]+ kB. (re)
  $ fresh; mkdir -p home/.omlx; cp -r "$OPS/../../foreign/omlx-v2-dense/store" home/.omlx/cache
  > kvcache report ~/.omlx/cache -o omlx.html
  report on 3 entries of omlx paged SSD cache; wrote omlx.html .[0-9.]+ kB. (re)
  $ fresh
  > kvcache report -r ~/prompt-caches -o reports/
  report on 3 layers, 40 tokens; wrote reports/chat.html .[0-9.]+ kB. (re)
  1 file: 1 written

Stamp.

  $ fresh; cp -r Llama-3.2-3B home/models; python3 -c 'print(list(range(40)))' > ids.json
  > kvcache stamp chat.safetensors --model ~/models/Llama-3.2-3B --tokens ids.json -o stamped.safetensors
  stamped 6 arrays, 1 model file, 40 token ids; wrote stamped.safetensors (62.7 kB)
  $ fresh
  > kvcache stamp chat.safetensors --in-place
  stamped 6 arrays; wrote chat.safetensors (62.3 kB)

Explain.

  $ omlx() { mkdir -p home/.omlx; cp -r "$OPS/../../foreign/omlx-v2-dense/store" home/.omlx/cache; cp "$OPS/../../foreign/omlx-v2-dense/tokens/full.json" chat.json; }
  $ fresh; omlx
  > kvcache explain ~/.omlx/cache
  .*/work/home/.omlx/cache: omlx paged SSD cache: 3 blocks, 26.5 kB, 1 signature (re)
       signature  blocks     size  newest  what it is
    A  f64f019d        3  26.5 kB +[0-9]+ (s|min)  example/v2: format 2, block size 16, (re)
                                           layers 2: 2 KVCache <- never again:
                                           format 2, omlx reads 3 to 5
  fix: kvcache prune .*/.omlx/cache --signature f64f019d frees 26.5 kB (re)
  $ fresh; omlx
  > kvcache explain ~/.omlx/cache --tokens chat.json
  .*/work/home/.omlx/cache: omlx paged SSD cache: 3 blocks, 26.5 kB, 1 signature (re)
       signature  blocks     size  newest  what it is
    A  f64f019d        3  26.5 kB +[0-9]+ (s|min)  example/v2: format 2, block size 16, (re)
                                           layers 2: 2 KVCache <- never again:
                                           format 2, omlx reads 3 to 5
  with --tokens chat.json (50 tokens): 3 of 3 blocks present, usable 48 tokens, to be processed again: 2
  fix: kvcache prune .*/.omlx/cache --signature f64f019d frees 26.5 kB (re)
  $ fresh; omlx
  > kvcache explain ~/.omlx/cache --like ~/.omlx/cache/7/*
  .*/work/home/.omlx/cache: omlx paged SSD cache: 3 blocks, 26.5 kB, 1 signature (re)
       signature  blocks     size  newest  what it is
    A  f64f019d        3  26.5 kB +[0-9]+ (s|min)  example/v2: format 2, block size 16, (re)
                                           layers 2: 2 KVCache <- never again:
                                           format 2, omlx reads 3 to 5
  fix: kvcache prune .*/.omlx/cache --signature f64f019d frees 26.5 kB (re)

Prune.

  $ fresh; touch -d '2020-01-01' home/prompt-caches/chat.safetensors
  > kvcache prune ~/prompt-caches --older-than 30d
  delete  .*/chat.safetensors .62.0 kB.: [0-9]+ d old (re)
  
  would delete 1 of 1 cache, 62.0 kB of 62.0 kB
  nothing was deleted: --yes does it
  $ fresh
  > kvcache prune ~/prompt-caches --accessed '>90d' --or --keep-bytes 20GB --by-access
  keep    1 file: the caches that stay fit into 20.0 GB
  
  would delete 0 of 1 cache, 0 B of 62.0 kB
  nothing was deleted

  $ fresh
  > kvcache prune ~/prompt-caches --broken --yes
  keep    1 file: not broken
  
  deleted 0 of 1 cache, 0 B of 62.0 kB
  $ fresh
  > kvcache prune ~/prompt-caches --model llama --keep-bytes 20GB
  keep    1 file: model example/tiny
  
  would delete 0 of 1 cache, 0 B of 62.0 kB
  nothing was deleted
  $ fresh; touch -d '2020-01-01' home/prompt-caches/chat.safetensors
  > kvcache prune ~/prompt-caches --older-than 30d --yes
  deleted .*/chat.safetensors .62.0 kB.: [0-9]+ d old (re)
  
  deleted 1 of 1 cache, 62.0 kB of 62.0 kB
  $ fresh; omlx
  > kvcache prune ~/.omlx/cache --signature 3fa1c2d4
  keep    3 files: signature f64f019d
  
  would delete 0 of 3 caches, 0 B of 26.5 kB
  nothing was deleted

Store.

  $ fresh
  > cp chat.safetensors turn1.safetensors; seq 40 > turn1.json; seq 44 > prompt.json
  > kvcache store put turn1.safetensors --tokens turn1.json --identity llama --store chats
  40 tokens as entry [0-9a-f]*: 0 new of 0 blocks, wrote .* (re)
  $ {
  > kvcache store get --tokens prompt.json --identity llama --store chats -o resume.safetensors
  > } 2>&1 | sed 's/ from entry.*//'
  40 of 44 tokens

Words for options.

  $ {
  > kvcache help
  > kvcache help trim
  > } | grep -e '^Usage'
  Usage: kvcache [OPTIONS] COMMAND [OPTIONS] FILE...
  Usage: kvcache trim FILE... [OPTIONS]
  $ {
  > kvcache version
  > kvcache --version
  > } | sed 's/[0-9].*/.../'
  kvcache ...
  kvcache ...
