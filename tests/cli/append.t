New tokens go behind the old ones, in every layer.

  $ kvcache create --layers 3 --heads 2 --head-dim 64 --tokens 5 --dtype f16 -o kv.safetensors
  created 3 layers of 5 tokens; wrote kv.safetensors (8.19 kB)
  $ kvcache append "$OPS/kv-f16.safetensors" --update "$OPS/kv-7-update.safetensors" -o out.safetensors --json
  appended 7 tokens: 27 now; wrote out.safetensors (42.1 kB)
  {
   "schema": "kvcache.append/1",
   "path": "TESTDATA/golden/ops/files/kv-f16.safetensors",
   "output": "out.safetensors",
   "format": "mlx-lm@0.31",
   "tokens": 27,
   "bytes": 42112,
   "appended": 7
  }
  $ kvcache -q append kv.safetensors --update "$OPS/kv-7-update.safetensors" --in-place; kvcache inspect --layers kv.safetensors | grep -E '^  [0-9]'
    0      KVCache      12  1×2×64  F16    6.14 kB
    1      KVCache      12  1×2×64  F16    6.14 kB
    2      KVCache      12  1×2×64  F16    6.14 kB
    0-2     empty text as metadata

Beside recurrent state nothing is appended: only the model can move that along. An update is any safetensors file of these names; this one
holds two arrays of zeros.

  $ header='{"2.keys":{"dtype":"F16","shape":[1,8,1,64],"data_offsets":[0,1024]},"2.values":{"dtype":"F16","shape":[1,8,1,64],"data_offsets":[1024,2048]}}'
  $ (printf "\\$(printf %o ${#header})\0\0\0\0\0\0\0%s" "$header"; head -c 2048 /dev/zero) > step.safetensors
  $ kvcache -q create --config "$CONFIGS/lfm2.json" --tokens 5 -o lfm2.safetensors
  $ kvcache append lfm2.safetensors --update step.safetensors -o x.safetensors
  kvcache append: lfm2.safetensors: layer 0 (ArraysCache) holds recurrent state, which takes no keys and values and would stay behind the new tokens
  hint: let the model process the tokens: only it can move the state along
  [4]
  $ kvcache append "$OPS/arrays.safetensors" --update "$OPS/kv-7-update.safetensors" -o x.safetensors
  kvcache append: TESTDATA/golden/ops/files/arrays.safetensors: layer 0 (ArraysCache) holds recurrent state, which takes no keys and values and would stay behind the new tokens
  hint: let the model process the tokens: only it can move the state along
  [4]

Nothing is written unless every array fits: one is missing, one has no layer, shapes differ.

  $ kvcache -q create --layers 1 --heads 2 --head-dim 64 --tokens 5 -o one.safetensors
  $ kvcache append "$OPS/kv-12-layers.safetensors" --update "$OPS/kv-7-update.safetensors" -o x.safetensors
  kvcache append: TESTDATA/golden/ops/files/kv-12-layers.safetensors: layer 0 (KVCache): the update does not fit this KVCache: KV heads 1 and 2
  hint: keys and values of an update are [B, H, N, D], with the cache's own B, H, D and dtype
  [4]
  $ kvcache append one.safetensors --update "$OPS/kv-7-update.safetensors" -o x.safetensors
  kvcache append: one.safetensors: the update's 1.keys belongs to no layer
  hint: name arrays LAYER.keys and LAYER.values, in a CacheList LAYER.CHILD.keys and LAYER.CHILD.values
  [2]
  $ kvcache append "$OPS/merged.safetensors" --update "$OPS/kv-7-update.safetensors" -o x.safetensors
  kvcache append: TESTDATA/golden/ops/files/merged.safetensors: layer 0 (BatchKVCache): the update does not fit this BatchKVCache: batch sizes 3 and 1
  hint: keys and values of an update are [B, H, N, D], with the cache's own B, H, D and dtype
  [4]
  $ kvcache append "$OPS/kv-f16.safetensors" --update "$OPS/kv-f16.safetensors" -o x.safetensors
  kvcache append: TESTDATA/golden/ops/files/kv-f16.safetensors: layer 0 (KVCache): the update has no 0.keys
  hint: every layer with keys and values takes the same tokens
  [4]
  $ kvcache append "$OPS/kv-bf16.safetensors" --update "$OPS/kv-7-update.safetensors" -o x.safetensors
  kvcache append: TESTDATA/golden/ops/files/kv-bf16.safetensors: layer 0 (KVCache): the update does not fit this KVCache: key dtypes BF16 and F16
  hint: keys and values of an update are [B, H, N, D], with the cache's own B, H, D and dtype
  [4]

Both files are checked by name.

  $ kvcache append kv.safetensors -o x.safetensors
  kvcache append: --update is required
  hint: `kvcache append --help` lists the options
  [2]
  $ kvcache append kv.safetensors --update missing.safetensors -o x.safetensors
  kvcache append: missing.safetensors: cannot be read: No such file or directory
  [5]
  $ kvcache append kv.safetensors --update "$HOSTILE/json-garbage.safetensors" -o x.safetensors
  kvcache append: TESTDATA/golden/hostile/files/json-garbage.safetensors: the header is not JSON: syntax error at byte 2, near 'th'
  [3]
  $ cp "$OPS/kv-7-update.safetensors" u.safetensors; kvcache append kv.safetensors --update u.safetensors -o u.safetensors --force
  kvcache append: output u.safetensors is the input itself
  hint: name a new file
  [2]
  $ ls
  kv.safetensors
  lfm2.safetensors
  one.safetensors
  out.safetensors
  step.safetensors
  u.safetensors
