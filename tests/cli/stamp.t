A stamp makes damage visible: a checksum of every array, in the file's own metadata.

  $ cp "$MODELS/llama-f16.safetensors" chat.safetensors; export SOURCE_DATE_EPOCH=1795262400
  $ kvcache stamp chat.safetensors -o stamped.safetensors
  stamped 8 arrays; wrote stamped.safetensors (45.1 kB)
  $ kvcache metadata stamped.safetensors get kvcache_stamp | sed 's/"tool":"[^"]*"/"tool":"..."/'
  {"schema":"kvcache.stamp/1","time":"2026-11-21T12:00:00Z","tool":"...","crc32":{"0.0":"4732a36a","0.1":"71668291","1.0":"68a1efd8","1.1":"76c7c102","2.0":"c6c1b05c","2.1":"1b14715f","3.0":"137a2396","3.1":"383dbac1"}}
  $ kvcache verify -q stamped.safetensors
  $ kvcache stamp chat.safetensors -o again.safetensors; cmp stamped.safetensors again.safetensors
  stamped 8 arrays; wrote again.safetensors (45.1 kB)
  $ kvcache diff chat.safetensors stamped.safetensors
  no difference in 22016 values of 4 layers

One flipped bit, anywhere.

  $ cp stamped.safetensors damaged.safetensors
  $ printf '\001' | dd of=damaged.safetensors bs=1 seek=20000 conv=notrunc status=none
  $ kvcache verify -q damaged.safetensors
  damaged.safetensors: error KV802 layer 1: array 1.1 has CRC-32 8d99a649, but 76c7c102 in the stamp: its data were damaged or changed since
    hint: copy the file again from where it was stamped, or make it again
  [1]
  $ gzip -n < damaged.safetensors | kvcache verify -q -
  -: error KV802 layer 1: array 1.1 has CRC-32 8d99a649, but 76c7c102 in the stamp: its data were damaged or changed since
    hint: copy the file again from where it was stamped, or make it again
  [1]
  $ kvcache verify --json damaged.safetensors | grep -A 3 '"code"'
       "code": "KV802",
       "severity": "error",
       "where": "layer 1",
       "key": "1.1",
  $ kvcache stamp damaged.safetensors --in-place
  kvcache stamp: damaged.safetensors: array 1.1 has CRC-32 8d99a649, but 76c7c102 in the stamp that it has: it was damaged or changed
  hint: if it was changed on purpose, `kvcache metadata damaged.safetensors unset kvcache_stamp --in-place` removes the old stamp
  [4]

With the model and the prompt.

  $ mkdir model; cp "$CONFIGS/llama.json" model/config.json; echo '{}' > model/tokenizer.json
  $ seq 100 142 > ids; printf 'Once upon a time\n' > prompt
  $ kvcache stamp chat.safetensors --model model --tokens ids --text prompt -o full.safetensors
  stamped 8 arrays, 2 model files, 43 token ids, 17 B of prompt; wrote full.safetensors (45.6 kB)
  $ kvcache metadata full.safetensors get kvcache_stamp | sed 's/"tool":"[^"]*"/"tool":"..."/; s/"crc32":{[^}]*}/"crc32":{...}/'
  {"schema":"kvcache.stamp/1","time":"2026-11-21T12:00:00Z","tool":"...","model_type":"llama","model_sha256":{"config.json":"134d273bf267f097d9559b45be1f7443b3ca790352cf361adc799195cab9c88c","tokenizer.json":"ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"},"crc32":{...},"tokens":{"count":43,"sha256":"8df7356bcd81c22717ceb85882880d43c045688e09e7ba447720d184378b57ee","ids":[100,101,102,103,104,105,106,107,108,109,110,111,112,113,114,115,116,117,118,119,120,121,122,123,124,125,126,127,128,129,130,131,132,133,134,135,136,137,138,139,140,141,142]},"text":"Once upon a time\n"}
  $ kvcache stamp full.safetensors --in-place --json | sed 's/"bytes": .*/"bytes": .../'
  stamped 8 arrays, 2 model files, 43 token ids, 17 B of prompt; wrote full.safetensors (45.6 kB)
  {
   "schema": "kvcache.stamp/1",
   "path": "full.safetensors",
   "output": "full.safetensors",
   "format": "mlx-lm@0.31",
   "tokens": 43,
   "bytes": ...
   "stamp": {
    "time": "2026-11-21T12:00:00Z",
    "arrays": 8,
    "model_files": [
     "config.json",
     "tokenizer.json"
    ],
    "token_ids": 43,
    "text_bytes": 17
   }
  }
  $ head -n 40 ids > few; kvcache stamp chat.safetensors --tokens few -o x.safetensors
  kvcache stamp: chat.safetensors: 40 token ids, but the cache holds 43 tokens
  hint: give the ids of exactly the tokens that were processed
  [4]
  $ echo '[1, 2, -3]' > bad; kvcache stamp chat.safetensors --tokens bad -o x.safetensors
  kvcache stamp: bad: '-3' is no token id (number 3)
  hint: a JSON list of integers, or integers separated by blanks or commas
  [2]
  $ printf 'caf\351' > latin1; kvcache stamp chat.safetensors --text latin1 -o x.safetensors
  kvcache stamp: latin1: not UTF-8 (at byte 3)
  hint: metadata hold text only; convert it first
  [2]
  $ for input in "--text prompt -o prompt" "--tokens ids -o ids" "--model model -o model/config.json"; do kvcache stamp chat.safetensors $input --force; done
  kvcache stamp: output prompt is the input itself
  hint: name a new file
  kvcache stamp: output ids is the input itself
  hint: name a new file
  kvcache stamp: output model/config.json is the input itself
  hint: name a new file
  [2]
  $ kvcache stamp chat.safetensors --text missing -o x.safetensors
  kvcache stamp: missing: cannot be read: No such file or directory
  [5]
  $ kvcache stamp chat.safetensors --model . -o x.safetensors
  kvcache stamp: .: config.json cannot be read: No such file or directory
  hint: name the folder of the model, with its config.json
  [5]
  $ SOURCE_DATE_EPOCH=today kvcache stamp chat.safetensors -o x.safetensors
  kvcache stamp: SOURCE_DATE_EPOCH is 'today'
  hint: seconds since 1970, as an integer
  [2]
  $ kvcache stamp "$OPS/batch-4-aligned.safetensors" --text prompt -o x.safetensors
  kvcache stamp: TESTDATA/golden/ops/files/batch-4-aligned.safetensors: it is a batch of 3 sequences, a stamp holds one prompt
  hint: `kvcache extract TESTDATA/golden/ops/files/batch-4-aligned.safetensors --all -o sequences` makes a file of each, which can be stamped
  [4]
  $ test -e x.safetensors
  [1]

A file against its model: the layers, and what the stamp says of its files.

  $ kvcache create --config model --tokens 43 -o of-model.safetensors
  created 3 layers of 43 tokens; wrote of-model.safetensors (529 kB)
  $ kvcache -q stamp of-model.safetensors --model model --tokens ids --in-place
  $ kvcache verify -q --model model of-model.safetensors
  $ kvcache verify -q --model model full.safetensors
  full.safetensors: error KV814 layer 0: KV heads: 2, the model has 8 (and 2 more layers)
  full.safetensors: error KV814 layer 0: key head dim 32, the model has 128 (and 2 more layers)
  full.safetensors: error KV814 layer 0: value head dim 32, the model has 128 (and 2 more layers)
  [1]
  $ echo '{"a":1}' > model/tokenizer.json
  $ kvcache verify -q --model model of-model.safetensors
  of-model.safetensors: error KV821 metadata: tokenizer.json of the model is not the one that was there when the file was stamped
    hint: this is another model, or another revision of it
  [1]
  $ kvcache verify -q --model missing of-model.safetensors
  kvcache verify: missing: cannot be read: No such file or directory
  hint: name a model's folder, or its id: owner/name
  [5]
  $ kvcache verify -q --model . of-model.safetensors
  kvcache verify: .: config.json cannot be read: No such file or directory
  hint: name the folder of the model, with its config.json
  [5]

Edits leave in the stamp what is still true.

  $ kvcache metadata full.safetensors set note=x -o noted.safetensors
  set 1 metadata value; wrote noted.safetensors (45.6 kB)
  $ kvcache convert full.safetensors --to mlx-swift-lm -o swift.safetensors
  converted to mlx-swift-lm@3.31; wrote swift.safetensors (45.6 kB)
  $ kvcache quantize full.safetensors --bits 8 --group-size 32 -o q8.safetensors
  quantized 4 of 4 layers to 8 bits in groups of 32, 60 % of 45.6 kB; wrote q8.safetensors (27.5 kB); checksums dropped from its stamp
  $ kvcache trim full.safetensors -n 3 -o trimmed.safetensors --json
  trimmed 3 of 43 tokens: 40 left; wrote trimmed.safetensors (42.0 kB); checksums, token ids, text dropped from its stamp
  {
   "schema": "kvcache.trim/1",
   "path": "full.safetensors",
   "output": "trimmed.safetensors",
   "format": "mlx-lm@0.31",
   "tokens": 40,
   "bytes": 42048,
   "dropped_from_stamp": [
    "checksums",
    "token ids",
    "text"
   ],
   "trimmed": 3
  }
  $ kvcache -q trim stamped.safetensors -n 3 -o plain.safetensors; kvcache metadata plain.safetensors list
  model=llama
  n_tokens=43
  $ kvcache verify -q noted.safetensors swift.safetensors q8.safetensors trimmed.safetensors plain.safetensors
  $ kvcache convert q8.safetensors --to mlx-lm@0.31 -o q8-again.safetensors; kvcache stamp q8-again.safetensors --in-place
  converted to mlx-lm@0.31; wrote q8-again.safetensors (27.5 kB)
  stamped 24 arrays, 2 model files, 43 token ids, 17 B of prompt; wrote q8-again.safetensors (28.0 kB)
  $ kvcache convert q8-again.safetensors --to mlx-swift-lm -o q8-swift.safetensors && kvcache verify -q q8-swift.safetensors
  converted to mlx-swift-lm@3.31; wrote q8-swift.safetensors (28.0 kB)
  $ kvcache merge full.safetensors trimmed.safetensors -o batch.safetensors
  merged 2 caches into a batch, the longest of 43 tokens; wrote batch.safetensors (89.7 kB); checksums, token ids, text dropped from its stamp
  $ kvcache stamp batch.safetensors -o batch2.safetensors && kvcache extract batch2.safetensors --all -o sequences
  stamped 16 arrays, 2 model files; wrote batch2.safetensors (90.1 kB)
  extracted 2 sequences; wrote 2 files in sequences (87.2 kB); checksums dropped from its stamp
  $ kvcache verify -q -r sequences

Sharing: what a stamp says of the prompt goes with everything else.

  $ kvcache metadata full.safetensors strip -o shared.safetensors
  removed 3 metadata values; the keys and values themselves still hold the prompt, and cannot be stripped; wrote shared.safetensors (44.7 kB)
  $ grep -c -a -e 'Once upon' -e kvcache_stamp shared.safetensors
  0
  [1]

Whatever somebody stored under its name.

  $ kvcache -q metadata chat.safetensors set 'kvcache_stamp={"schema":"kvcache.stamp/1","crc32":{"0.0":{}}}' -o hostile.safetensors
  $ kvcache verify hostile.safetensors | head -n 2
  hostile.safetensors: warning KV801 metadata: the stamp cannot be read: '0.0' is an object; nothing was compared with it
    hint: `kvcache stamp hostile.safetensors -o hostile-new.safetensors` replaces it
  $ kvcache -q stamp hostile.safetensors --in-place && kvcache verify -q hostile.safetensors
  $ kvcache -q metadata chat.safetensors set 'kvcache_stamp={"schema":"kvcache.stamp/1","crc32":{"9.9":"00000000"}}' -o hostile2.safetensors
  $ kvcache verify -q hostile2.safetensors
  hostile2.safetensors: error KV803: array 9.9 is in the stamp, but not in the file
    hint: copy the file again from where it was stamped, or make it again
  hostile2.safetensors: error KV803: array 0.0 is in the file, but not in its stamp
    hint: copy the file again from where it was stamped, or make it again
  hostile2.safetensors: error KV803: array 0.1 is in the file, but not in its stamp
    hint: copy the file again from where it was stamped, or make it again
  hostile2.safetensors: error KV803: array 1.0 is in the file, but not in its stamp
    hint: copy the file again from where it was stamped, or make it again
  hostile2.safetensors: error KV803: array 1.1 is in the file, but not in its stamp
    hint: copy the file again from where it was stamped, or make it again
  hostile2.safetensors: error KV803: array 2.0 is in the file, but not in its stamp
    hint: copy the file again from where it was stamped, or make it again
  hostile2.safetensors: error KV803: array 2.1 is in the file, but not in its stamp
    hint: copy the file again from where it was stamped, or make it again
  hostile2.safetensors: error KV803: array 3.0 is in the file, but not in its stamp
    hint: copy the file again from where it was stamped, or make it again
  hostile2.safetensors: error KV803: array 3.1 is in the file, but not in its stamp
    hint: copy the file again from where it was stamped, or make it again
  [1]

A stamp in words.

  $ printf 'Once upon a time' > prompt.txt; kvcache -q stamp "$MODELS/llama-f16.safetensors" --text prompt.txt -o words.safetensors
  $ kvcache inspect words.safetensors | grep stamp | sed 's/of [^,]*,/of TIME,/'
    stamp     of TIME, checksums of 8 arrays, its text, 16 B
  $ kvcache -q metadata words.safetensors set kvcache_stamp=none --force --in-place; kvcache inspect words.safetensors | grep stamp
    stamp     not understood; `kvcache verify` explains
