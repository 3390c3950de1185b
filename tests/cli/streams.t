Caches that come through pipes, and go to standard output.

  $ cp "$HOSTILE/tile-ok-forward.safetensors" chat.safetensors; cp "$REPORTS/plain.safetensors" plain.safetensors
  $ kvcache trim plain.safetensors -n 2 -o - >out.safetensors
  trimmed 2 of 6 tokens: 4 left; wrote standard output (960 B)
  $ kvcache -q trim plain.safetensors -n 2 -o expected.safetensors; cmp out.safetensors expected.safetensors
  $ cat plain.safetensors | kvcache trim - -n 2 -o - | kvcache inspect - --json | grep '"tokens"'
  trimmed 2 of 6 tokens: 4 left; wrote standard output (960 B)
    "tokens": 4,
     "tokens": 4,
     "tokens": 4,
  $ kvcache -q trim plain.safetensors -n 2 --gzip -o - | gunzip | cmp - expected.safetensors

Nothing of it comes out where it cannot be computed, and nothing else goes there.

  $ kvcache trim plain.safetensors -n 2 -o - --json
  kvcache trim: -o - and --json exclude each other
  hint: both go to standard output: name a file with -o
  [2]
  $ kvcache quantize plain.safetensors --bits 8 --group-size 32 -o - --report
  kvcache quantize: -o - and --report exclude each other
  hint: both go to standard output: name a file with -o
  [2]
  $ kvcache trim "$HOSTILE/class-unknown-0.safetensors" -n 2 -o - | wc -c
  kvcache trim: TESTDATA/golden/hostile/files/class-unknown-0.safetensors: layer 0: unknown class 'NoSuchCache'; no runtime known to this tool has it (KV301)
  hint: `kvcache inspect TESTDATA/golden/hostile/files/class-unknown-0.safetensors --tensors` shows what is stored; metadata, stamp and diff work on the file
  0
  $ kvcache extract plain.safetensors --all -o -
  kvcache extract: -o -: several files do not go to standard output
  hint: -o DIR: a folder for all sequences
  [2]
  $ kvcache trim plain.safetensors -n 2 -o - >/dev/full
  kvcache trim: cannot write standard output: No space left on device
  hint: free some space, or write to another disk
  [5]
  $ TMPDIR=/nowhere kvcache trim plain.safetensors -n 2 -o - | wc -c
  kvcache trim: cannot create a temporary file in '/nowhere': No such file or directory
  hint: set TMPDIR to a folder that can be written to
  0
  $ kvcache trim plain.safetensors -n 2 -o /dev/stdout --force | cat
  kvcache trim: output /dev/stdout is not a regular file
  hint: -o - is standard output

All that writes can write there.

  $ kvcache -q create --layers 1 --heads 1 --head-dim 32 --tokens 3 -o - | kvcache verify -q -
  $ kvcache -q mask plain.safetensors --queries 2 --array -o - | head -c 8 | od -An -t d8
                    120
  $ kvcache -q report plain.safetensors -o - | grep -c '</html>'
  1
  $ kvcache -q metadata plain.safetensors set model=m -o - | kvcache metadata - get model
  m
  $ kvcache -q merge plain.safetensors plain.safetensors -o - | kvcache -q extract - -i 1 -o - | kvcache diff - plain.safetensors | tail -n 1
  no difference in 384 values of 2 layers

FIFOs, by name, plain and compressed; the shell's <(COMMAND) is one in /dev/fd.

  $ mkfifo a.fifo b.fifo
  $ (cat plain.safetensors >a.fifo &); kvcache inspect a.fifo --json | grep '"tokens"'
    "tokens": 6,
     "tokens": 6,
     "tokens": 6,
  $ (gzip <plain.safetensors >a.fifo &); kvcache verify -q a.fifo
  $ (cat plain.safetensors >a.fifo &); (cat expected.safetensors >b.fifo &); kvcache diff a.fifo b.fifo | head -n 1
  b.fifo is a.fifo without its last 2 tokens: the first 4 are the same
  $ (cat plain.safetensors >a.fifo &); kvcache trim a.fifo -n 2 -o from-fifo.safetensors; cmp from-fifo.safetensors expected.safetensors
  trimmed 2 of 6 tokens: 4 left; wrote from-fifo.safetensors (960 B)
  $ (cat plain.safetensors >a.fifo &); kvcache ls a.fifo | tail -n 1
  1 file, 0 B
  $ (echo '[1,2,3]' >a.fifo &); kvcache stamp plain.safetensors --tokens a.fifo -o stamped.safetensors
  kvcache stamp: plain.safetensors: 3 token ids, but the cache holds 6 tokens
  hint: give the ids of exactly the tokens that were processed
  [4]
  $ (head -c 300 plain.safetensors >a.fifo &); kvcache verify a.fifo
  a.fifo: error KV104 header: the header is cut off: it would have 408 bytes, but the file has 300 in all
    hint: save or copy the file again
  [3]
  $ (echo 'not found' >a.fifo &); kvcache verify a.fifo
  a.fifo: error KV103 header: no safetensors file, but a text file
    hint: name the cache itself
  [3]

What cannot be: nobody at the other end, one that is read twice, one that would be replaced.

  $ kvcache verify a.fifo
  a.fifo: error KV100: cannot be read: nobody writes to this pipe
    hint: start what writes to it first
  [5]
  $ kvcache diff a.fifo a.fifo
  kvcache diff: a.fifo is named twice
  hint: it can be read once: save it to a file first
  [2]
  $ kvcache trim a.fifo -n 1 --in-place
  kvcache trim: --in-place: a pipe cannot be replaced
  hint: name an output with -o
  [2]
  $ kvcache diff - -
  kvcache diff: standard input is named twice
  hint: it can be read once: save it to a file first
  [2]

Token ids may come the same way, to every command that wants them; a file called - is ./-.

  $ kvcache -q create --layers 1 --heads 1 --head-dim 8 --tokens 3 -o three.safetensors
  $ printf '[5, 6, 7]' | kvcache -q stamp three.safetensors --tokens - -o stamped.safetensors
  $ kvcache inspect stamped.safetensors --json | grep -A1 '"count"'
     "count": 3,
     "sha256": "2e4c4603cb0dea8636f8e802bfa0f24caef5f9943377f91d89fd6fbd9577cd1c",
  $ printf '' | kvcache -q stamp three.safetensors --tokens - -o none.safetensors
  kvcache stamp: -: no token ids are in it
  hint: a JSON list, integers as text, .npy, or little-endian int32
  [2]
  $ cp stamped.safetensors ./-
  $ kvcache verify ./-
  ./-: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1; KV716)

A process that is started without standard output: it does not become that of a file.

  $ kvcache create --layers 1 --heads 1 --head-dim 8 --tokens 2 -o - >&-
  kvcache create: cannot write standard output: Bad file descriptor
  [5]
  $ kvcache trim - -n 3 -o - <"$MODELS/llama-f16.safetensors" >&-
  kvcache trim: cannot write standard output: Bad file descriptor
  [5]
  $ kvcache trim - -n 3 -o - <&- >&-
  kvcache trim: -: cannot be read: Bad file descriptor
  [5]
  $ kvcache trim "$MODELS/llama-f16.safetensors" -n 3 -o kept.safetensors <&- >&-; kvcache verify kept.safetensors
  trimmed 3 of 43 tokens: 40 left; wrote kept.safetensors (41.7 kB)
  kept.safetensors: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1)
