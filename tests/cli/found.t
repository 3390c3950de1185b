Small defects that were found by using the tool, one after the other.

A class is missing: nothing that counts layers means anything after it, so that this is all that is said.

  $ kvcache verify "$HOSTILE/key-class-gap.safetensors"
  TESTDATA/golden/hostile/files/key-class-gap.safetensors: error KV203: 2 classes, but the last one is that of layer 2
  [1]

Standard input can be read once.

  $ kvcache diff - - <"$MODELS/llama-f16.safetensors"
  kvcache diff: standard input is named twice
  hint: it can be read once: save it to a file first
  [2]
  $ kvcache inspect - - <"$MODELS/llama-f16.safetensors"
  kvcache inspect: standard input is named twice
  hint: it can be read once: save it to a file first
  [2]
  $ kvcache verify - - <"$MODELS/llama-f16.safetensors"
  kvcache verify: standard input is named twice
  hint: it can be read once: save it to a file first
  [2]
  $ kvcache append - --update - --in-place <"$MODELS/llama-f16.safetensors"
  kvcache append: standard input is named twice
  hint: it can be read once: save it to a file first
  [2]

An empty value is a mistake, not an option that is not given.

  $ kvcache quantize "$MODELS/llama-f16.safetensors" --bits 4 --layers '' -o out.safetensors
  kvcache quantize: --layers: the value is empty
  hint: `kvcache quantize --help` lists the options
  [2]
  $ kvcache diff "$MODELS/llama-f16.safetensors" "$MODELS/llama-f16.safetensors" --tolerance ''
  kvcache diff: --tolerance: the value is empty
  hint: `kvcache diff --help` lists the options
  [2]
  $ kvcache convert "$MODELS/llama-f16.safetensors" --to mlx-lm@0.31 --children '' -o out.safetensors
  kvcache convert: --children: the value is empty
  hint: `kvcache convert --help` lists the options
  [2]
  $ kvcache estimate --config '' --tokens 1
  kvcache estimate: --config: the value is empty
  hint: `kvcache estimate --help` lists the options
  [2]

Estimates beyond what a number holds, of what cannot be quantized, and of two things at once.

  $ echo '{"model_type": "llama", "num_hidden_layers": 1, "num_key_value_heads": 2147483647, "head_dim": 2147483647, "hidden_size": 64, "num_attention_heads": 2}' >huge.json
  $ kvcache estimate --config huge.json --tokens 2147483647 --batch 65536
  kvcache estimate: huge.json: the cache would have more than 2^63 bytes
  hint: fewer tokens, sequences or heads
  [2]
  $ kvcache create --layers 2 --heads 2 --head-dim 32 --tokens 8 -q -o narrow.safetensors
  $ kvcache estimate --like narrow.safetensors --tokens 1000 --bits 4
  1000 tokens    size  per new token  of plain
  F16          512 kB          512 B     100 %
  4 bits       160 kB          160 B      31 %
  in groups of 32 (--group-size 32): keys are 32 wide, which 64 does not divide
  $ kvcache estimate --like narrow.safetensors --config huge.json --tokens 1
  kvcache estimate: --config and --like exclude each other
  hint: give one of them
  [2]

Nothing is written that could not be read again, and no input is overwritten.

  $ kvcache create --layers 20000 --heads 1 --head-dim 64 -o out.safetensors
  kvcache create: 20000 layers: kvcache reads no more than 16384
  hint: no model has that many
  [4]
  $ kvcache create --layers 16384 --heads 1 --head-dim 64 --class QuantizedKVCache -o out.safetensors
  kvcache create: the header would have 98304 tensors; kvcache reads no more than 65535
  hint: fewer layers, or less metadata
  [4]
  $ kvcache create --config huge.json --tokens 1 -o huge.json --force
  kvcache create: output huge.json is the input itself
  hint: name a new file
  [2]
  $ kvcache mask narrow.safetensors --queries 2 --array -o narrow.safetensors --force
  kvcache mask: output narrow.safetensors is the input itself
  hint: name a new file
  [2]
  $ cp "$OPS/kv-1-update.safetensors" update.safetensors
  $ kvcache append narrow.safetensors --update update.safetensors -o update.safetensors --force
  kvcache append: output update.safetensors is the input itself
  hint: name a new file
  [2]
  $ kvcache trim narrow.safetensors -n 1 -o newdir/
  trimmed 1 of 8 tokens: 7 left; wrote newdir/narrow.safetensors (3.97 kB)

Brackets and dashes are characters like others.

  $ kvcache metadata narrow.safetensors get '[model]'
  kvcache metadata: narrow.safetensors: no metadata '[model]'
  hint: `kvcache metadata narrow.safetensors list` shows what is there
  [4]
  $ kvcache metadata narrow.safetensors set '[a]=1' -o out.safetensors
  kvcache metadata: narrow.safetensors: mlx-lm returns another structure for the key '[a]' than what was stored
  hint: letters, digits, _ and -, not a digit first; --force stores it all the same
  [2]
  $ kvcache inspect '[nope]'
  kvcache inspect: [nope]: cannot be read: No such file or directory
  [5]
  $ kvcache merge '[a,b]' -o out.safetensors
  kvcache merge: [a,b]: cannot be read: No such file or directory
  [5]
  $ kvcache metadata -o out.safetensors --force -- narrow.safetensors set x=-1
  set 1 metadata value; wrote out.safetensors (4.48 kB)
  $ kvcache metadata --in-place -- out.safetensors unset -key
  kvcache metadata: out.safetensors: no metadata '-key' to unset
  [4]
  $ kvcache inspect -- -nope
  kvcache inspect: -nope: cannot be read: No such file or directory
  [5]

  $ kvcache metadata narrow.safetensors set "$(printf 'a=\377')" -o bad.safetensors
  kvcache metadata: narrow.safetensors: 'a=\xff' is not UTF-8 (at its byte 2)
  hint: metadata is text: encode other bytes first, for example with base64
  [2]
  $ kvcache --color foo inspect narrow.safetensors
  kvcache inspect: --color: 'foo' is none of auto, always, never
  hint: `kvcache --help` lists the commands
  [2]

A chunked layer that has dropped nothing holds as many tokens as rows, whatever the other layers say.

  $ kvcache trim "$OPS/../../found/files/chunk-more-rows.safetensors" -n 0 -q -o same.safetensors
  $ kvcache inspect --json same.safetensors | grep '"rows"'
     "rows": 40,
     "rows": 48,

Who stops reading needs no message about it.

  $ kvcache create --layers 2000 --heads 1 --head-dim 1 --tokens 1 -q -o many.safetensors
  $ kvcache inspect --tensors many.safetensors | head -1
  many.safetensors: 345 kB

Integers that differ have no error.

  $ cp "$DIALECTS/arrays-int.P3.safetensors" other.safetensors
  $ printf '\001' | dd of=other.safetensors bs=1 seek=$(($(wc -c <other.safetensors) - 1)) conv=notrunc status=none
  $ kvcache diff "$DIALECTS/arrays-int.P3.safetensors" other.safetensors
  layer          token  differ  max err  RMS err  over the tokens
      0  slot 0         33.3 %
  [1]
  $ kvcache diff --json "$DIALECTS/arrays-int.P3.safetensors" other.safetensors | grep -B1 'rms_error": null'
       "max_error": null,
       "rms_error": null
