One pass carries a cache to another runtime, dtype and class.

  $ cp "$DIALECTS/gemma-like-fresh.P1.safetensors" g.safetensors
  $ kvcache convert g.safetensors --to mlx-swift-lm --class KVCache --dtype f32 -o all.safetensors
  converted to mlx-swift-lm@3.31, 2 layers became KVCache, 3 layers cast to F32; wrote all.safetensors (7.55 kB)
  $ kvcache diff g.safetensors all.safetensors
  format: mlx-lm@0.19 and mlx-swift-lm@3.33 (compared by meaning)
  layer 0 class: RotatingKVCache and KVCache (and 1 more layer)
  layer 0 window: 16 and none (and 1 more layer)
  layer 0 keep: 0 and none (and 1 more layer)
  layer 0 dtype: F16 and F32 (and 2 more layers)
  [1]

Nothing to do, and options without what they belong to, are usage errors.

  $ kvcache convert g.safetensors -o x.safetensors
  kvcache convert: what to convert to is not given
  hint: --to FORMAT, --dtype or --class; several combine
  [2]
  $ kvcache convert g.safetensors --class RotatingKVCache -o x.safetensors
  kvcache convert: a RotatingKVCache needs the size of its window
  hint: --max-size M, in tokens
  [2]
  $ kvcache convert g.safetensors --class RotatingKVCache --max-size 4 --keep 4 -o x.safetensors
  kvcache convert: g.safetensors: a window of 4 cannot pin 4 tokens
  hint: keep must be below max_size
  [2]
  $ kvcache convert g.safetensors --keep 4 --to mlxrs -o x.safetensors
  kvcache convert: --max-size and --keep belong to --class RotatingKVCache
  [2]
  $ kvcache convert g.safetensors --to mlx-lm@0.45 -o x.safetensors
  kvcache convert: mlx-lm 0.45 is newer than 0.32.2, the newest release that this version knows
  hint: a newer kvcache may know it; `kvcache formats` lists the releases that this version knows
  [2]
  $ kvcache convert g.safetensors --to mlx-lm@0.18 -o x.safetensors
  kvcache convert: mlx-lm@0.18 can be read but is never written
  hint: no release in use loads it
  [2]
  $ kvcache convert g.safetensors --dtype f64 -o x.safetensors
  kvcache convert: --dtype: 'f64' is none of f16, bf16, f32
  hint: `kvcache convert --help` lists the options
  [2]

What the target cannot hold is refused, with the way out.

  $ kvcache convert "$DIALECTS/model-state.S4.safetensors" --to mlx-lm@0.31 -o x.safetensors
  kvcache convert: TESTDATA/golden/dialects/files/model-state.S4.safetensors: the file carries model state (a.position), which mlx-lm@0.31 cannot hold; without it positions of images are lost
  hint: --drop-model-state leaves it out
  [4]
  $ kvcache convert "$DIALECTS/rotating-wrapped.P4.safetensors" --class KVCache -o x.safetensors
  kvcache convert: TESTDATA/golden/dialects/files/rotating-wrapped.P4.safetensors: layer 0 (RotatingKVCache) has dropped 3 of its 11 tokens: as a KVCache every position would shift by that many
  hint: keep the window, or process the prompt again without one
  [4]
  $ kvcache convert "$DIALECTS/arrays-lengths.S3.safetensors" --to mlx-lm@0.31 -o lengths.safetensors
  warning: layer 0 (MambaCache): mlx-lm@0.31 does not store lengths; they are left out, as its own writer does
  warning: layer 1 (MambaCache): mlx-lm@0.31 does not store lengths; they are left out, as its own writer does
  converted to mlx-lm@0.31; wrote lengths.safetensors (960 B)

Lists of old files have forgotten their children; the user may know.

  $ kvcache convert "$DIALECTS/list-arrays-kv.P2.safetensors" --to mlx-lm@0.31 -o x.safetensors
  kvcache convert: TESTDATA/golden/dialects/files/list-arrays-kv.P2.safetensors: layer 0: CacheList without the classes of its children (4 arrays): no runtime can load it (KV312)
  hint: `kvcache verify TESTDATA/golden/dialects/files/list-arrays-kv.P2.safetensors` lists everything; `kvcache convert TESTDATA/golden/dialects/files/list-arrays-kv.P2.safetensors --children KVCache,ArraysCache:2 -o TESTDATA/golden/dialects/files/list-arrays-kv.P2-new.safetensors`, with what the model's layers hold, rebuilds it
  [4]
  $ kvcache convert "$DIALECTS/list-arrays-kv.P2.safetensors" --to mlx-lm@0.31 --children ArraysCache:2,KVCache -o list.safetensors
  converted to mlx-lm@0.31; wrote list.safetensors (4.29 kB)
  $ kvcache diff list.safetensors "$DIALECTS/list-arrays-kv.P3.safetensors"
  no difference in 1536 values of 3 layers
  $ kvcache convert "$DIALECTS/list-arrays-kv.P2.safetensors" --to mlx-lm@0.31 --children KVCache,KVCache -o x.safetensors
  kvcache convert: TESTDATA/golden/dialects/files/list-arrays-kv.P2.safetensors: layer 0 (CacheList): KVCache meets an array [1, 3, 8] of F16
  hint: children are classes in order: KVCache, ArraysCache:SLOTS, QuantizedKVCache:GROUP_SIZE, RotatingKVCache:MAX_SIZE:KEEP
  [4]
  $ kvcache convert "$DIALECTS/list-arrays-kv.P2.safetensors" --to mlx-lm@0.31 --children KVCash -o x.safetensors
  kvcache convert: TESTDATA/golden/dialects/files/list-arrays-kv.P2.safetensors: children: 'KVCash' is not understood
  hint: did you mean KVCache?
  [2]
  $ ls
  all.safetensors
  g.safetensors
  lengths.safetensors
  list.safetensors
