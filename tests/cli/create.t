A cache of zeros, by its sizes.

  $ kvcache create --layers 2 --heads 2 --head-dim 64 --tokens 5 -o zeros.safetensors --json
  created 2 layers of 5 tokens; wrote zeros.safetensors (5.50 kB)
  {
   "schema": "kvcache.create/1",
   "path": null,
   "output": "zeros.safetensors",
   "format": "mlx-lm@0.31",
   "tokens": 5,
   "bytes": 5504,
   "layers": 2,
   "model_type": null
  }
  $ kvcache inspect --layers zeros.safetensors | grep -E '^  [0-9]'
    0      KVCache       5  1×2×64  F16    2.56 kB
    1      KVCache       5  1×2×64  F16    2.56 kB
    0-1     empty text as metadata
  $ kvcache create --layers 2 --heads 2 --head-dim 64 -o empty.safetensors && kvcache -q verify empty.safetensors
  created 2 layers of 0 tokens; wrote empty.safetensors (384 B)

Every class that needs no model.

  $ kvcache create --layers 1 --heads 2 --head-dim 64 --max-size 8 --tokens 20 -o window.safetensors
  created 1 layer of 20 tokens; wrote window.safetensors (4.35 kB)
  $ kvcache inspect --layers window.safetensors | grep -E '^  [0-9]'; kvcache -q verify window.safetensors
    0      RotatingKVCache      20  1×2×64  F16    4.10 kB  wrapped, 8 rows,
    0       4 metadata fields
  $ kvcache create --layers 1 --heads 2 --head-dim 64 --max-size 3 --tokens 20 -o narrow.safetensors
  created 1 layer of 20 tokens; wrote narrow.safetensors (1.79 kB)
  $ kvcache -q create --layers 1 --heads 2 --head-dim 64 --class QuantizedKVCache --bits 4 --tokens 20 --fill random -o q.safetensors
  $ kvcache inspect --layers q.safetensors | grep -E '^  [0-9]'; kvcache -q verify --data q.safetensors
    0      QuantizedKVCache      20  1×2×64  4b/64  2.88 kB
    0       3 metadata fields
    0       quantized arrays are nested
  $ kvcache -q create --layers 1 --heads 2 --head-dim 64 --class ChunkedKVCache --chunk-size 8 --tokens 20 -o chunk.safetensors
  $ kvcache inspect --layers chunk.safetensors | grep -E '^  [0-9]'
    0      ChunkedKVCache      20  1×2×64  F16    10.2 kB  chunk 8
    0       chunked metadata under its own class

Random values depend on the seed alone.

  $ r() { kvcache -q create --layers 2 --heads 2 --head-dim 64 --tokens 500 --fill random "$@"; }
  $ r -o a.safetensors; r --seed 0 -o b.safetensors; r --seed 1 -o c.safetensors
  $ cmp a.safetensors b.safetensors; cmp -s a.safetensors c.safetensors || echo differ
  differ
  $ kvcache -q verify --data a.safetensors
  $ cksum < a.safetensors
  884186700 512384

Any format that can be written.

  $ kvcache create --layers 2 --heads 2 --head-dim 64 --to mlx-swift-lm -o swift.safetensors
  created 2 layers of 0 tokens; wrote swift.safetensors (384 B)
  $ kvcache inspect --json swift.safetensors | grep '"format"'
   "format": "mlx-swift-lm@3.33",
  $ kvcache create --layers 2 --heads 2 --head-dim 64 --to mlx-lm@0.18 -o x.safetensors
  kvcache create: mlx-lm@0.18 can be read but is never written
  hint: no release in use loads it
  [2]
  $ kvcache create --layers 2 --heads 2 --head-dim 64 --to mlx -o x.safetensors
  kvcache create: unknown format 'mlx'
  hint: did you mean mlx-lm?
  [2]

As a model's config.json says.

  $ kvcache create --config "$CONFIGS/gemma3_text.json" --tokens 600 -o gemma.safetensors
  created 7 layers of 600 tokens; wrote gemma.safetensors (3.85 MB)
  $ kvcache inspect --layers gemma.safetensors | grep -E '^  [0-9]'
    0      RotatingKVCache     600  1×1×256  F16    524 kB  wrapped, 512 rows,
    1      RotatingKVCache     600  1×1×256  F16    524 kB  wrapped, 512 rows,
    2      KVCache             600  1×1×256  F16    614 kB
    3      RotatingKVCache     600  1×1×256  F16    524 kB  wrapped, 512 rows,
    4      RotatingKVCache     600  1×1×256  F16    524 kB  wrapped, 512 rows,
    5      KVCache             600  1×1×256  F16    614 kB
    6      RotatingKVCache     600  1×1×256  F16    524 kB  wrapped, 512 rows,
    0-1, 3-4, 6  4 metadata fields
    2, 5         empty text as metadata
  $ kvcache create --config "$CONFIGS/falcon_h1.json" --tokens 43 --to mlx-lm@2026-08 -o falcon.safetensors
  created 3 layers of 43 tokens; wrote falcon.safetensors (62.1 kB)
  $ kvcache inspect --json falcon.safetensors | grep -c '"shape"'; kvcache inspect --json "$MODELS/falcon_h1_tiny-bf16.safetensors" | grep -c '"shape"'
  18
  18
  $ kvcache create --config "$CONFIGS/llama.json" --class QuantizedKVCache --tokens 10 -o llama-q8.safetensors
  created 3 layers of 10 tokens; wrote llama-q8.safetensors (66.8 kB)
  $ kvcache create --config "$CONFIGS/olmo_hybrid.json" --tokens 10 -o x.safetensors
  kvcache create: TESTDATA/configs/olmo_hybrid.json: "olmo_hybrid": not in mlx-lm yet; its config tells of delta layers among plain ones
  hint: 'kvcache models' lists the known ones; give layers, heads and head dim yourself, or a cache that the model made
  [4]
  $ kvcache create --config zeros.safetensors -o x.safetensors
  kvcache create: zeros.safetensors: not a JSON object
  [3]
  $ kvcache create --config missing.json -o x.safetensors
  kvcache create: missing.json: cannot be read: No such file or directory
  hint: name a model's folder, or its id: owner/name
  [5]

Options that make no sense together are refused.

  $ kvcache create -o x.safetensors
  kvcache create: what to create is not given
  hint: --layers N --heads H --head-dim D, or --config config.json of a model
  [2]
  $ kvcache create --layers 2 --heads 2 -o x.safetensors
  kvcache create: what to create is not given
  hint: --layers N --heads H --head-dim D, or --config config.json of a model
  [2]
  $ kvcache create --config "$CONFIGS/llama.json" --layers 2 -o x.safetensors
  kvcache create: --config tells the layers: --layers, --heads and --head-dim do not go with it
  [2]
  $ kvcache create --config "$CONFIGS/llama.json" --class KVCache -o x.safetensors
  kvcache create: --config tells the classes: of --class only QuantizedKVCache goes with it
  [2]
  $ kvcache create --config "$CONFIGS/llama.json" --max-size 8 -o x.safetensors
  kvcache create: --config tells the windows: leave out --max-size and --chunk-size
  [2]
  $ kvcache create --layers 2 --heads 2 --head-dim 64 --class ArraysCache -o x.safetensors
  kvcache create: an ArraysCache has slots of a model's own shapes
  hint: leave out --class and give --config config.json of that model
  [2]
  $ kvcache create --layers 2 --heads 2 --head-dim 64 --class RotatingKVCache -o x.safetensors
  kvcache create: a RotatingKVCache needs the size of its window
  hint: --max-size M
  [2]
  $ kvcache create --layers 2 --heads 2 --head-dim 64 --max-size 8 --keep 8 -o x.safetensors
  kvcache create: a window of 8 tokens cannot keep 8
  hint: the window is larger than the pinned tokens
  [2]
  $ kvcache create --layers 2 --heads 2 --head-dim 64 --keep 2 -o x.safetensors
  kvcache create: --max-size and --keep belong to --class RotatingKVCache
  [2]
  $ kvcache create --layers 2 --heads 2 --head-dim 64 --bits 4 -o x.safetensors
  kvcache create: --bits and --group-size belong to --class QuantizedKVCache
  [2]
  $ kvcache create --layers 2 --heads 2 --head-dim 65 --class QuantizedKVCache -o x.safetensors
  kvcache create: layer 0 (KVCache): group size 64 does not divide the head dims 65 (keys) and 65 (values)
  hint: no group size (32, 64, 128) divides them
  [4]
  $ kvcache create --layers 2 --heads 2 --head-dim 64 --seed 4 -o x.safetensors
  kvcache create: --seed belongs to --fill random
  [2]
  $ kvcache create --layers 2 --heads 2147483647 --head-dim 2147483647 --tokens 2147483647 -o x.safetensors
  kvcache create: F16 [1, 2147483647, 2147483647, 2147483647] has 2^63 bytes or more
  [2]
  $ kvcache create --layers 2 --heads 2 --head-dim 64 -o zeros.safetensors
  kvcache create: output zeros.safetensors exists
  hint: --force replaces it
  [2]
  $ ls
  a.safetensors
  b.safetensors
  c.safetensors
  chunk.safetensors
  empty.safetensors
  falcon.safetensors
  gemma.safetensors
  llama-q8.safetensors
  narrow.safetensors
  q.safetensors
  swift.safetensors
  window.safetensors
  zeros.safetensors
