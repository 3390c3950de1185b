  $ cp "$MODELS/llama-f16.safetensors" chat.safetensors
  $ kvcache metadata chat.safetensors set note='one two' lang=de --in-place
  set 2 metadata values; wrote chat.safetensors (44.8 kB)
  $ kvcache metadata chat.safetensors get note
  one two
  $ kvcache metadata chat.safetensors list --json
  {
   "schema": "kvcache.metadata/1",
   "path": "chat.safetensors",
   "metadata": {
    "lang": "de",
    "model": "llama",
    "n_tokens": "43",
    "note": "one two"
   }
  }
  $ kvcache metadata chat.safetensors unset lang --in-place
  unset 1 metadata value; wrote chat.safetensors (44.8 kB)
  $ kvcache metadata chat.safetensors get lang
  kvcache metadata: chat.safetensors: no metadata 'lang'
  hint: `kvcache metadata chat.safetensors list` shows what is there
  [4]
  $ kvcache metadata chat.safetensors unset lang --in-place
  kvcache metadata: chat.safetensors: no metadata 'lang' to unset
  [4]

Keys that mlx-lm would mangle are refused, unless that is wanted.

  $ kvcache metadata chat.safetensors set 5=x --in-place
  kvcache metadata: chat.safetensors: mlx-lm returns another structure for the key '5' than what was stored
  hint: letters, digits, _ and -, not a digit first; --force stores it all the same
  [2]
  $ kvcache metadata chat.safetensors set a.b=x -o forced.safetensors --force
  set 1 metadata value; wrote forced.safetensors (44.8 kB)
  $ kvcache metadata chat.safetensors set __mlx_lm_state_count=1 --in-place --force
  kvcache metadata: chat.safetensors: '__mlx_lm_state_count' belongs to the model state of mlx-swift-lm
  hint: choose another key
  [2]

  $ kvcache metadata chat.safetensors strip -o shared.safetensors
  removed 3 metadata values; the keys and values themselves still hold the prompt, and cannot be stripped; wrote shared.safetensors (44.7 kB)
  $ kvcache metadata shared.safetensors list
  $ kvcache metadata chat.safetensors frobnicate
  kvcache metadata: ACTION: 'frobnicate' is none of get, set, unset, strip, list
  hint: `kvcache metadata --help` lists the options
  [2]

What is stored is what most want to see.

  $ kvcache metadata chat.safetensors
  model=llama
  n_tokens=43
  note=one two
