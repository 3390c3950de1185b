Without a command there is nothing to do.

  $ kvcache
  usage: kvcache [OPTIONS] COMMAND [OPTIONS] FILE...
  hint: `kvcache --help` lists the commands, `kvcache inspect FILE` shows what is in a file
  [2]
  $ kvcache -q
  usage: kvcache [OPTIONS] COMMAND [OPTIONS] FILE...
  hint: `kvcache --help` lists the commands, `kvcache inspect FILE` shows what is in a file
  [2]
  $ kvcache --version | sed 's/ .*//'
  kvcache

Misspelt commands and flags get a suggestion, where there is a likely one.

  $ kvcache verfy x.safetensors
  kvcache: unknown command 'verfy'
  hint: did you mean `kvcache verify x.safetensors`?
  [2]
  $ kvcache frobnicate
  kvcache: unknown command 'frobnicate'
  hint: `kvcache --help` lists the commands
  [2]
  $ kvcache inspect --layer x.safetensors
  kvcache inspect: unknown option '--layer'
  hint: did you mean --layers?
  [2]
  $ kvcache --colour always inspect x.safetensors
  kvcache inspect: unknown option '--colour'
  hint: did you mean --color?
  [2]
  $ kvcache verify --no-such-option x.safetensors
  kvcache verify: unknown option '--no-such-option'
  hint: `kvcache verify --help` lists the options
  [2]
  $ kvcache verify -Z x.safetensors
  kvcache verify: unknown option '-Z'
  hint: `kvcache verify --help` lists the options
  [2]

So do formats, classes and the words of options.

  $ kvcache create --layers 1 --heads 1 --head-dim 4 --class RotatingKVCahce -o out.safetensors
  kvcache create: --class: 'RotatingKVCahce' is none of KVCache, RotatingKVCache, QuantizedKVCache, ChunkedKVCache, ArraysCache
  hint: did you mean RotatingKVCache?
  [2]
  $ kvcache create --layers 1 --heads 1 --head-dim 4 --class kvcache -o out.safetensors
  kvcache create: --class: 'kvcache' is none of KVCache, RotatingKVCache, QuantizedKVCache, ChunkedKVCache, ArraysCache
  hint: did you mean KVCache?
  [2]
  $ kvcache convert x.safetensors --class KVCach -o out.safetensors
  kvcache convert: --class: 'KVCach' is none of KVCache, RotatingKVCache
  hint: did you mean KVCache?
  [2]
  $ kvcache convert x.safetensors --to mlxsr -o out.safetensors
  kvcache convert: unknown format 'mlxsr'
  hint: did you mean mlxrs?
  [2]
  $ kvcache convert "$DIALECTS/list-arrays-kv.P2.safetensors" --children KVCahce,ArraysCache:2 -o out.safetensors
  kvcache convert: TESTDATA/golden/dialects/files/list-arrays-kv.P2.safetensors: children: 'KVCahce' is not understood
  hint: did you mean KVCache?
  [2]
  $ kvcache verify x.safetensors --format sariff
  kvcache verify: --format: 'sariff' is not one of text, json, junit, github, sarif
  hint: did you mean sarif?
  [2]
  $ kvcache prune . --format mlx_lm@0.31
  kvcache prune: unknown format 'mlx_lm@0.31'
  hint: did you mean mlx-lm@0.31?
  [2]
  $ kvcache ls . --sort sise
  kvcache ls: --sort: 'sise' is none of size, age, model, tokens, name, accessed, format
  hint: did you mean size?
  [2]

Arguments that are missing, too many, or given twice.

  $ kvcache trim
  kvcache trim: FILE is required
  hint: `kvcache trim --help` lists the options
  [2]
  $ kvcache trim a.safetensors b.safetensors
  kvcache trim: how much is not given
  hint: -n N removes the last N tokens, --to LEN keeps the first LEN
  [2]
  $ kvcache trim a.safetensors -n
  kvcache trim: --last needs a value
  hint: `kvcache trim --help` lists the options
  [2]
  $ kvcache trim a.safetensors -n 1 -n 2 -o out.safetensors
  kvcache trim: --last is given more than once
  hint: `kvcache trim --help` lists the options
  [2]
  $ kvcache verify
  kvcache verify: PATH is required
  hint: `kvcache verify --help` lists the options
  [2]

Values that are none.

  $ kvcache trim a.safetensors -n -1 -o out.safetensors
  kvcache trim: -n: '-1' is not a whole number of at least 0
  hint: `kvcache trim --help` lists the options
  [2]
  $ kvcache trim a.safetensors -n 1x -o out.safetensors
  kvcache trim: -n: '1x' is not a whole number of at least 0
  hint: `kvcache trim --help` lists the options
  [2]
  $ kvcache trim a.safetensors -n ' 1' -o out.safetensors
  kvcache trim: -n: ' 1' is not a whole number of at least 0
  hint: `kvcache trim --help` lists the options
  [2]
  $ kvcache trim a.safetensors -n 0x10 -o out.safetensors
  kvcache trim: -n: '0x10' is not a whole number of at least 0
  hint: `kvcache trim --help` lists the options
  [2]
  $ kvcache trim a.safetensors -n 18446744073709551617 -o out.safetensors
  kvcache trim: -n: '18446744073709551617' is not a whole number of at least 0
  hint: `kvcache trim --help` lists the options
  [2]
  $ kvcache verify -j 0 a.safetensors
  kvcache verify: -j: '0' is not a whole number from 1 to 1024
  hint: `kvcache verify --help` lists the options
  [2]
  $ kvcache verify --for mlx-ml a.safetensors
  kvcache verify: unknown format 'mlx-ml'
  hint: did you mean mlx-lm?
  [2]
  $ kvcache verify --format yaml a.safetensors
  kvcache verify: --format: 'yaml' is not one of text, json, junit, github, sarif
  [2]
  $ kvcache --color sometimes verify a.safetensors
  kvcache verify: --color: 'sometimes' is none of auto, always, never
  hint: `kvcache --help` lists the commands
  [2]

What somebody else typed does not reach the terminal raw.

  $ kvcache "$(printf 'a\033[31mb')"
  kvcache: unknown command 'a\x1b[31mb'
  hint: `kvcache --help` lists the commands
  [2]
  $ kvcache inspect "$(printf 'no\nsuch\377.safetensors')"
  kvcache inspect: no\nsuch\xff.safetensors: cannot be read: No such file or directory
  [5]

A file may be called like a command, like an option, or like a list.

  $ cp "$OPS/kv-f16.safetensors" trim; cp trim ./-n; cp trim '[a,b]'
  $ kvcache verify trim
  trim: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1; KV716)
  $ kvcache verify trim -- -n
  trim: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1; KV716)
  -n: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1; KV716)
  2 files: 2 ok
  $ kvcache verify '[a,b]'
  [a,b]: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1; KV716)

Words where others have options, and options that do not exist.

  $ kvcache version | sed 's/[0-9].*/.../'
  kvcache ...
  $ kvcache -V | sed 's/[0-9].*/.../'
  kvcache ...
  $ kvcache help | head -n 3
  Inspects, verifies, converts and edits prompt-cache files of mlx-lm,
  mlx-swift-lm and mlxrs.
  
  $ kvcache help trim >words; kvcache trim --help >option; cmp words option
  $ kvcache help trin
  kvcache help: COMMAND: 'trin' is no command
  hint: did you mean trim?
  [2]
  $ kvcache help trim now
  kvcache help: unexpected argument 'now'
  hint: `kvcache help --help` lists the options
  [2]
  $ kvcache inspect -x
  kvcache inspect: unknown option '-x'
  hint: `kvcache inspect --help` lists the options
  [2]
  $ kvcache inspect --jsn
  kvcache inspect: unknown option '--jsn'
  hint: did you mean --json?
  [2]
  $ kvcache ls -1
  kvcache ls: unknown option '-1'
  hint: a file of that name is ./-1, or comes after --
  [2]
  $ kvcache trim -n 1 --fore
  kvcache trim: unknown option '--fore'
  hint: did you mean --force?
  [2]
  $ kvcache inspect
  kvcache inspect: FILE is required
  hint: `kvcache inspect --help` lists the options
  [2]
  $ cd "$(mktemp -d)"; cp "$REPORTS/plain.safetensors" ./-1; kvcache verify -q ./-1 && kvcache verify -q -- -1
