Several files for a command that edits one.

  $ cp "$REPORTS/plain.safetensors" a.safetensors; cp "$REPORTS/more.safetensors" b.safetensors; cp a.safetensors keep; cp b.safetensors keep-b
  $ kvcache trim a.safetensors b.safetensors -n 2 --in-place
  trimmed 2 of 6 tokens: 4 left; wrote a.safetensors (960 B)
  trimmed 2 of 9 tokens: 7 left; wrote b.safetensors (768 B)
  2 files: 2 written
  $ kvcache diff a.safetensors "$REPORTS/plain-4.safetensors"; kvcache diff b.safetensors "$REPORTS/more-7.safetensors"
  no difference in 256 values of 2 layers
  no difference in 224 values of 1 layer

Each stands or falls alone; the exit code is the highest.

  $ cp "$HOSTILE/json-garbage.safetensors" broken.safetensors
  $ kvcache trim a.safetensors broken.safetensors missing.safetensors b.safetensors -n 1 --in-place
  trimmed 1 of 4 tokens: 3 left; wrote a.safetensors (832 B)
  kvcache trim: broken.safetensors: the header is not JSON: syntax error at byte 2, near 'th'
  kvcache trim: missing.safetensors: cannot be read: No such file or directory
  trimmed 1 of 7 tokens: 6 left; wrote b.safetensors (704 B)
  4 files: 2 written, 2 failed
  [5]
  $ kvcache inspect a.safetensors b.safetensors --json | grep '"tokens": [0-9]*,$' | uniq
     "tokens": 3,
      "tokens": 3,
     "tokens": 6,
      "tokens": 6,
  $ kvcache trim a.safetensors broken.safetensors -n 1 --in-place --json
  trimmed 1 of 3 tokens: 2 left; wrote a.safetensors (704 B)
  kvcache trim: broken.safetensors: the header is not JSON: syntax error at byte 2, near 'th'
  2 files: 1 written, 1 failed
  {
   "schema": "kvcache.trim/1",
   "files": [
    {
     "path": "a.safetensors",
     "output": "a.safetensors",
     "format": "mlx-lm@0.31",
     "tokens": 2,
     "bytes": 704,
     "trimmed": 1
    },
    {
     "path": "broken.safetensors",
     "error": "the header is not JSON: syntax error at byte 2, near 'th'",
     "hint": "",
     "exit": 3
    }
   ],
   "summary": {
    "files": 2,
    "written": 1,
    "failed": 1
   }
  }
  [3]

Into a folder, which is made where its name ends in a slash; nothing is replaced without --force.

  $ kvcache convert a.safetensors b.safetensors --to mlx-swift-lm@3.31 -o swift/; ls swift
  converted to mlx-swift-lm@3.31; wrote swift/a.safetensors (704 B)
  converted to mlx-swift-lm@3.31; wrote swift/b.safetensors (704 B)
  2 files: 2 written
  a.safetensors
  b.safetensors
  $ kvcache convert a.safetensors b.safetensors --to mlx-swift-lm@3.31 -o swift
  kvcache convert: a.safetensors: output swift/a.safetensors exists
  hint: --force replaces it
  kvcache convert: b.safetensors: output swift/b.safetensors exists
  hint: --force replaces it
  2 files: 0 written, 2 failed
  [2]
  $ kvcache convert a.safetensors b.safetensors --to mlx-swift-lm@3.31 -o swift --force -q
  $ kvcache trim a.safetensors -n 1 -o swift/ --force
  trimmed 1 of 2 tokens: 1 left; wrote swift/a.safetensors (576 B)
  $ kvcache trim broken.safetensors missing.safetensors -n 1 -o none/; ls none
  kvcache trim: broken.safetensors: the header is not JSON: syntax error at byte 2, near 'th'
  kvcache trim: missing.safetensors: cannot be read: No such file or directory
  2 files: 0 written, 2 failed
  ls: cannot access 'none': No such file or directory
  [2]
  $ cd swift; kvcache trim a.safetensors b.safetensors -n 1 -o .; cd ..
  kvcache trim: a.safetensors: output ./a.safetensors is the input itself
  hint: use --in-place to replace it
  kvcache trim: b.safetensors: output ./b.safetensors is the input itself
  hint: use --in-place to replace it
  2 files: 0 written, 2 failed

Before anything is written: two that would be one output, one that is met twice, what has no name, nowhere to go.

  $ mkdir other; cp keep other/a.safetensors; ln -s a.safetensors link.safetensors
  $ kvcache trim a.safetensors other/a.safetensors -n 1 -o new/; ls -d new
  kvcache trim: a.safetensors and other/a.safetensors would both be written to new/a.safetensors
  hint: write them to different folders, or rename one
  ls: cannot access 'new': No such file or directory
  [2]
  $ kvcache trim a.safetensors link.safetensors -n 1 --in-place
  kvcache trim: a.safetensors and link.safetensors are one file
  hint: name it once
  [2]
  $ kvcache trim a.safetensors ./a.safetensors -n 1 --in-place
  kvcache trim: a.safetensors and ./a.safetensors are one file
  hint: name it once
  [2]
  $ kvcache trim a.safetensors - -n 1 -o new/ <b.safetensors
  kvcache trim: standard input has no name to be written under
  hint: give it alone, with -o and the name of a file
  [2]
  $ kvcache trim a.safetensors b.safetensors -n 1
  kvcache trim: no output is given
  hint: --in-place replaces each file, -o DIR/ writes them to a folder
  [2]
  $ kvcache trim a.safetensors b.safetensors -n 1 -o new.safetensors
  kvcache trim: -o new.safetensors is one output for 2 files
  hint: -o new.safetensors/ is a folder for them
  [2]
  $ kvcache trim a.safetensors b.safetensors -n 1 -o -
  kvcache trim: -o - is one output for 2 files
  hint: -o DIR/ writes them to a folder
  [2]
  $ kvcache trim a.safetensors b.safetensors -n 1 -o new/ --in-place
  kvcache trim: -o and --in-place exclude each other
  hint: give one of them
  [2]
  $ kvcache trim a.safetensors b.safetensors -n 1 --to 2 --in-place
  kvcache trim: -n and --to exclude each other
  hint: -n N removes the last N tokens, --to LEN keeps the first LEN
  [2]

The others that take several.

  $ cp keep a.safetensors; cp keep-b b.safetensors
  $ kvcache stamp a.safetensors b.safetensors --in-place
  stamped 4 arrays; wrote a.safetensors (1.41 kB)
  stamped 2 arrays; wrote b.safetensors (1.02 kB)
  2 files: 2 written
  $ cp "$REPORTS/six.safetensors" e.safetensors; cp e.safetensors f.safetensors
  $ kvcache quantize e.safetensors f.safetensors --bits 8 -o q8/
  quantized 6 of 6 layers to 8 bits in groups of 64, 87 % of 7.21 kB; wrote q8/e.safetensors (6.27 kB)
  quantized 6 of 6 layers to 8 bits in groups of 64, 87 % of 7.21 kB; wrote q8/f.safetensors (6.27 kB)
  2 files: 2 written
  $ kvcache dequantize q8/e.safetensors q8/f.safetensors -o plain/
  dequantized 6 layers; wrote plain/e.safetensors (7.23 kB)
  dequantized 6 layers; wrote plain/f.safetensors (7.23 kB)
  2 files: 2 written
  $ kvcache unrotate a.safetensors b.safetensors -o unrotated/
  every window was in order already; wrote unrotated/a.safetensors (1.41 kB)
  every window was in order already; wrote unrotated/b.safetensors (1.02 kB)
  2 files: 2 written
  $ kvcache merge a.safetensors a.safetensors -o batch.safetensors -q; cp batch.safetensors batch2.safetensors
  $ kvcache filter batch.safetensors batch2.safetensors --keep 0 --in-place
  kept 1 of 2 sequences; wrote batch.safetensors (1.49 kB)
  kept 1 of 2 sequences; wrote batch2.safetensors (1.49 kB)
  2 files: 2 written
  $ cp "$REPORTS/batch.safetensors" c.safetensors; cp c.safetensors d.safetensors
  $ kvcache align c.safetensors d.safetensors --right-padding 0,0,0 -o aligned/ ; kvcache inspect c.safetensors --json | grep -m 1 '"batch"'
  moved right padding of 0, 0, 0 rows to the left; wrote aligned/c.safetensors (5.36 kB)
  moved right padding of 0, 0, 0 rows to the left; wrote aligned/d.safetensors (5.36 kB)
  2 files: 2 written
     "batch": 3,

A folder: every cache below it, into the same folders; what is something else is passed over, and so is what --exclude names.

  $ mkdir -p tree/deep tree/old; cp keep tree/a.safetensors; cp keep-b tree/deep/b.safetensors; cp keep tree/old/c.safetensors; echo text >tree/notes.txt
  $ cp "$HOSTILE/not-model-weights.safetensors" tree/weights.safetensors; cp broken.safetensors tree/deep
  $ kvcache trim -r tree -n 1 -o trimmed/ --exclude old/; find trimmed -type f | sort
  trimmed 1 of 6 tokens: 5 left; wrote trimmed/a.safetensors (1.09 kB)
  trimmed 1 of 9 tokens: 8 left; wrote trimmed/deep/b.safetensors (832 B)
  kvcache trim: tree/deep/broken.safetensors: the header is not JSON: syntax error at byte 2, near 'th'
  3 files: 2 written, 1 failed; 1 more is no cache
  trimmed/a.safetensors
  trimmed/deep/b.safetensors
  $ kvcache trim -r tree -n 1 -o tree/out/ -q; kvcache trim -r tree -n 1 -o tree/out/ -q --force; find tree/out -type f | sort
  kvcache trim: tree/deep/broken.safetensors: the header is not JSON: syntax error at byte 2, near 'th'
  kvcache trim: tree/deep/broken.safetensors: the header is not JSON: syntax error at byte 2, near 'th'
  tree/out/a.safetensors
  tree/out/deep/b.safetensors
  tree/out/old/c.safetensors
  $ kvcache trim tree -n 1 -o trimmed/ --force
  kvcache trim: tree: cannot be read: it is a directory
  hint: -r takes every cache below it
  [5]
  $ rm -r tree/out tree/deep/broken.safetensors; kvcache convert -r tree --dtype bf16 --in-place -j 1 --json | tail -n 9
  2 layers cast to BF16; wrote tree/a.safetensors (1.22 kB)
  1 layer cast to BF16; wrote tree/deep/b.safetensors (896 B)
  2 layers cast to BF16; wrote tree/old/c.safetensors (1.22 kB)
  3 files: 3 written; 1 more is no cache
    }
   ],
   "summary": {
    "files": 3,
    "written": 3,
    "failed": 0,
    "not_caches": 1
   }
  }
  $ mkdir empty; kvcache trim -r empty -n 1 -o out/; ls -d out
  kvcache trim: nothing to edit: no caches in empty
  hint: name a folder that has *.safetensors files, or the files themselves
  ls: cannot access 'out': No such file or directory
  [2]
