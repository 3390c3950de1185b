Three chats become a batch, and come out of it as they went in.

  $ cp "$OPS"/single-?.safetensors .
  $ kvcache merge single-0.safetensors single-1.safetensors single-2.safetensors -o batch.safetensors --json
  merged 3 caches into a batch, the longest of 20 tokens; wrote batch.safetensors (62.2 kB)
  {
   "schema": "kvcache.merge/1",
   "path": "single-0.safetensors",
   "output": "batch.safetensors",
   "format": "mlx-lm@0.31",
   "tokens": 20,
   "bytes": 62192,
   "inputs": [
    "single-0.safetensors",
    "single-1.safetensors",
    "single-2.safetensors"
   ],
   "sequences": 3
  }
  $ kvcache extract batch.safetensors --all -o chats
  extracted 3 sequences; wrote 3 files in chats (38.2 kB)
  $ for i in 0 1 2; do kvcache extract batch.safetensors -i $i -o one.safetensors --force; cmp one.safetensors chats/batch-$i.safetensors; done
  extracted sequence 0 of 3: 20 tokens; wrote one.safetensors (20.9 kB)
  extracted sequence 1 of 3: 5 tokens; wrote one.safetensors (5.57 kB)
  extracted sequence 2 of 3: 11 tokens; wrote one.safetensors (11.7 kB)
  $ kvcache extract batch.safetensors --index 1 -o again.safetensors --json
  extracted sequence 1 of 3: 5 tokens; wrote again.safetensors (5.57 kB)
  {
   "schema": "kvcache.extract/1",
   "path": "batch.safetensors",
   "output": "again.safetensors",
   "format": "mlx-lm@0.31",
   "tokens": 5,
   "bytes": 5568,
   "index": 1
  }

Mismatches are found before any work, and named with the files.

  $ kvcache merge "$OPS/rotating-single-0.safetensors" "$OPS/rotating-other-window.safetensors" -o x.safetensors
  kvcache merge: layer 0 of TESTDATA/golden/ops/files/rotating-single-0.safetensors and of TESTDATA/golden/ops/files/rotating-other-window.safetensors differ: windows 16 and 20
  hint: caches of one model and of one size stand side by side in a batch
  [4]
  $ kvcache merge single-0.safetensors "$OPS/rotating-single-0.safetensors" -o x.safetensors
  kvcache merge: layer 0 of single-0.safetensors and of TESTDATA/golden/ops/files/rotating-single-0.safetensors differ: classes KVCache and RotatingKVCache
  hint: caches of one model and of one size stand side by side in a batch
  [4]
  $ kvcache merge single-0.safetensors "$OPS/kv-12-layers.safetensors" -o x.safetensors
  kvcache merge: TESTDATA/golden/ops/files/kv-12-layers.safetensors has 12 layers, but single-0.safetensors has 2
  hint: they are from different models
  [4]
  $ kvcache merge single-0.safetensors batch.safetensors -o x.safetensors
  kvcache merge: batch.safetensors holds 3 sequences: only single ones can be merged
  hint: `kvcache extend` joins batches
  [4]
  $ kvcache merge single-0.safetensors missing.safetensors -o x.safetensors
  kvcache merge: missing.safetensors: cannot be read: No such file or directory
  [5]
  $ kvcache merge - - -o x.safetensors < single-0.safetensors
  kvcache merge: standard input is named twice
  hint: it can be read once: save it to a file first
  [2]
  $ kvcache merge single-0.safetensors single-1.safetensors -o single-1.safetensors --force
  kvcache merge: output single-1.safetensors is the input itself
  hint: name a new file
  [2]
  $ kvcache merge -o x.safetensors
  kvcache merge: FILE is required
  hint: `kvcache merge --help` lists the options
  [2]
  $ kvcache merge single-0.safetensors
  kvcache merge: no output is given
  hint: -o OUT writes a new file
  [2]

Windows: what the class cannot say, and what its own runtime makes of it, are warnings.

  $ kvcache create --layers 2 --heads 2 --head-dim 32 --max-size 8 --tokens 6 -o window.safetensors
  created 2 layers of 6 tokens; wrote window.safetensors (3.52 kB)
  $ kvcache merge window.safetensors window.safetensors -o windows.safetensors
  warning: a batch of windows cannot pin tokens: keep of layers 0-1 is dropped
  warning: layer 0 (BatchRotatingKVCache): mlx-lm loads a BatchRotatingKVCache but raises when it is used; files of single sequences, as extracting makes them, work
  warning: layer 1 (BatchRotatingKVCache): mlx-lm loads a BatchRotatingKVCache but raises when it is used; files of single sequences, as extracting makes them, work
  merged 2 caches into a batch, the longest of 6 tokens; wrote windows.safetensors (6.88 kB)

A folder of sequences arrives complete, or not at all.

  $ kvcache extract batch.safetensors --all -o chats
  kvcache extract: batch.safetensors: output chats/batch-0.safetensors exists
  hint: --force replaces it
  [2]
  $ rm chats/batch-0.safetensors; kvcache extract batch.safetensors --all -o chats; ls chats
  kvcache extract: batch.safetensors: output chats/batch-1.safetensors exists
  hint: --force replaces it
  batch-1.safetensors
  batch-2.safetensors
  $ kvcache extract batch.safetensors --all -o chats --force; ls -A chats
  extracted 3 sequences; wrote 3 files in chats (38.2 kB)
  batch-0.safetensors
  batch-1.safetensors
  batch-2.safetensors
  $ kvcache extract - --all -o from-stdin --json < batch.safetensors
  extracted 3 sequences; wrote 3 files in from-stdin (38.2 kB)
  {
   "schema": "kvcache.extract/1",
   "path": "-",
   "output": "from-stdin",
   "format": "mlx-lm@0.31",
   "files": [
    {
     "index": 0,
     "output": "from-stdin/sequence-0.safetensors",
     "tokens": 20,
     "bytes": 20928
    },
    {
     "index": 1,
     "output": "from-stdin/sequence-1.safetensors",
     "tokens": 5,
     "bytes": 5568
    },
    {
     "index": 2,
     "output": "from-stdin/sequence-2.safetensors",
     "tokens": 11,
     "bytes": 11712
    }
   ]
  }
  $ kvcache extract batch.safetensors --all -o batch.safetensors
  kvcache extract: output batch.safetensors is not a folder
  hint: --all writes one file per sequence
  [2]
  $ kvcache extract batch.safetensors --all
  kvcache extract: no output is given
  hint: -o DIR: a folder for all sequences
  [2]
  $ kvcache extract batch.safetensors --all -o no/such/folder
  kvcache extract: no/such/folder: cannot create a folder: No such file or directory
  [5]
  $ mkdir here; cd here; kvcache -q extract ../batch.safetensors --all -o ./; ls -A; cd ..
  batch-0.safetensors
  batch-1.safetensors
  batch-2.safetensors

One of them, or none that is there.

  $ kvcache extract batch.safetensors --index 3 -o x.safetensors
  kvcache extract: batch.safetensors: sequence 3 is out of range: the batch holds 3
  hint: sequences are numbered from 0 to 2
  [2]
  $ kvcache extract batch.safetensors --index -1 -o x.safetensors
  kvcache extract: -i: '-1' is not a whole number from 0 to 2147483647
  hint: `kvcache extract --help` lists the options
  [2]
  $ kvcache extract batch.safetensors --all --index 1 -o x.safetensors
  kvcache extract: --index and --all exclude each other
  hint: --index I extracts one, --all each into a file of its own
  [2]
  $ kvcache extract batch.safetensors -o x.safetensors
  kvcache extract: which sequence is not given
  hint: --index I extracts one, --all each into a file of its own
  [2]
  $ kvcache extract single-0.safetensors --index 0 -o x.safetensors
  kvcache extract: single-0.safetensors: layer 0 (KVCache): KVCache has no extract
  hint: only batches have it; `kvcache merge` makes one from single-sequence caches
  [4]

Filtering keeps sequences in the order they are named.

  $ kvcache filter batch.safetensors --keep 2,0 -o two.safetensors
  kept 2 of 3 sequences; wrote two.safetensors (41.7 kB)
  $ kvcache filter two.safetensors --keep 1,0 -o back.safetensors --json
  kept 2 of 2 sequences; wrote back.safetensors (41.7 kB)
  {
   "schema": "kvcache.filter/1",
   "path": "two.safetensors",
   "output": "back.safetensors",
   "format": "mlx-lm@0.31",
   "tokens": 20,
   "bytes": 41696,
   "sequences": 2
  }
  $ kvcache filter batch.safetensors --keep 3 -o x.safetensors
  kvcache filter: batch.safetensors: sequence 3 is out of range: the batch holds 3
  hint: sequences are numbered from 0 to 2
  [2]
  $ kvcache filter batch.safetensors --keep 0,,1 -o x.safetensors
  kvcache filter: --keep: '' is not a whole number from 0 to 2147483647
  hint: `kvcache filter --help` lists the options
  [2]
  $ kvcache filter batch.safetensors --keep '' -o x.safetensors
  kvcache filter: --keep: '' is not a whole number from 0 to 2147483647
  hint: `kvcache filter --help` lists the options
  [2]
  $ kvcache filter batch.safetensors -o x.safetensors
  kvcache filter: --keep is required
  hint: `kvcache filter --help` lists the options
  [2]
  $ kvcache filter single-0.safetensors --keep 0 -o x.safetensors
  kvcache filter: single-0.safetensors: layer 0 (KVCache): KVCache has no filter
  hint: only batches have it; `kvcache merge` makes one from single-sequence caches
  [4]

Batches join.

  $ kvcache extend batch.safetensors two.safetensors two.safetensors -o five.safetensors --json
  joined 3 batches: 7 sequences now; wrote five.safetensors (144 kB)
  {
   "schema": "kvcache.extend/1",
   "path": "batch.safetensors",
   "output": "five.safetensors",
   "format": "mlx-lm@0.31",
   "tokens": 20,
   "bytes": 144240,
   "inputs": [
    "batch.safetensors",
    "two.safetensors",
    "two.safetensors"
   ],
   "sequences": 7
  }
  $ kvcache extend batch.safetensors -o x.safetensors
  kvcache extend: one batch alone has nothing to be extended by
  hint: name two or more
  [2]
  $ kvcache extend batch.safetensors single-0.safetensors -o x.safetensors
  kvcache extend: batch.safetensors: layer 0 (BatchKVCache) differs in single-0.safetensors: classes BatchKVCache and KVCache
  hint: caches of one model and of one size stand side by side in a batch
  [4]

Right padding moves to the left.

  $ kvcache align batch.safetensors --right-padding 0,1,3 -o aligned.safetensors --json
  moved right padding of 0, 1, 3 rows to the left; wrote aligned.safetensors (62.2 kB)
  {
   "schema": "kvcache.align/1",
   "path": "batch.safetensors",
   "output": "aligned.safetensors",
   "format": "mlx-lm@0.31",
   "tokens": 20,
   "bytes": 62192,
   "right_padding": [
    0,
    1,
    3
   ]
  }
  $ kvcache align batch.safetensors --right-padding 0,1 -o x.safetensors
  kvcache align: batch.safetensors: layer 0 (BatchKVCache): 2 right paddings for a batch of 3
  hint: give one number of rows for each sequence
  [2]
  $ kvcache align batch.safetensors --right-padding 0,1,1000 -o x.safetensors
  kvcache align: batch.safetensors: layer 0 (BatchKVCache): sequence 2 has 11 tokens: 1000 of them cannot be right padding
  [2]
  $ kvcache align single-0.safetensors --right-padding 1 -o x.safetensors
  kvcache align: single-0.safetensors: layer 0 (KVCache): KVCache has no padding to align
  hint: only batches have it; `kvcache merge` makes one from single-sequence caches
  [4]
  $ ls
  again.safetensors
  aligned.safetensors
  back.safetensors
  batch.safetensors
  chats
  five.safetensors
  from-stdin
  here
  one.safetensors
  single-0.safetensors
  single-1.safetensors
  single-2.safetensors
  two.safetensors
  window.safetensors
  windows.safetensors

What a batch has no place for is said: metadata of the others, and sequences that come twice.

  $ for i in 0 1; do cp "$OPS/single-$i.safetensors" mine-$i.safetensors; done; kvcache -q metadata mine-1.safetensors set model=another --in-place
  $ kvcache -q merge mine-0.safetensors mine-1.safetensors -o both-mine.safetensors
  warning: metadata of mine-1.safetensors differ and are left out: model
  $ kvcache filter both-mine.safetensors --keep 1,1 -o twice.safetensors 2>&1 | sed 's/; wrote.*//'
  kept 1 of 2 sequences, some more than once: 2 now

Which sequences, as ranges; and how long each is.

  $ kvcache filter batch.safetensors --keep 1-2,0 -o turned.safetensors; kvcache inspect turned.safetensors | grep batch
  kept 3 of 3 sequences; wrote turned.safetensors (62.2 kB)
    batch     3 sequences: 5, 11 and 20 tokens
              has no batch cache that it can load
  $ kvcache filter batch.safetensors --keep 2-0 -o x.safetensors
  kvcache filter: --keep: '2-0' is no range of at most 100000 numbers, from the smaller to the larger
  hint: `kvcache filter --help` lists the options
  [2]
  $ kvcache filter batch.safetensors --keep 0-2147483647 -o x.safetensors
  kvcache filter: --keep: '0-2147483647' is no range of at most 100000 numbers, from the smaller to the larger
  hint: `kvcache filter --help` lists the options
  [2]
  $ kvcache filter batch.safetensors --keep 1- -o x.safetensors
  kvcache filter: --keep: '1-' is not a whole number from 0 to 2147483647
  hint: `kvcache filter --help` lists the options
  [2]
