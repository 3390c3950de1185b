Infos and notes are facts about who can use a sound file: named behind it, in full when asked for, counted of folders.

  $ cp "$HOSTILE/tile-ok-forward.safetensors" named-otherwise; mkdir one; gzip -c named-otherwise > one/a.gz; gzip -c named-otherwise > one/b.gz
  $ kvcache verify named-otherwise
  named-otherwise: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1; KV716)
  $ kvcache verify named-otherwise --infos
  named-otherwise: info KV716: mlx-lm and Swift load files by a name that ends in .safetensors
    hint: mv named-otherwise named-otherwise.safetensors
  named-otherwise: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1)
  $ kvcache verify -r one
  facts: 2 KV716 (name or compression); --infos shows them
  2 files: 2 ok
  $ kvcache verify --for mlx-lm "$MODELS/llama-f16.safetensors" "$MODELS/llama-f16-trim7.safetensors" | sed 's,TESTDATA[^ ]*/,,g'
  TESTDATA/golden/models/files/llama-f16.safetensors: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1)
  TESTDATA/golden/models/files/llama-f16-trim7.safetensors: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1)
  note: mlx_lm.generate --prompt-cache-file fails without this user metadata: tokenizer_config (2 files); for one of them `kvcache metadata TESTDATA/golden/models/files/llama-f16.safetensors set 'tokenizer_config={"trust_remote_code": null}' --in-place`
  note: mlx-lm@0.31 loads it, but mlx-lm@0.32 does not: it reads nothing but mlx-lm@0.32, and fails on the list of classes (ValueError) (2 files); for one of them `kvcache convert TESTDATA/golden/models/files/llama-f16.safetensors --to mlx-lm@0.32 -o TESTDATA/golden/models/files/llama-f16-new.safetensors`
  2 files: 2 ok

Of a folder no more than a screenful, whatever is in it; -q lists all that is broken, and nothing else.

  $ mkdir many
  $ for i in $(seq 10 99); do
  >   cp "$HOSTILE/tile-ok-forward.safetensors" many/a$i.safetensors; cp "$HOSTILE/tile-trailing.safetensors" many/b$i.safetensors
  >   cp "$HOSTILE/layers-batch-differs.safetensors" many/c$i.safetensors; head -c 300 many/c$i.safetensors > many/d$i.safetensors
  >   gzip -c named-otherwise > many/e$i.gz; echo text > many/f$i.safetensors
  > done
  $ kvcache verify -r many > said
  [3]
  $ wc -l < said
  26
  $ sed -n '1,3p; 19,$p' said
  many/b10.safetensors: warning KV120 header: 1 byte follows the last tensor: MLX reads the file, strict readers refuse it
    hint: `kvcache repair many/b10.safetensors -o many/b10-new.safetensors` writes it without them
  many/b11.safetensors: warning KV120 header: 1 byte follows the last tensor: MLX reads the file, strict readers refuse it
  many/c22.safetensors: error KV501 layer 1: batch size 2, but layer 0 has 1: layers of one cache hold the same sequences
  many/c23.safetensors: error KV501 layer 1: batch size 2, but layer 0 has 1: layers of one cache hold the same sequences
  many/c24.safetensors: error KV501 layer 1: batch size 2, but layer 0 has 1: layers of one cache hold the same sequences
  many/c25.safetensors: error KV501 layer 1: batch size 2, but layer 0 has 1: layers of one cache hold the same sequences
  164 more files with errors: 90 KV104 (header cut off), 74 KV501 (batch sizes differ); -q lists every file, `kvcache explain KV104` says more
  85 more files with warnings: 85 KV120 (trailing bytes); -q lists every file, `kvcache explain KV120` says more
  facts: 90 KV716 (name or compression); --infos shows them
  450 files: 180 ok, 90 with warnings, 90 with errors, 90 unreadable; 90 more are no caches (90 times a text file)
  $ kvcache verify -q -r many | wc -l
  270
  $ kvcache verify -q --strict -r many | grep -c warning
  90
