Eras, their releases, and who reads whose files.

  $ kvcache formats
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
  $ kvcache formats --json | sed -n '1,12p'
  {
   "schema": "kvcache.formats/1",
   "formats": [
    {
     "id": "mlx-lm@0.18",
     "alias": null,
     "letter": "L0",
     "runtime": "mlx-lm",
     "writable": false,
     "released": true,
     "releases": [
      {

A release is an id like any other, and so is a series; a number alone, where only one runtime has had it.

  $ kvcache convert "$DIALECTS/mamba.P3.safetensors" --to mlx-lm@0.30.0 -o mamba.safetensors
  converted to mlx-lm@0.30.0; wrote mamba.safetensors (704 B)
  $ kvcache inspect mamba.safetensors --json | grep -m1 '"class"'
     "class": "MambaCache",
  $ kvcache convert mamba.safetensors --to 0.30.7 -o arrays.safetensors
  converted to mlx-lm@0.30.7; wrote arrays.safetensors (704 B)
  $ kvcache inspect arrays.safetensors --json | grep -m1 '"class"'
     "class": "ArraysCache",
  $ kvcache verify --for mlx-lm@0.30.7 mamba.safetensors
  mamba.safetensors: error KV720: mlx-lm@0.30.7: layer 0 (MambaCache): it has no class MambaCache
    hint: kvcache convert mamba.safetensors --to mlx-lm@0.30.7 -o mamba-new.safetensors
  mamba.safetensors: warning KV709 layer 0: class MambaCache: mlx-lm 0.30.6 and later has no such class and fails to load the file (1 more like it)
    hint: `kvcache convert mamba.safetensors --to mlx-lm@0.31 -o mamba-new.safetensors` makes it an ArraysCache
  [1]
  $ kvcache verify --for mlx-lm@0.30.0 arrays.safetensors
  arrays.safetensors: error KV720: mlx-lm@0.30.0: layer 0 (ArraysCache): its models keep state of two slots up to date in a MambaCache alone, and decode wrongly with an ArraysCache
    hint: kvcache convert arrays.safetensors --to mlx-lm@0.30.0 -o arrays-new.safetensors
  [1]
  $ kvcache convert arrays.safetensors --to mlx-lm@0.29 -o series.safetensors && cmp series.safetensors mamba.safetensors
  converted to mlx-lm@0.29; wrote series.safetensors (704 B)

Releases of the era differ, so what suits all is written, with a word about it.

  $ kvcache convert "$DIALECTS/mamba.P4.safetensors" --to mlx-lm@0.28 -o era.safetensors
  warning: layer 0 (ArraysCache): models of mlx-lm up to 0.30.5 keep such state up to date in a MambaCache alone, which later releases have not; mlx-lm@0.30.5 as the target writes one
  warning: layer 1 (ArraysCache): models of mlx-lm up to 0.30.5 keep such state up to date in a MambaCache alone, which later releases have not; mlx-lm@0.30.5 as the target writes one
  converted to mlx-lm@0.28; wrote era.safetensors (704 B)

One release restores recurrent state and cannot go on with it.

  $ kvcache convert "$DIALECTS/mamba.P4.safetensors" --to mlx-lm@0.30.4 -o x.safetensors
  kvcache convert: TESTDATA/golden/dialects/files/mamba.P4.safetensors: layer 0 (ArraysCache): mlx-lm@0.30.4 restores recurrent state without left_padding and lengths, and raises in the first step
  hint: mlx-lm@0.30.5 loads the same file and goes on
  [4]
  $ kvcache verify --for mlx-lm@0.30.4 era.safetensors
  era.safetensors: error KV720: mlx-lm@0.30.4: layer 0 (ArraysCache): it restores the state without left_padding and lengths, and raises in the first step
    hint: mlx-lm@0.30.5 loads the same file and goes on
  [1]

The loader of mlx-swift-lm 3.31.3 did not read how a layer is quantized.

  $ kvcache convert "$DIALECTS/quantized-4-64.P4.safetensors" --to mlx-swift-lm@3.31.3 -o x.safetensors
  kvcache convert: TESTDATA/golden/dialects/files/quantized-4-64.P4.safetensors: layer 0 (QuantizedKVCache): mlx-swift-lm@3.31.3 takes every quantized layer for 8 bits in groups of 64, and this one has 4 in groups of 64
  hint: mlx-swift-lm@3.31.4 reads both from the file; or 'kvcache dequantize' first
  [4]
  $ kvcache convert "$DIALECTS/quantized-4-64.P4.safetensors" --to mlx-swift-lm@3.31.4 -o quantized.safetensors
  converted to mlx-swift-lm@3.31.4; wrote quantized.safetensors (3.68 kB)
  $ kvcache verify --for mlx-swift-lm@3.31.3 --for mlx-swift-lm@3.31.4 quantized.safetensors
  quantized.safetensors: error KV720: mlx-swift-lm@3.31.3: layer 0 (QuantizedKVCache): it takes every quantized layer for 8 bits in groups of 64
    hint: mlx-swift-lm@3.31.4 reads both from the file; or 'kvcache dequantize' first
  [1]

What is not known is not guessed.

  $ kvcache convert era.safetensors --to mlx-lm@0.45 -o x.safetensors
  kvcache convert: mlx-lm 0.45 is newer than 0.32.2, the newest release that this version knows
  hint: a newer kvcache may know it; `kvcache formats` lists the releases that this version knows
  [2]
  $ kvcache convert era.safetensors --to mlx-swift-lm@3.32.1 -o x.safetensors
  kvcache convert: mlx-swift-lm 3.32.1 is not among the releases that this version knows, and lies between 3.31.4 (mlx-swift-lm@3.31) and 3.33.0 (mlx-swift-lm@3.33): which of the two it writes is not known
  hint: use the id of one of them; `kvcache formats` lists the releases that this version knows
  [2]
  $ kvcache convert era.safetensors --to mlx-lm@0.3 -o x.safetensors
  kvcache convert: mlx-lm 0.3 is older than 0.18.1, the oldest release whose files this version knows
  hint: `kvcache formats` lists the releases that this version knows
  [2]
  $ kvcache verify --for 0.99.0 era.safetensors
  kvcache verify: unknown format '0.99.0'
  hint: mlx-lm, mlx-swift-lm or mlxrs, or one of their releases, such as mlx-lm@0.30.7; `kvcache formats` lists them
  [2]

Loaders go by a name, and read no gzip: a fact about the file, and an error for who is asked for.

  $ cp "$DIALECTS/kv-f16.P4.safetensors" chat.kv && gzip -c chat.kv >chat.safetensors.gz
  $ kvcache verify chat.kv chat.safetensors.gz
  chat.kv: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1; KV716)
  chat.safetensors.gz: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1; KV716)
  2 files: 2 ok
  $ kvcache verify --for mlx-lm@0.31 --for mlxrs chat.kv chat.safetensors.gz
  chat.kv: error KV720: mlx-lm@0.31: its loader goes by the name of a file, which has to end in .safetensors
    hint: mv chat.kv chat.safetensors
  chat.safetensors.gz: error KV720: mlx-lm@0.31: the file is compressed, and no loader reads gzip
    hint: gzip -dc chat.safetensors.gz > chat.safetensors
  chat.safetensors.gz: error KV720: mlxrs@0.1: the file is compressed, and no loader reads gzip
    hint: gzip -dc chat.safetensors.gz > chat.safetensors
  2 files: 2 with errors
  [1]
  $ kvcache verify --for mlx-lm@0.31 - <chat.kv
  -: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1)
  $ mv chat.kv chat.safetensors && kvcache verify --for mlx-lm@0.31 chat.safetensors
  chat.safetensors: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1)

What mlx_lm.generate needs of the user metadata depends on the release.

  $ kvcache metadata chat.safetensors set model=m tokenizer_config={} --in-place -q
  $ kvcache verify --for mlx-lm@0.31 chat.safetensors
  chat.safetensors: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1)
  $ kvcache verify --for mlx-lm@0.30.0 chat.safetensors
  chat.safetensors: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1)
  note: mlx_lm.generate --prompt-cache-file fails up to 0.30.0 without the user metadata chat_template, the template of the model's tokenizer; `kvcache metadata chat.safetensors set "chat_template=$(jq .chat_template MODEL/tokenizer_config.json)" --in-place`
  $ kvcache metadata chat.safetensors set 'chat_template={{ raw }}' tokenizer_config=x --in-place -q
  $ kvcache verify --for mlx-lm@0.30.0 chat.safetensors
  chat.safetensors: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1)
  note: mlx_lm.generate --prompt-cache-file fails: tokenizer_config is no JSON object; `kvcache metadata chat.safetensors set 'tokenizer_config={"trust_remote_code": null}' --in-place`
  note: mlx_lm.generate --prompt-cache-file of 2025-02-06 to 0.30.0 fails: it parses chat_template as JSON, and this is the raw text; `kvcache metadata chat.safetensors set "chat_template=$(jq .chat_template MODEL/tokenizer_config.json)" --in-place`
  $ kvcache verify --for mlx-lm@0.30.1 chat.safetensors
  chat.safetensors: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1)
  note: mlx_lm.generate --prompt-cache-file fails: tokenizer_config is no JSON object; `kvcache metadata chat.safetensors set 'tokenizer_config={"trust_remote_code": null}' --in-place`
