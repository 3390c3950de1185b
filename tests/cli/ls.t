A folder, with what is in it; files that are no caches are counted, broken ones named.

  $ mkdir -p all/deep
  $ cp "$MODELS/llama-f16.safetensors" all/a.safetensors
  $ cp "$HOSTILE/not-model-weights.safetensors" all/weights.safetensors
  $ cp "$HOSTILE/json-cut.safetensors" all/deep/cut.safetensors
  $ cp "$HOSTILE/layers-batch-differs.safetensors" all/deep/differs.safetensors
  $ touch -d '2020-01-01' all/a.safetensors all/deep/cut.safetensors all/deep/differs.safetensors
  $ kvcache ls all --json
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
  $ kvcache ls all | sed 's/ [0-9]* d / AGE /'
  tokens     size     age  format       model         file
      43  44.8 kB  AGE  mlx-lm@0.31  llama         all/a.safetensors
            978 B  AGE  broken                     all/deep/cut.safetensors: the header is not JSON: syntax error at byte 203, near '"1.1":'
       6  1.57 kB  AGE  mlx-lm@0.31  example/tiny  all/deep/differs.safetensors: errors (KV501)
  
  model         files     size
  (not named)       1    978 B
  example/tiny      1  1.57 kB
  llama             1  44.8 kB
  
  3 files, 47.3 kB; 1 more is no cache
  $ kvcache ls missing
  kvcache ls: missing: cannot be read: No such file or directory
  [5]
  $ kvcache ls all --sort colour
  kvcache ls: --sort: 'colour' is none of size, age, model, tokens
  hint: `kvcache ls --help` lists the options
  [2]
