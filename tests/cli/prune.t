What may go is said by criteria, and nothing is deleted without --yes.

  $ mkdir -p all/deep
  $ cp "$MODELS/llama-f16.safetensors" all/a.safetensors
  $ cp "$MODELS/llama-f16.safetensors" all/deep/b.safetensors
  $ cp "$HOSTILE/not-model-weights.safetensors" all/weights.safetensors
  $ cp "$HOSTILE/layers-batch-differs.safetensors" all/differs.safetensors
  $ head -c 30000 "$MODELS/llama-f16.safetensors" > all/cut.safetensors
  $ head -c 100 "$HOSTILE/not-model-weights.safetensors" > all/cut-weights.safetensors
  $ printf 'hello' > all/hello.safetensors
  $ ln -s a.safetensors all/link.safetensors
  $ touch -d '2020-01-01' all/a.safetensors
  $ touch -d '2021-01-01' all/deep/b.safetensors
  $ kvcache prune all
  kvcache prune: what may go is not given
  hint: --older-than 30d, --accessed '>30d', --broken, --model M, --format ID, --signature ID or --keep-bytes SIZE; of several all have to hold, and --or begins the next ones
  [2]
  $ kvcache prune all --yes
  kvcache prune: what may go is not given
  hint: --older-than 30d, --accessed '>30d', --broken, --model M, --format ID, --signature ID or --keep-bytes SIZE; of several all have to hold, and --or begins the next ones
  [2]
  $ kvcache prune all --broken --dry-run --yes
  kvcache prune: --dry-run and --yes exclude each other
  hint: --dry-run only shows what --yes would delete
  [2]
  $ kvcache prune all --broken
  delete  all/cut.safetensors (30.0 kB): broken: tensor '0.0': it ends at byte 44032 of the data, the file at 29276
  delete  all/differs.safetensors (1.57 kB): broken: errors (KV501)
  keep    4 files: 2 not broken, 1 a link, 1 not recognised as a cache
  
  would delete 2 of 4 caches, 31.6 kB of 121 kB; 2 more files are no caches and left alone
  nothing was deleted: --yes does it
  $ kvcache -q prune all --broken
  delete  all/cut.safetensors (30.0 kB): broken: tensor '0.0': it ends at byte 44032 of the data, the file at 29276
  delete  all/differs.safetensors (1.57 kB): broken: errors (KV501)
  nothing was deleted: --yes does it
  $ kvcache prune all --older-than 52w --model llama | sed 's/[0-9]* d old/AGE old/'
  delete  all/a.safetensors (44.8 kB): model llama; AGE old
  delete  all/deep/b.safetensors (44.8 kB): model llama; AGE old
  keep    4 files: 1 a link, 1 it names no model, 1 model example/tiny, 1 not recognised as a cache
  
  would delete 2 of 4 caches, 89.5 kB of 121 kB; 2 more files are no caches and left alone
  nothing was deleted: --yes does it
  $ kvcache prune all --model nobody
  keep    6 files: 2 model llama, 1 a link, 1 it names no model, 1 model example/tiny, 1 for other reasons
  
  would delete 0 of 4 caches, 0 B of 121 kB; 2 more files are no caches and left alone
  nothing was deleted
  $ kvcache prune all --format mlx-lm@0.31 --broken
  delete  all/differs.safetensors (1.57 kB): format mlx-lm@0.31; broken: errors (KV501)
  keep    5 files: 2 not broken, 1 a link, 1 its format is unknown, 1 not recognised as a cache
  
  would delete 1 of 4 caches, 1.57 kB of 121 kB; 2 more files are no caches and left alone
  nothing was deleted: --yes does it

A size keeps the youngest; the others have to meet the other criteria as well. Folders inside one another count once.

  $ kvcache prune all all/deep --keep-bytes 100kB
  delete  all/a.safetensors (44.8 kB): the caches take more than 100 kB, and none that may go is older
  keep    5 files: 3 the caches that stay fit into 100 kB, 1 a link, 1 not recognised as a cache
  
  would delete 1 of 4 caches, 44.8 kB of 121 kB; 2 more files are no caches and left alone
  nothing was deleted: --yes does it
  $ kvcache prune all --keep-bytes 1GB -q
  nothing was deleted
  $ kvcache prune all --keep-bytes 0 --model llama -q
  model llama; the caches take more than 0 B, and none that may go is older:
  delete  all/a.safetensors (44.8 kB)
  delete  all/deep/b.safetensors (44.8 kB)
  nothing was deleted: --yes does it

What is deleted.

  $ kvcache prune all --broken --yes --json | sed 's/"modified": [0-9][0-9]*/"modified": TIME/'
  {
   "schema": "kvcache.prune/1",
   "dry_run": false,
   "files": [
    {
     "path": "all/a.safetensors",
     "action": "keep",
     "reason": "not broken",
     "recognised": true,
     "model": "llama",
     "format": "mlx-lm@0.31",
     "bytes": 44756,
     "modified": TIME
    },
    {
     "path": "all/cut-weights.safetensors",
     "action": "keep",
     "reason": "not recognised as a cache: the header is cut off: it would have 286 bytes, but the file has 100 in all",
     "recognised": false,
     "model": null,
     "format": null,
     "bytes": 100,
     "modified": TIME
    },
    {
     "path": "all/cut.safetensors",
     "action": "deleted",
     "reason": "broken: tensor '0.0': it ends at byte 44032 of the data, the file at 29276",
     "recognised": true,
     "model": null,
     "format": null,
     "bytes": 30000,
     "modified": TIME
    },
    {
     "path": "all/deep/b.safetensors",
     "action": "keep",
     "reason": "not broken",
     "recognised": true,
     "model": "llama",
     "format": "mlx-lm@0.31",
     "bytes": 44756,
     "modified": TIME
    },
    {
     "path": "all/differs.safetensors",
     "action": "deleted",
     "reason": "broken: errors (KV501)",
     "recognised": true,
     "model": "example/tiny",
     "format": "mlx-lm@0.31",
     "bytes": 1566,
     "modified": TIME
    },
    {
     "path": "all/link.safetensors",
     "action": "keep",
     "reason": "a link",
     "recognised": false,
     "model": null,
     "format": null,
     "bytes": 0,
     "modified": null
    }
   ],
   "totals": {
    "caches": {
     "files": 4,
     "bytes": 121078
    },
    "chosen": {
     "files": 2,
     "bytes": 31566
    },
    "deleted": {
     "files": 2,
     "bytes": 31566
    },
    "failed": {
     "files": 0,
     "bytes": 0
    },
    "not_caches": 2
   }
  }
  $ kvcache prune all --older-than 52w --yes | sed 's/[0-9]* d old/AGE old/'
  deleted all/a.safetensors (44.8 kB): AGE old
  deleted all/deep/b.safetensors (44.8 kB): AGE old
  keep    2 files: 1 a link, 1 not recognised as a cache
  
  deleted 2 of 2 caches, 89.5 kB of 89.5 kB; 2 more files are no caches and left alone
  $ find all -type f -o -type l | LC_ALL=C sort
  all/cut-weights.safetensors
  all/hello.safetensors
  all/link.safetensors
  all/weights.safetensors

Blocks of omlx are caches too; damaged ones are known by their metadata. A class that may be newer than this tool is no damage.

  $ mkdir more
  $ cat > make.py <<'END'
  > import json, struct
  > def write(path, metadata, size, cut=0):
  >     text = json.dumps({"__metadata__": metadata, "keys": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
  >     with open(path, "wb") as f:
  >         f.write((struct.pack("<Q", len(text)) + text + bytes(size))[:None if cut == 0 else -cut])
  > block = {"omlx_cache_format_version": "2", "model_name": "m", "token_count": "256"}
  > write("more/block.safetensors", block, 100)
  > write("more/cut-block.safetensors", block, 100, 1)
  > write("more/newer.safetensors", {"2.0": "HologramCache", "2.1": "KVCache"}, 100)
  > write("more/foreign.safetensors", {"2.0": "a chapter number"}, 100, 1)
  > write("more/weights.safetensors", {"format": "pt"}, 100, 1)
  > END
  $ python3 make.py
  $ kvcache prune more --broken
  delete  more/cut-block.safetensors (267 B): broken: tensor 'keys': it ends at byte 100 of the data, the file at 99
  keep    3 files: 2 not broken, 1 not recognised as a cache
  
  would delete 1 of 3 caches, 267 B of 770 B; 1 more file is no cache and left alone
  nothing was deleted: --yes does it
  $ kvcache prune more --format omlx --yes
  deleted more/block.safetensors (268 B): format omlx block
  keep    3 files: 1 format mlx-swift-lm@2.25, 1 its format is unknown, 1 not recognised as a cache
  
  deleted 1 of 3 caches, 268 B of 770 B; 1 more file is no cache and left alone
  $ ls more
  cut-block.safetensors
  foreign.safetensors
  newer.safetensors
  weights.safetensors

Compressed caches that are cut off.

  $ mkdir zipped
  $ gzip -c "$MODELS/llama-f16.safetensors" | head -c 9000 > zipped/a.safetensors.gz
  $ kvcache prune zipped --broken
  delete  zipped/a.safetensors.gz (9.00 kB): broken: the gzip stream is cut off
  
  would delete 1 of 1 cache, 9.00 kB of 9.00 kB
  nothing was deleted: --yes does it

Names and metadata are shown escaped.

  $ mkdir odd
  $ python3 - <<'END'
  > import shutil, os
  > name = "odd/\x1b[31mred\n.safetensors"
  > shutil.copy(os.environ["HOSTILE"] + "/layers-batch-differs.safetensors", name)
  > END
  $ kvcache prune odd --broken
  delete  odd/\x1b[31mred\n.safetensors (1.57 kB): broken: errors (KV501)
  
  would delete 1 of 1 cache, 1.57 kB of 1.57 kB
  nothing was deleted: --yes does it
  $ kvcache prune odd --broken --yes -q
  deleted odd/\x1b[31mred\n.safetensors (1.57 kB): broken: errors (KV501)
  $ ls -A odd

Mistakes.

  $ kvcache prune missing --broken
  kvcache prune: missing: cannot be read: No such file or directory
  [5]
  $ kvcache prune all/weights.safetensors --broken
  kvcache prune: all/weights.safetensors is no folder
  [2]
  $ kvcache prune all --older-than 30
  kvcache prune: --older-than: '30' is no time such as 30d, '>1y', '<1h30m' or 2026-01-31
  hint: `kvcache prune --help` lists the options
  [2]
  $ kvcache prune all --older-than 1.5.0d
  kvcache prune: --older-than: '1.5.0d' is no time such as 30d, '>1y', '<1h30m' or 2026-01-31
  hint: `kvcache prune --help` lists the options
  [2]
  $ kvcache prune all --keep-bytes 10XB
  kvcache prune: --keep-bytes: '10XB' is no size such as 500MB, 1.5GB or 10GiB
  hint: `kvcache prune --help` lists the options
  [2]
  $ kvcache prune all --keep-bytes 99999999999999TB
  kvcache prune: --keep-bytes: '99999999999999TB' is no size such as 500MB, 1.5GB or 10GiB
  hint: `kvcache prune --help` lists the options
  [2]
  $ kvcache prune all --format mlx-ml@0.31
  kvcache prune: unknown format 'mlx-ml@0.31'
  hint: did you mean mlx-lm@0.31?
  [2]

By last access, and for one of several reasons.

  $ mkdir read; for f in a b c d; do cp "$MODELS/llama-f16.safetensors" read/$f.safetensors; done
  $ touch -m -d '2020-01-01' read/*; touch -a -d '2020-02-01' read/a.safetensors; touch -a -d '2021-02-01' read/b.safetensors
  $ kvcache prune read --accessed '>1y' -q | sed 's/ [0-9]* d / N d /'
  delete  read/a.safetensors (44.8 kB): last read N d ago
  delete  read/b.safetensors (44.8 kB): last read N d ago
  nothing was deleted: --yes does it
  $ kvcache prune read --accessed 2020-12-31 -q | sed 's/ [0-9]* d / N d /'
  delete  read/a.safetensors (44.8 kB): last read N d ago
  nothing was deleted: --yes does it
  $ kvcache prune read --older-than 1y1d --accessed '<1h' -q | sed -E 's/[0-9]+ (s|d)/N/g'
  N old; last read N ago:
  delete  read/c.safetensors (44.8 kB)
  delete  read/d.safetensors (44.8 kB)
  nothing was deleted: --yes does it
  $ touch read/d.safetensors; kvcache prune read --accessed 2020-12-31 --or --keep-bytes 100kB --by-access -q | sed 's/ [0-9]* d / N d /'
  delete  read/a.safetensors (44.8 kB): last read N d ago
  delete  read/b.safetensors (44.8 kB): the caches take more than 100 kB, and none that may go was last read earlier
  nothing was deleted: --yes does it
  $ kvcache prune read --older-than 2021-01-01 --or --model none -q --json | grep '"action"'
     "action": "delete",
     "action": "delete",
     "action": "delete",
     "action": "keep",
  $ kvcache prune read --or --broken
  kvcache prune: nothing stands before --or
  hint: for example --older-than 1y --or --keep-bytes 20GB
  [2]
  $ kvcache prune read --broken --or
  kvcache prune: nothing stands behind the last --or
  hint: --older-than 30d, --accessed '>30d', --broken, --model M, --format ID, --signature ID or --keep-bytes SIZE; of several all have to hold, and --or begins the next ones
  [2]
  $ kvcache prune read --older-than '>30d'
  kvcache prune: --older-than: '>30d' is no time such as 30d or 2026-01-31
  hint: `kvcache prune --help` lists the options
  [2]
  $ kvcache prune read --older-than 0s --exclude 'a*' --exclude 'b*' -q --json | grep -c '"path"'
  2

A number and its unit are one word, or the unit is taken for a folder.

  $ kvcache prune all --keep-bytes 300 MB
  kvcache prune: --keep-bytes 300 MB is a number and another word
  hint: --keep-bytes 300MB
  [2]
  $ kvcache prune all --older-than 30 d --dry-run
  kvcache prune: --older-than 30 d is a number and another word
  hint: --older-than 30d
  [2]
  $ mkdir MB; kvcache prune --keep-bytes 300 MB; kvcache prune all --keep-bytes '300 MB' -q
  would delete 0 of 0 caches, 0 B of 0 B
  nothing was deleted
  nothing was deleted
