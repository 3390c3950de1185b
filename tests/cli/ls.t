A folder, with what is in it; files that are no caches are counted, broken ones named.

  $ mkdir -p all/deep
  $ cp "$MODELS/llama-f16.safetensors" all/a.safetensors
  $ cp "$HOSTILE/not-model-weights.safetensors" all/weights.safetensors
  $ cp "$HOSTILE/json-cut.safetensors" all/deep/cut.safetensors
  $ cp "$HOSTILE/layers-batch-differs.safetensors" all/deep/differs.safetensors
  $ touch -d '2020-01-01' all/a.safetensors all/deep/cut.safetensors all/deep/differs.safetensors
  $ kvcache ls all --json | grep -v '"accessed"'
  {
   "schema": "kvcache.ls/1",
   "files": [
    {
     "path": "all/a.safetensors",
     "kind": "cache",
     "model": "llama",
     "format": "mlx-lm@0.31",
     "tokens": 43,
     "bytes": 44756,
     "modified": 1577836800,
     "classes": "KVCache",
     "elements": "F16",
     "bits": null,
     "stamp": [],
     "verdict": "ok"
    },
    {
     "path": "all/deep/cut.safetensors",
     "kind": "broken",
     "model": null,
     "format": null,
     "tokens": 0,
     "bytes": 978,
     "modified": 1577836800,
     "classes": null,
     "elements": null,
     "bits": null,
     "stamp": [],
     "verdict": "the header is not JSON: syntax error at byte 203, near '\"1.1\":'"
    },
    {
     "path": "all/deep/differs.safetensors",
     "kind": "cache",
     "model": "example/tiny",
     "format": "mlx-lm@0.31",
     "tokens": 6,
     "bytes": 1566,
     "modified": 1577836800,
     "classes": "KVCache",
     "elements": "F16",
     "bits": null,
     "stamp": [],
     "verdict": "errors (KV501)"
    }
   ],
   "models": [
    {
     "model": null,
     "files": 1,
     "bytes": 978
    },
    {
     "model": "example/tiny",
     "files": 1,
     "bytes": 1566
    },
    {
     "model": "llama",
     "files": 1,
     "bytes": 44756
    }
   ],
   "totals": {
    "files": 3,
    "bytes": 47300,
    "not_caches": 1
   }
  }
  $ kvcache ls all | sed -E 's/ +[0-9]+ (s|min|h|d)\b/  AGE/g'
  file                      tokens     size  values     age  last read  format       model
  a.safetensors                 43  44.8 kB  F16  AGE  AGE  mlx-lm@0.31  llama
  deep/cut.safetensors                978 B  AGE  AGE  broken                     the header is not JSON: syntax error at byte 203, near '"1.1":'
  deep/differs.safetensors       6  1.57 kB  F16  AGE  AGE  mlx-lm@0.31  example/tiny  errors (KV501)
  
  model         files     size
  (not named)       1    978 B
  example/tiny      1  1.57 kB
  llama             1  44.8 kB
  
  3 files, 47.3 kB; 1 more is no cache
  $ kvcache ls missing
  kvcache ls: missing: cannot be read: No such file or directory
  [5]
  $ kvcache ls all --sort colour
  kvcache ls: --sort: 'colour' is none of size, age, model, tokens, name, accessed, format
  hint: `kvcache ls --help` lists the options
  [2]

What is asked for: several conditions have to hold, and the order may be turned.

  $ mkdir some; cp "$MODELS/llama-f16.safetensors" some/long.safetensors; cp "$REPORTS/plain.safetensors" some/short.safetensors
  $ kvcache quantize some/long.safetensors --bits 4 --group-size 32 -q -o some/small.safetensors
  $ kvcache stamp some/long.safetensors -q -o some/stamped.safetensors
  $ touch -d '2020-01-01 12:00' some/short.safetensors; touch -a -d '2021-06-01' some/long.safetensors
  $ kvcache ls some --tokens '>6' --names
  some/long.safetensors
  some/small.safetensors
  some/stamped.safetensors
  $ kvcache ls some --tokens '>=6' --tokens '<10' --names
  some/short.safetensors
  $ kvcache ls some --size '<20kB' --sort size:asc --names
  some/short.safetensors
  some/small.safetensors
  $ kvcache ls some --model llama --sort tokens --limit 2 | sed -E 's/ +[0-9]+ (s|min|h|d)\b/  AGE/g'
  file               tokens     size  values  age  last read  format       model
  long.safetensors       43  44.8 kB  F16  AGE  AGE  mlx-lm@0.31  llama
  small.safetensors      43  15.8 kB  4 bits  AGE  AGE  mlx-lm@0.31  llama
  
  3 files, 106 kB; 2 of them shown; 1 more was not asked for
  $ kvcache ls some --modified '<2020-01-02' --names; kvcache ls some --modified '>1y' --names
  some/short.safetensors
  some/short.safetensors
  $ kvcache ls some --modified '<1h' --sort name:desc --names
  some/stamped.safetensors
  some/small.safetensors
  some/long.safetensors
  $ kvcache ls some --accessed '>2021-01-01' --accessed '<2022-01-01' --names
  some/long.safetensors
  $ kvcache ls some --format mlx-lm@0.31 --sort tokens --names; kvcache ls all --broken --names
  some/long.safetensors
  some/small.safetensors
  some/stamped.safetensors
  some/short.safetensors
  all/deep/cut.safetensors
  all/deep/differs.safetensors
  $ kvcache ls some --csv | cut -d, -f1-8
  path,kind,model,format,classes,values,tokens,bytes
  some/long.safetensors,cache,llama,mlx-lm@0.31,KVCache,F16,43,44756
  some/short.safetensors,cache,example/tiny,mlx-lm@0.31,KVCache,F16,6,1184
  some/small.safetensors,cache,llama,mlx-lm@0.31,QuantizedKVCache,4 bits,43,15808
  some/stamped.safetensors,cache,llama,mlx-lm@0.31,KVCache,F16,43,45120
  $ kvcache ls some --csv | grep -v small | cut -d, -f11- | tr -d '\r'
  stamp,verdict
  ,ok
  ,ok
  checksums,ok
  $ printf 'Hi' >hi; kvcache stamp some/short.safetensors --text hi --in-place -q
  $ kvcache ls some | sed -nE 's/  +([0-9]+ (s|min|h|d|months|years?) +){2}/  AGES  /; /s(hort|tamped)/p'; kvcache ls some --csv | grep short | grep -o '"[^"]*".*' | tr -d '\r'
  short.safetensors         6  1.47 kB  F16  AGES  mlx-lm@0.31  example/tiny  stamped: checksums, text
  stamped.safetensors      43  45.1 kB  F16  AGES  mlx-lm@0.31  llama         stamped: checksums
  "checksums,text",ok
  $ cd some; kvcache ls --names -0 | tr '\0' '+'; cd ..
  long.safetensors+short.safetensors+small.safetensors+stamped.safetensors+
  $ kvcache ls some --names --csv
  kvcache ls: --names, --csv and --json exclude each other
  hint: give one of them
  [2]
  $ kvcache ls some --tokens many; kvcache ls some --size '>lots'; kvcache ls some --accessed '<2021-02-31'
  kvcache ls: --tokens: 'many' is no number of tokens such as '>4096' or '<32k'
  hint: `kvcache ls --help` lists the options
  kvcache ls: --size: '>lots' is no size such as '>1GB' or '<500MB'
  hint: `kvcache ls --help` lists the options
  kvcache ls: --accessed: '<2021-02-31' is no time such as 30d, '>1y', '<1h30m' or 2026-01-31
  hint: `kvcache ls --help` lists the options
  [2]
  $ kvcache ls some --sort size:up
  kvcache ls: --sort: 'size:up' turns it neither with :asc nor with :desc
  hint: `kvcache ls --help` lists the options
  [2]

To look at a file is not to use it.

  $ before="$(stat -c %x some/long.safetensors)"; kvcache ls some -q >list; kvcache verify -q some/long.safetensors; test "$before" = "$(stat -c %x some/long.safetensors)"

What holds the same: by arrays, whatever the metadata say, and by stamps, whatever the arrays are.

  $ mkdir same; cp "$MODELS/llama-f16.safetensors" same/a.safetensors
  $ kvcache metadata same/a.safetensors set note=copy -q -o same/b.safetensors
  $ kvcache trim same/a.safetensors -n 3 -q -o same/c.safetensors; kvcache trim same/a.safetensors -n 10 -q -o same/d.safetensors
  $ cp "$MODELS/llama-bf16.safetensors" same/other.safetensors 2>/dev/null || cp "$REPORTS/plain.safetensors" same/other.safetensors
  $ kvcache ls same --duplicates
  the same arrays
    same/a.safetensors
    same/b.safetensors
  40 tokens, and more
    same/c.safetensors, which is the beginning of
    same/a.safetensors
    and of 1 more
  33 tokens, and more
    same/d.safetensors, which is the beginning of
    same/a.safetensors
    and of 2 more
  
  without copies and beginnings: 121 kB less
  $ printf 'Once upon a time' >prompt; kvcache stamp same/d.safetensors --text prompt -q -o same/stamped.safetensors
  $ kvcache quantize same/d.safetensors --bits 8 --group-size 32 -q -o q8; kvcache stamp q8 --text prompt -q -o same/q8.safetensors
  $ rm same/a.safetensors same/b.safetensors same/c.safetensors; kvcache ls same --duplicates --json | sed -n '/"duplicates"/,$p'
   "duplicates": [
    {
     "kind": "bytes",
     "by": "arrays",
     "tokens": 33,
     "files": [
      "same/d.safetensors",
      "same/stamped.safetensors"
     ],
     "bytes": 34560
    },
    {
     "kind": "prompt",
     "by": "arrays",
     "tokens": 33,
     "files": [
      "same/d.safetensors",
      "same/q8.safetensors"
     ],
     "bytes": 21760
    }
   ]
  }
  $ kvcache ls same --duplicates --names
  kvcache ls: --duplicates are groups of files, not one line each
  hint: --json has them for programs
  [2]
  $ mkdir single; kvcache ls single --duplicates
  no two hold the same bytes, the same prompt or one prompt and its beginning

Files and folders that are left out, by options and by a file in the folder.

  $ mkdir -p tree/old/deep tree/new; for f in tree/a tree/b.tmp tree/old/c tree/old/deep/d tree/new/e; do cp "$REPORTS/plain.safetensors" $f.safetensors; done
  $ kvcache ls tree --names --exclude '*.tmp.*' --exclude old/
  tree/a.safetensors
  tree/new/e.safetensors
  $ kvcache ls --names --exclude 'a*' --exclude old/ tree
  tree/b.tmp.safetensors
  tree/new/e.safetensors
  $ kvcache ls tree --names --exclude 'old/**' --exclude '!d.safetensors'
  tree/a.safetensors
  tree/b.tmp.safetensors
  tree/new/e.safetensors
  $ printf '# scratch\n*.tmp.safetensors\n/old/*\n!/old/deep\n' >tree/.kvcacheignore; kvcache ls tree --names
  tree/a.safetensors
  tree/new/e.safetensors
  tree/old/deep/d.safetensors
  $ printf 'd*\n' >tree/old/.kvcacheignore; kvcache ls tree --names; kvcache verify -r -q tree --exclude new; kvcache prune tree --older-than 0s -q
  tree/a.safetensors
  tree/new/e.safetensors
  0 s old:
  delete  tree/a.safetensors (1.18 kB)
  delete  tree/new/e.safetensors (1.18 kB)
  nothing was deleted: --yes does it

Sums by folder, for whoever looks for what fills a disk.

  $ rm tree/.kvcacheignore tree/old/.kvcacheignore; kvcache ls tree --folders
  folder    files     size
  .             2  2.37 kB
  new           1  1.18 kB
  old           1  1.18 kB
  old/deep      1  1.18 kB
  
  5 files, 5.92 kB
  $ kvcache ls tree/old tree/new --folders --limit 1 --tokens '>0' --json | tail -n 16
     "bytes": 3552
    }
   ],
   "totals": {
    "files": 3,
    "bytes": 3552,
    "not_caches": 0
   },
   "folders": [
    {
     "folder": "tree/new",
     "files": 1,
     "bytes": 1184
    }
   ]
  }
  $ kvcache ls tree --folders --names
  kvcache ls: --folders are sums, the largest first, not files
  hint: --json has both
  [2]
