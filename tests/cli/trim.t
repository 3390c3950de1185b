Trimming writes a new, smaller file.

  $ cp "$OPS/kv-f16.safetensors" kv.safetensors
  $ kvcache trim kv.safetensors -n 8 -o out.safetensors
  trimmed 8 of 20 tokens: 12 left; wrote out.safetensors (19.1 kB)
  $ kvcache trim kv.safetensors --to 5 -o five.safetensors --json
  trimmed 15 of 20 tokens: 5 left; wrote five.safetensors (8.32 kB)
  {
   "schema": "kvcache.trim/1",
   "path": "kv.safetensors",
   "output": "five.safetensors",
   "format": "mlx-lm@0.31",
   "tokens": 5,
   "bytes": 8320,
   "trimmed": 15
  }
  $ kvcache -q trim kv.safetensors -n 1000 -o none.safetensors
  warning: -n 1000 is more than the 20 tokens there: nothing is left

Only this much is trimmed: the rest is a usage error before any work.

  $ kvcache trim kv.safetensors -o x.safetensors
  kvcache trim: how much is not given
  hint: -n N removes the last N tokens, --to LEN keeps the first LEN
  [2]
  $ kvcache trim kv.safetensors -n 1 --to 2 -o x.safetensors
  kvcache trim: -n and --to exclude each other
  hint: -n N removes the last N tokens, --to LEN keeps the first LEN
  [2]
  $ kvcache trim kv.safetensors -n 1
  kvcache trim: no output is given
  hint: -o OUT writes a new file, --in-place replaces the input
  [2]
  $ kvcache trim kv.safetensors -n 1 -o x.safetensors --in-place
  kvcache trim: -o and --in-place exclude each other
  hint: give one of them
  [2]
  $ kvcache trim - -n 1 --in-place < kv.safetensors
  kvcache trim: --in-place: standard input cannot be replaced
  hint: name an output with -o
  [2]

Nothing is overwritten by accident: not an output, and not the input under another name.

  $ kvcache trim kv.safetensors -n 1 -o out.safetensors
  kvcache trim: output out.safetensors exists
  hint: --force replaces it
  [2]
  $ kvcache trim kv.safetensors -n 1 -o out.safetensors --force
  trimmed 1 of 20 tokens: 19 left; wrote out.safetensors (29.8 kB)
  $ kvcache trim kv.safetensors -n 1 -o ./kv.safetensors --force
  kvcache trim: output ./kv.safetensors is the input itself
  hint: use --in-place to replace it
  [2]
  $ ln kv.safetensors hard.safetensors; ln -s kv.safetensors soft.safetensors
  $ kvcache trim kv.safetensors -n 1 -o hard.safetensors --force
  kvcache trim: output hard.safetensors is the input itself
  hint: use --in-place to replace it
  [2]
  $ kvcache trim soft.safetensors -n 1 -o kv.safetensors --force
  kvcache trim: output kv.safetensors is the input itself
  hint: use --in-place to replace it
  [2]
  $ kvcache trim kv.safetensors -n 1 -o . --force
  kvcache trim: output . is a folder
  hint: name a file inside it
  [2]
  $ mkfifo pipe; kvcache trim kv.safetensors -n 1 -o pipe --force
  kvcache trim: output pipe is not a regular file
  hint: name a new file
  [2]
  $ kvcache trim kv.safetensors -n 1 -o no/such/folder.safetensors
  kvcache trim: no/such/folder.safetensors: cannot create 'no/such/folder.safetensors': No such file or directory
  hint: create its folder first
  [5]
  $ kvcache trim missing.safetensors -n 1 -o x.safetensors
  kvcache trim: missing.safetensors: cannot be read: No such file or directory
  [5]

In place: the mode stays, a link stays a link, and so does compression.

  $ chmod 640 kv.safetensors; rm hard.safetensors
  $ kvcache trim soft.safetensors -n 3 --in-place
  trimmed 3 of 20 tokens: 17 left; wrote soft.safetensors (26.8 kB)
  $ stat -c '%N %a' soft.safetensors kv.safetensors
  'soft.safetensors' -> 'kv.safetensors' 777
  'kv.safetensors' 640
  $ gzip -n < kv.safetensors > z.safetensors.gz
  $ kvcache -q trim z.safetensors.gz -n 1 --in-place && gzip -t z.safetensors.gz
  $ kvcache trim kv.safetensors -n 1 --gzip -o y.safetensors.gz 2>&1 | sed 's/(.*)/(N kB)/'
  trimmed 1 of 17 tokens: 16 left; wrote y.safetensors.gz (N kB)

What cannot be trimmed stays whole, and the reason names the layer.

  $ kvcache trim "$OPS/rotating-wrapped.safetensors" -n 3 -o x.safetensors
  kvcache trim: TESTDATA/golden/ops/files/rotating-wrapped.safetensors: layer 0 (RotatingKVCache) cannot be trimmed: the window of 8 has wrapped: 3 of its first tokens are gone
  hint: what a cache has dropped or folded into its state cannot be taken out again; keep an untrimmed copy, or process the prompt again
  [4]
  $ kvcache trim "$OPS/arrays.safetensors" -n 1 -o x.safetensors
  kvcache trim: TESTDATA/golden/ops/files/arrays.safetensors: layer 0 (ArraysCache) cannot be trimmed: recurrent state cannot be rolled back
  hint: what a cache has dropped or folded into its state cannot be taken out again; keep an untrimmed copy, or process the prompt again
  [4]
  $ kvcache trim "$HOSTILE/class-unknown-0.safetensors" -n 1 -o x.safetensors
  kvcache trim: TESTDATA/golden/hostile/files/class-unknown-0.safetensors: layer 0: unknown class 'NoSuchCache'; no runtime known to this tool has it (KV301)
  hint: `kvcache inspect TESTDATA/golden/hostile/files/class-unknown-0.safetensors --tensors` shows what is stored; metadata, stamp and diff work on the file
  [4]
  $ kvcache trim "$HOSTILE/tile-truncated-half.safetensors" -n 1 -o x.safetensors
  kvcache trim: TESTDATA/golden/hostile/files/tile-truncated-half.safetensors: tensor '0.0': it ends at byte 768 of the data, the file at 384
  hint: the file was probably cut off; save or copy it again
  [3]

A summary that nobody can read does not undo a file that is written.

  $ kvcache trim kv.safetensors -n 1 -o full.safetensors --json > /dev/full
  trimmed 1 of 17 tokens: 16 left; wrote full.safetensors (25.2 kB)
  warning: standard output: No space left on device
  $ ls
  five.safetensors
  full.safetensors
  kv.safetensors
  none.safetensors
  out.safetensors
  pipe
  soft.safetensors
  y.safetensors.gz
  z.safetensors.gz

Layers may hold different numbers of tokens, as those of a draft model do: --to is a length for each of them.

  $ cp "$HOSTILE/layers-offset-differs.safetensors" draft.safetensors
  $ kvcache trim draft.safetensors --to 4 -o four.safetensors
  trimmed 8 of 12 tokens: 4 left; wrote four.safetensors (1.34 kB)
  $ kvcache inspect --json four.safetensors | grep '"tokens"'
    "tokens": 4,
     "tokens": 4,
     "tokens": 4,
     "tokens": 4,

Of a batch, -n takes the same number from each sequence, or nothing where one has fewer; --to keeps the first tokens of each.

  $ kvcache -q merge "$OPS"/single-?.safetensors -o batch.safetensors
  $ kvcache trim batch.safetensors -n 5 -o less.safetensors
  trimmed 5 of 20 tokens from each sequence: 15, 0, 6 left; wrote less.safetensors (46.8 kB)
  $ kvcache trim batch.safetensors -n 6 -o x.safetensors
  kvcache trim: batch.safetensors: layer 0 (BatchKVCache) cannot be trimmed: sequence 1 has 5 tokens: 6 cannot be removed
  hint: at most 5 can be removed from each; `kvcache trim batch.safetensors --to LEN -o batch-new.safetensors` keeps the first LEN tokens of each sequence
  [4]
  $ kvcache trim batch.safetensors --to 13 -o thirteen.safetensors --json
  trimmed up to 7 of 20 tokens from each sequence: 13, 5, 11 left; wrote thirteen.safetensors (40.7 kB)
  {
   "schema": "kvcache.trim/1",
   "path": "batch.safetensors",
   "output": "thirteen.safetensors",
   "format": "mlx-lm@0.31",
   "tokens": 13,
   "bytes": 40688,
   "trimmed": 7
  }
  $ kvcache -q extract thirteen.safetensors --index 2 -o third.safetensors && kvcache -q diff third.safetensors "$OPS/single-2.safetensors"
  $ kvcache verify -q less.safetensors thirteen.safetensors

A window that is full but has dropped nothing is refused, as in every runtime; what it is made of can be trimmed.

  $ kvcache -q create --layers 1 --heads 1 --head-dim 8 --tokens 20 -o twenty.safetensors
  $ kvcache -q convert twenty.safetensors --class RotatingKVCache --max-size 20 -o window.safetensors
  $ kvcache trim window.safetensors -n 3 -o x.safetensors
  kvcache trim: window.safetensors: layer 0 (RotatingKVCache) cannot be trimmed: its window of 20 is full
  hint: no window has dropped a token yet: `kvcache convert --class KVCache window.safetensors -o window-new.safetensors` makes caches of them that can be trimmed
  [4]
  $ kvcache -q convert --class KVCache window.safetensors -o window-new.safetensors && kvcache trim window-new.safetensors -n 3 -o x.safetensors
  trimmed 3 of 20 tokens: 17 left; wrote x.safetensors (736 B)
  $ kvcache convert twenty.safetensors --class RotatingKVCache --max-size 8 --keep 2 -o narrow.safetensors
  1 layer became RotatingKVCache and dropped 12 of 20 tokens; wrote narrow.safetensors (512 B)
  $ kvcache trim narrow.safetensors -n 3 -o y.safetensors
  kvcache trim: narrow.safetensors: layer 0 (RotatingKVCache) cannot be trimmed: the window of 8 has wrapped: 12 tokens after its 2 pinned ones are gone
  hint: what a cache has dropped or folded into its state cannot be taken out again; keep an untrimmed copy, or process the prompt again
  [4]

An output has the permissions that umask leaves, as those of other programs; what it replaces keeps its own.

  $ umask 027; kvcache trim kv.safetensors -n 1 -q -o fresh.safetensors; stat -c %a fresh.safetensors
  640
  $ chmod 604 fresh.safetensors; kvcache trim kv.safetensors -n 2 -q --force -o fresh.safetensors; stat -c %a fresh.safetensors
  604
  $ umask 077; kvcache report kv.safetensors -q -o private.html; stat -c %a private.html
  600
  $ umask 022; kvcache trim kv.safetensors -n 1 -q -o packed.safetensors.gz
  warning: packed.safetensors.gz is named as if it were compressed; --gzip compresses it
