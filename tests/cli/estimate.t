The size of a file's arrays is what the estimate for as many tokens says.

  $ kvcache inspect --json "$MODELS/gemma3_text-bf16.safetensors" | grep '"bytes": 19200'
    "bytes": 19200,
  $ kvcache estimate --like "$MODELS/gemma3_text-bf16.safetensors" --tokens 43 --json --group-size 32
  {
   "schema": "kvcache.estimate/1",
   "tokens": 43,
   "batch": 1,
   "layers": 6,
   "dtype": "BF16",
   "group_size": 32,
   "estimates": [
    {
     "name": "BF16",
     "bits": null,
     "bytes": 19200,
     "bytes_per_further_token": 256.0
    },
    {
     "name": "8 bits",
     "bits": 8,
     "bytes": 14384,
     "bytes_per_further_token": 144.0
    },
    {
     "name": "4 bits",
     "bits": 4,
     "bytes": 11632,
     "bytes_per_further_token": 80.0
    }
   ],
   "notes": []
  }
  $ kvcache estimate --config "$CONFIGS/gemma3_text.json" --tokens 32768 --batch 2
  32768 tokens     size  a further token
  F16            139 MB          4.10 kB  100 %
  8 bits        76.5 MB          2.18 kB   55 %
  4 bits        43.0 MB          1.15 kB   31 %
  5 of 7 layers are windows and cost nothing more beyond 512 tokens
  $ kvcache estimate --config "$CONFIGS/gemma3_text.json" --tokens 32768 --bits 4
  32768 tokens     size  a further token
  F16           69.7 MB          2.05 kB  100 %
  4 bits        21.5 MB            576 B   31 %
  5 of 7 layers are windows and cost nothing more beyond 512 tokens

  $ kvcache estimate --tokens 5
  kvcache estimate: what the cache is for is not given
  hint: --config config.json of a model, or --like a cache of it
  [2]
  $ kvcache estimate --config "$CONFIGS/gemma3_text.json"
  kvcache estimate: TESTDATA/configs/gemma3_text.json: how many tokens is not given
  hint: --tokens N
  [2]
  $ kvcache estimate --config "$CONFIGS/gemma3_text.json" --tokens 5 --bits 7
  kvcache estimate: TESTDATA/configs/gemma3_text.json: 7 bits are not supported
  hint: 2, 3, 4, 5, 6 or 8
  [2]
