What the tool suggests can be copied into a shell as it is: whole, quoted where it has to be, and never broken across lines.

  $ cp "$MODELS/llama-f16.safetensors" "it's a cache.safetensors"
  $ cp "$MODELS/llama-f16.safetensors" -- -dash.safetensors
  $ deep=a-folder-with-a-long-name-0123456789/and-another-one-0123456789/and-yet-another-one-0123456789
  $ mkdir -p "$deep"; cp "$HOSTILE/layers-batch-differs.safetensors" "$deep/differs.safetensors"
  $ kvcache verify --for mlx-swift-lm "it's a cache.safetensors"
  it's a cache.safetensors: error KV720: mlx-swift-lm@3.31: layer 0 (KVCache): it is saved as mlx-lm@0.31 saves it (empty text as metadata)
    hint: kvcache convert 'it'\''s a cache.safetensors' --to mlx-swift-lm@3.31 -o 'it'\''s a cache-new.safetensors'
  [1]
  $ kvcache verify --for mlx-swift-lm -- -dash.safetensors
  -dash.safetensors: error KV720: mlx-swift-lm@3.31: layer 0 (KVCache): it is saved as mlx-lm@0.31 saves it (empty text as metadata)
    hint: kvcache convert ./-dash.safetensors --to mlx-swift-lm@3.31 -o ./-dash-new.safetensors
  [1]
  $ kvcache trim "$deep/differs.safetensors" -n 1 -o out.safetensors
  kvcache trim: a-folder-with-a-long-name-0123456789/and-another-one-0123456789/and-yet-another-one-0123456789/differs.safetensors: layer 1: batch size 2, but layer 0 has 1: layers of one cache hold the same sequences (KV501)
  hint: `kvcache verify a-folder-with-a-long-name-0123456789/and-another-one-0123456789/and-yet-another-one-0123456789/differs.safetensors` lists everything
  [4]
  $ kvcache metadata "$deep/differs.safetensors" get nothing
  kvcache metadata: a-folder-with-a-long-name-0123456789/and-another-one-0123456789/and-yet-another-one-0123456789/differs.safetensors: no metadata 'nothing'
  hint: `kvcache metadata a-folder-with-a-long-name-0123456789/and-another-one-0123456789/and-yet-another-one-0123456789/differs.safetensors list` shows what is there
  [4]
  $ cp "$HOSTILE/tile-ok-forward.safetensors" "$(printf 'red\033[31m.safetensors')"
  $ kvcache verify --for mlx-swift-lm red*
  red\x1b[31m.safetensors: error KV720: mlx-swift-lm@3.31: layer 0 (KVCache): it is saved as mlx-lm@0.31 saves it (empty text as metadata)
    hint: kvcache convert $'red\033[31m.safetensors' --to mlx-swift-lm@3.31 -o $'red\033[31m-new.safetensors'
  [1]
  $ kvcache inspect "it's a cache.safetensors" | tail -3
              metadata: tokenizer_config; `kvcache metadata \
              'it'\''s a cache.safetensors' set \
              'tokenizer_config={"trust_remote_code": null}' --in-place`

From standard input no second command can read, and a file with errors takes no metadata.

  $ kvcache inspect - <"$MODELS/llama-f16.safetensors" | tail -3
    note      mlx_lm.generate --prompt-cache-file fails without this user
              metadata: tokenizer_config; `kvcache metadata FILE set \
              'tokenizer_config={"trust_remote_code": null}' --in-place`
  $ kvcache inspect "$deep/differs.safetensors" | grep -c note
  0
  [1]

A batched window can be converted, but no release of mlx-lm loads the result.

  $ kvcache verify --for mlx-lm@0.31 --for mlx-lm@0.31 "$DIALECTS/batch-rotating.R1.safetensors" >said
  [1]
  $ grep KV720 -A1 said
  TESTDATA/golden/dialects/files/batch-rotating.R1.safetensors: error KV720: mlx-lm@0.31: layer 0 (BatchRotatingKVCache): it takes the text of 'rotated' for true, or raises at the first update after loading
    hint: kvcache extract TESTDATA/golden/dialects/files/batch-rotating.R1.safetensors --all -o sequences
  $ kvcache extract "$DIALECTS/batch-rotating.R1.safetensors" --all -o parts -q
  $ kvcache verify -q --for mlx-lm@0.31 parts/*

Words of other tools.

  $ kvcache list
  kvcache: unknown command 'list'
  hint: did you mean `kvcache ls`?
  [2]
  $ kvcache check "it's a cache.safetensors"
  kvcache: unknown command 'check'
  hint: did you mean `kvcache verify 'it'\''s a cache.safetensors'`?
  [2]
  $ kvcache show -- -dash.safetensors
  kvcache: unknown command 'show'
  hint: did you mean `kvcache inspect ./-dash.safetensors`?
  [2]
  $ kvcache info
  kvcache: unknown command 'info'
  hint: did you mean `kvcache inspect`?
  [2]
  $ kvcache rm x.safetensors
  kvcache: unknown command 'rm'
  hint: prune deletes caches by age, size, model or damage: `kvcache prune --help`
  [2]
  $ kvcache trmi "it's a cache.safetensors" -n 7 -o out.safetensors
  kvcache: unknown command 'trmi'
  hint: did you mean `kvcache trim 'it'\''s a cache.safetensors' -n 7 -o out.safetensors`?
  [2]
  $ kvcache nonsense
  kvcache: unknown command 'nonsense'
  hint: `kvcache --help` lists the commands
  [2]
  $ kvcache convert "it's a cache.safetensors" --to swift -o out.safetensors
  kvcache convert: unknown format 'swift'
  hint: did you mean mlx-swift-lm?
  [2]
  $ kvcache convert "it's a cache.safetensors" --to gguf -o out.safetensors
  kvcache convert: unknown format 'gguf'
  hint: mlx-lm, mlx-swift-lm or mlxrs, or one of their releases, such as mlx-lm@0.30.7; `kvcache formats` lists them
  [2]

What has to be done first is said.

  $ kvcache create --layers 1 --heads 1 --head-dim 64 --tokens 4 --class QuantizedKVCache -q -o quantized.safetensors
  $ kvcache merge quantized.safetensors quantized.safetensors -o merged.safetensors
  kvcache merge: layer 0 (QuantizedKVCache): QuantizedKVCache has no merge
  hint: `kvcache dequantize FILE -o OUT` makes a KVCache of it first
  [4]
  $ kvcache quantize quantized.safetensors --bits 4 -o again.safetensors
  quantized 0 of 1 layer to 4 bits in groups of 64, 100 % of 1.06 kB; left alone: layer 0 (quantized already: --requantize decodes it first); wrote again.safetensors (1.06 kB)
