What a person wants to know first.

  $ cd "$MODELS"; kvcache inspect gemma3_text-bf16.safetensors
  gemma3_text-bf16.safetensors: 20.5 kB
    format    mlx-lm@0.31; also written by mlx-lm 0.28, mlxrs 0.1
    model     gemma3_text
    layers    4 × RotatingKVCache window 16, 2 × KVCache
    tokens    43
    batch     1
    heads     1 × 32
    elements  BF16
    size      19.2 kB, 447 B per token
    windows   4 of 4 wrapped: the oldest tokens are gone
    can trim  no: layer 0 (RotatingKVCache): the window of 16 has wrapped: 27 of
              its first tokens are gone (and 3 more layers)
    loads in  mlx-lm 0.28 to 0.31, mlxrs 0.1
    not in    mlx-lm 0.19, mlx-swift-lm 3.31 to 3.33: layer 0 (RotatingKVCache):
              it is saved as mlx-lm@0.31 saves it (4 metadata fields)
              mlx-lm 0.32: it reads nothing but mlx-lm@0.32, and fails on the list
              of classes (ValueError)
    note      mlx_lm.generate --prompt-cache-file fails without this user
              metadata: tokenizer_config; `kvcache metadata \
              gemma3_text-bf16.safetensors set \
              'tokenizer_config={"trust_remote_code": null}' --in-place`
  $ cd "$OPS"; kvcache inspect quant-f16-b4-g64.safetensors
  quant-f16-b4-g64.safetensors: 7.98 kB
    format    mlx-lm@0.31; also written by mlx-lm 0.28
    model     example/tiny
    layers    2 × QuantizedKVCache 4-bit
    tokens    12
    batch     1
    heads     2 × 128
    elements  4 bits in groups of 64 (F16 scales)
    size      6.91 kB, 576 B per token
    can trim  yes
    loads in  mlx-lm 0.28 to 0.31
    not in    mlx-lm 0.19, mlxrs 0.1, mlx-swift-lm 3.31 to 3.33: layer 0
              (QuantizedKVCache): it is saved as mlx-lm@0.31 saves it (quantized
              arrays are nested)
              mlx-lm 0.32: it reads nothing but mlx-lm@0.32, and fails on the list
              of classes (ValueError)
  $ kvcache inspect --layers cache-list.safetensors
  cache-list.safetensors: 25.9 kB
    Layer  Class            Tokens  B×H×D   Dtype     Size  Notes
    0      CacheList            12                 6.29 kB  no trim
    0.0    ArraysCache                      F16      144 B  no trim
    0.1    KVCache              12  1×2×64  F16    6.14 kB
    1      CacheList            12                 12.3 kB
    1.0    KVCache              12  1×2×64  F16    6.14 kB
    1.1    KVCache              12  1×2×64  F16    6.14 kB
    2      RotatingKVCache      12  1×2×64  F16    6.14 kB  window 16, keep 2
  
    Layers  What speaks for the format
    0-1     children are nested in the keys
    0       class ArraysCache
    0-1     empty text as metadata
    0       slots are nested
    2       4 metadata fields
  $ kvcache inspect --layers rotating-wrapped-keep.safetensors
  rotating-wrapped-keep.safetensors: 8.71 kB
    Layer  Class            Tokens  B×H×D   Dtype     Size  Notes
    0      RotatingKVCache      15  1×2×64  F16    4.10 kB  wrapped, 8 rows,
                                                            window 8, ring at row
                                                            3, keep 2, no trim
    1      RotatingKVCache      15  1×2×64  F16    4.10 kB  wrapped, 8 rows,
                                                            window 8, ring at row
                                                            3, keep 2, no trim
  
    Layers  What speaks for the format
    0-1     4 metadata fields
  $ kvcache inspect --tensors --metadata kv-f16.safetensors
  kv-f16.safetensors: 31.3 kB
    In data  Bytes  Dtype  Key  Shape
      25600   5120  F16    0.0  [1, 2, 20, 64]
      20480   5120  F16    0.1  [1, 2, 20, 64]
      15360   5120  F16    1.0  [1, 2, 20, 64]
      10240   5120  F16    1.1  [1, 2, 20, 64]
       5120   5120  F16    2.0  [1, 2, 20, 64]
          0   5120  F16    2.1  [1, 2, 20, 64]
  
    0.0 = 
    0.1 = 
    0.2 = 
    1.model = example/tiny
    1.tokenizer_config = {"trust_remote_code": false}
    2.0 = KVCache
    2.1 = KVCache
    2.2 = KVCache

Several files are a list; one that is broken does not hide the others.

  $ kvcache inspect --json kv-f16.safetensors kv-bf16.safetensors | grep -c '"schema"'
  2
  $ kvcache inspect missing.safetensors kv-f16.safetensors | head -1
  kvcache inspect: missing.safetensors: cannot be read: No such file or directory
  kv-f16.safetensors: 31.3 kB
  $ kvcache inspect missing.safetensors "$HOSTILE/json-garbage.safetensors"
  kvcache inspect: missing.safetensors: cannot be read: No such file or directory
  kvcache inspect: TESTDATA/golden/hostile/files/json-garbage.safetensors: the header is not JSON: syntax error at byte 2, near 'th'
  [5]
  $ kvcache inspect --json kv-f16.safetensors | head -12
  {
   "schema": "kvcache.inspect/1",
   "path": "kv-f16.safetensors",
   "file_bytes": 31320,
   "gzip": false,
   "format": "mlx-lm@0.31",
   "format_candidates": [
    "mlx-lm@0.19",
    "mlx-lm@0.28",
    "mlx-lm@0.31",
    "mlx-lm@2026-08",
    "mlxrs@0.1"
  $ kvcache inspect - < kv-f16.safetensors | head -2
  -: 31.3 kB
    format    mlx-lm@0.31; also written by mlx-lm 0.19 to 0.28, mlxrs 0.1
  $ gzip < kv-f16.safetensors | kvcache inspect - | head -2 | sed 's/: .*,/: SIZE,/'
  -: SIZE, gzip
    format    mlx-lm@0.31; also written by mlx-lm 0.19 to 0.28, mlxrs 0.1

A layer that cannot be understood is shown; verify says why.

  $ cd "$HOSTILE"; kvcache inspect --layers class-unknown-0.safetensors
  class-unknown-0.safetensors: 1.19 kB
    Layer  Class        Tokens  B×H×D  Dtype   Size  Notes
    0      NoSuchCache                        384 B  not understood, no trim
    1      KVCache           6  1×2×8  F16    384 B
  
    Layers  What speaks for the format
    1       empty text as metadata
  $ kvcache inspect --json class-unknown-0.safetensors | grep -c '"class": "KVCache"'
  1

Results that cannot be delivered are an error; a reader that has gone is none worth a word.

  $ kvcache inspect class-unknown-0.safetensors > /dev/full
  kvcache inspect: standard output: No space left on device
  [5]
  $ (trap '' PIPE; sleep 0.2; kvcache inspect tile-ok-forward.safetensors; echo "exit code $?" >&2) | true
  exit code 5
