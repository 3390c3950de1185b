A layer that has lost its offset: the rows and the other layers know it.

  $ cp "$REPORTS/offset-lost.safetensors" lost.safetensors
  $ kvcache verify --fix lost.safetensors
  lost.safetensors: warning KV426 layer 0: 23 rows but offset 9: loaders ignore the last 14
  lost.safetensors: warning KV426 layer 1: 23 rows but offset 0: loaders ignore the last 23
  lost.safetensors: warning KV502 layer 1: offset 0 (and 1 more that differ), but layer 0 has 9: right only where a draft model's or multi-token layers are in the file
    fix: layer 0: offset 9 becomes 23, as all rows and the other layers have it (KV426)
    fix: layer 1: offset 0 becomes 23, as all rows and the other layers have it (KV426)
    kvcache repair lost.safetensors --in-place
  $ kvcache repair lost.safetensors -o sound.safetensors --json
  layer 0: offset 9 becomes 23, as all rows and the other layers have it (KV426)
  layer 1: offset 0 becomes 23, as all rows and the other layers have it (KV426)
  repaired 2 faults; wrote sound.safetensors (10.5 kB)
  {
   "schema": "kvcache.repair/1",
   "path": "lost.safetensors",
   "output": "sound.safetensors",
   "format": "mlx-lm@0.31",
   "tokens": 23,
   "bytes": 10480,
   "repairs": [
    {
     "code": "KV426",
     "where": "layer 0",
     "message": "offset 9 becomes 23, as all rows and the other layers have it"
    },
    {
     "code": "KV426",
     "where": "layer 1",
     "message": "offset 0 becomes 23, as all rows and the other layers have it"
    }
   ],
   "warnings_left": 0
  }
  $ kvcache verify sound.safetensors
  sound.safetensors: ok (mlx-lm 0.28 to 0.31)
  $ kvcache diff sound.safetensors "$REPORTS/offset-sound.safetensors"
  no difference in 8832 values of 3 layers

A sound file is copied byte for byte, and left alone in place.

  $ kvcache repair sound.safetensors -o copy.safetensors
  nothing to repair; wrote copy.safetensors (10.5 kB)
  $ cmp sound.safetensors copy.safetensors
  $ kvcache repair copy.safetensors --in-place
  nothing to repair; copy.safetensors stays as it is
  $ kvcache repair copy.safetensors --in-place --gzip
  nothing to repair; wrote copy.safetensors (9.95 kB)
  $ kvcache repair copy.safetensors -o again.safetensors
  nothing to repair; wrote again.safetensors (10.5 kB)
  $ cmp sound.safetensors again.safetensors

Nothing tells which of several answers is right: nothing is written.

  $ kvcache repair "$REPORTS/offset-disputed.safetensors" -o no.safetensors
  kvcache repair: TESTDATA/golden/reports/files/offset-disputed.safetensors: layer 1: 23 rows but offset 9: loaders ignore the last 14: nothing in the file tells which is right (KV426)
  hint: possible: offset 23, the number of rows; offset 9, as it is; offset 17, that of layer 2
  [4]
  $ ls no.safetensors
  ls: cannot access 'no.safetensors': No such file or directory
  [2]
  $ kvcache verify --fix --json "$REPORTS/offset-disputed.safetensors" | sed -n '/"fixes"/,/"repairable"/p'
     "fixes": [],
     "undecided": [
      {
       "code": "KV426",
       "where": "layer 1",
       "message": "23 rows but offset 9: loaders ignore the last 14",
       "choices": [
        "offset 23, the number of rows",
        "offset 9, as it is",
        "offset 17, that of layer 2"
       ]
      }
     ],
     "repairable": false

The container alone.

  $ kvcache repair "$REPORTS/tail.safetensors" -o tail.safetensors
  header: the trailing bytes go: 37 bytes follow the last tensor (KV120)
  repaired 1 fault; wrote tail.safetensors (1.22 kB)
  $ kvcache repair "$REPORTS/hole.safetensors" -o hole.safetensors
  header: the hole goes: bytes 384..408 before tensor '1.0' belong to no tensor; 24 bytes unused in all (KV119)
  repaired 1 fault; wrote hole.safetensors (1.22 kB)
  $ cmp tail.safetensors hole.safetensors

Parameters of a quantization, rows of chunked layers.

  $ kvcache repair "$REPORTS/bits-wrong.safetensors" -o bits.safetensors
  layer 1: bits 8 becomes 4, as the arrays and the other layers have it (KV422)
  repaired 1 fault; wrote bits.safetensors (3.05 kB)
  $ kvcache repair "$REPORTS/chunk-short.safetensors" -o chunks.safetensors
  layer 0: 8 rows become 20, of which the first 6 hold tokens, the other layers are at offset 20 and 14 tokens were dropped in front (KV432)
  layer 1: 8 rows become 20, of which the first 6 hold tokens, the other layers are at offset 20 and 14 tokens were dropped in front (KV432)
  repaired 2 faults; wrote chunks.safetensors (4.48 kB)

What is lost stays lost.

  $ kvcache repair "$REPORTS/half-a-pair.safetensors" -o no.safetensors
  kvcache repair: TESTDATA/golden/reports/files/half-a-pair.safetensors: layer 1: 1 array instead of 2 for the class KVCache: nothing in the file tells what it was (KV303)
  hint: `kvcache verify TESTDATA/golden/reports/files/half-a-pair.safetensors` lists everything; get or make the file again
  [4]
  $ kvcache -q verify --fix "$REPORTS/half-a-pair.safetensors"
  TESTDATA/golden/reports/files/half-a-pair.safetensors: error KV303 layer 1: 1 array instead of 2 for the class KVCache
    no fix: layer 1: nothing in the file tells what it was (KV303)
  [1]
