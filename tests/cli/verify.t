A line for every file that is fine, one for every finding, and a sum.

  $ cd "$HOSTILE"
  $ kvcache verify tile-ok-forward.safetensors
  tile-ok-forward.safetensors: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1)
  $ kvcache verify tile-ok-forward.safetensors tile-trailing.safetensors layers-batch-differs.safetensors json-garbage.safetensors
  tile-ok-forward.safetensors: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1)
  tile-trailing.safetensors: warning KV120 header: 1 byte follows the last tensor: MLX reads the file, strict readers refuse it
    hint: `kvcache repair tile-trailing.safetensors -o tile-trailing-new.safetensors` writes it without them
  layers-batch-differs.safetensors: error KV501 layer 1: batch size 2, but layer 0 has 1: layers of one cache hold the same sequences
  json-garbage.safetensors: error KV105 header: the header is not JSON: syntax error at byte 2, near 'th'
  4 files: 1 ok, 1 with warnings, 1 with errors, 1 unreadable
  [3]
  $ kvcache verify -q tile-ok-forward.safetensors tile-trailing.safetensors
  $ kvcache verify -q tile-ok-forward.safetensors layers-batch-differs.safetensors
  layers-batch-differs.safetensors: error KV501 layer 1: batch size 2, but layer 0 has 1: layers of one cache hold the same sequences
  [1]
  $ kvcache verify --strict -q tile-trailing.safetensors
  tile-trailing.safetensors: warning KV120 header: 1 byte follows the last tensor: MLX reads the file, strict readers refuse it
    hint: `kvcache repair tile-trailing.safetensors -o tile-trailing-new.safetensors` writes it without them
  [1]
  $ kvcache verify --data data-nan-f16.safetensors
  data-nan-f16.safetensors: error KV601 layer 0: keys: 1 NaN, first at sequence 0, head 0, row 0: it spreads to every later token
  [1]

For a runtime.

  $ kvcache verify --for mlx-lm@0.31 tile-ok-forward.safetensors
  tile-ok-forward.safetensors: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1)
  $ kvcache verify --for mlx-lm@0.31 --for mlx-swift-lm@3.31 tile-ok-forward.safetensors
  tile-ok-forward.safetensors: error KV720: mlx-swift-lm@3.31: layer 0 (KVCache): it is saved as mlx-lm@0.31 saves it (empty text as metadata)
    hint: kvcache convert tile-ok-forward.safetensors --to mlx-swift-lm@3.31 -o tile-ok-forward-new.safetensors
  [1]
  $ kvcache verify -q --for all tile-ok-forward.safetensors | wc -l
  8

Folders: by name, links to folders not followed, pipes passed over.

  $ work="$(mktemp -d)"; cd "$work"; mkdir -p a/b empty
  $ cp "$HOSTILE/tile-ok-forward.safetensors" a/b/one.safetensors; gzip < a/b/one.safetensors > a/two.gz; cp a/b/one.safetensors a/no.gz
  $ ln -s .. a/up; ln -s b/one.safetensors a/link.safetensors; mkfifo a/pipe.safetensors; ln -s nowhere a/dangling.safetensors
  $ kvcache verify -r .
  ./a/dangling.safetensors: error KV100: cannot be read: No such file or directory
  facts: 1 KV716 (name or compression); --infos shows them
  4 files: 3 ok, 1 unreadable
  [5]
  $ kvcache verify -r -j 4 a a a a a | tail -1
  20 files: 15 ok, 5 unreadable
  $ kvcache verify -r empty
  kvcache verify: nothing to check: no caches in empty
  hint: name a folder that has *.safetensors files, or the files themselves
  [2]
  $ kvcache verify a
  a: error KV100: cannot be read: it is a directory
    hint: -r checks the files in it
  [5]
  $ kvcache verify --json -r a | grep '"path"'
     "path": "a/b/one.safetensors",
     "path": "a/dangling.safetensors",
     "path": "a/link.safetensors",
     "path": "a/two.gz",
  $ rm -r "$work"

Standard input, and what is not there.

  $ kvcache verify - < "$HOSTILE/tile-ok-forward.safetensors"
  -: ok (mlx-lm 0.19 to 0.31, mlxrs 0.1)
  $ kvcache verify ''
  '': error KV100: cannot be read: No such file or directory
  [5]
  $ kvcache verify --json missing.safetensors
  {
   "schema": "kvcache.verify/1",
   "files": [
    {
     "path": "missing.safetensors",
     "status": "unreadable",
     "format": null,
     "findings": [
      {
       "code": "KV100",
       "severity": "error",
       "message": "cannot be read: No such file or directory"
      }
     ],
     "loads_in": {},
     "notes": []
    }
   ],
   "not_caches": [],
   "summary": {
    "files": 1,
    "ok": 0,
    "warnings": 0,
    "errors": 0,
    "unreadable": 1,
    "not_caches": 0
   }
  }
  [5]
