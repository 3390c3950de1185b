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
   "model_type": null,
   "source": null,
   "assumed": [],
   "caches": "4 x window 16, 2 x plain, every third",
   "groups": [
    {
     "layers": [
      0,
      1,
      3,
      4
     ],
     "caches": "window 16",
     "max_size": 16,
     "chunk_size": null,
     "kv_heads": 1,
     "key_dim": 32,
     "value_dim": 32,
     "sizes": "1 KV head of 32",
     "bytes": 8192,
     "bytes_per_further_token": 0.0
    },
    {
     "layers": [
      2,
      5
     ],
     "caches": "plain",
     "max_size": null,
     "chunk_size": null,
     "kv_heads": 1,
     "key_dim": 32,
     "value_dim": 32,
     "sizes": "1 KV head of 32",
     "bytes": 11008,
     "bytes_per_further_token": 256.0
    }
   ],
   "notes": []
  }
  $ kvcache estimate --config "$CONFIGS/gemma3_text.json" --tokens 32768 --batch 2
  32768 tokens     size  per new token  of plain
  F16            139 MB        4.10 kB     100 %
  8 bits        76.5 MB        2.18 kB      55 %
  4 bits        43.0 MB        1.15 kB      31 %
    5 x  window 512  5.24 MB  1 KV head of 256
    2 x  plain        134 MB  1 KV head of 256
  5 of 7 layers are windows and cost nothing more beyond 512 tokens
  gemma3_text: 5 x window 512, 2 x plain, every third, as
  mlx_lm/models/gemma3_text.py makes them
  $ kvcache estimate --config "$CONFIGS/gemma3_text.json" --tokens 32768 --bits 4
  32768 tokens     size  per new token  of plain
  F16           69.7 MB        2.05 kB     100 %
  4 bits        21.5 MB          576 B      31 %
    5 x  window 512  2.62 MB  1 KV head of 256
    2 x  plain       67.1 MB  1 KV head of 256
  5 of 7 layers are windows and cost nothing more beyond 512 tokens
  gemma3_text: 5 x window 512, 2 x plain, every third, as
  mlx_lm/models/gemma3_text.py makes them

  $ kvcache estimate --tokens 5
  kvcache estimate: what the cache is for is not given
  hint: --model of a folder or an id of Hugging Face, --config config.json, or --like a cache of it
  [2]
  $ kvcache estimate --config "$CONFIGS/gemma3_text.json"
  kvcache estimate: TESTDATA/configs/gemma3_text.json: how many tokens is not given
  hint: --tokens 32k says what they take, --fits 16GiB how many there is room for
  [2]
  $ kvcache estimate --config "$CONFIGS/gemma3_text.json" --tokens 5 --bits 7
  kvcache estimate: TESTDATA/configs/gemma3_text.json: 7 bits are not supported
  hint: 2, 3, 4, 5, 6 or 8
  [2]

Which row of the table was used, what config.json leaves out, and a type that is in no row.

  $ echo '{"model_type": "cohere2", "num_hidden_layers": 8, "torch_dtype": "float16"}' > window.json
  $ kvcache estimate --config window.json --tokens 8192
  8192 tokens    size  per new token  of plain
  F16          168 MB        8.19 kB     100 %
  8 bits       136 MB        4.35 kB      81 %
  4 bits       120 MB        2.30 kB      71 %
    6 x  window 4096   101 MB  8 KV heads of 128
    2 x  plain        67.1 MB  8 KV heads of 128
  6 of 8 layers are windows and cost nothing more beyond 4096 tokens
  cohere2: 6 x window 4096, 2 x plain, every fourth, as mlx_lm/models/cohere2.py
  makes them; not in config.json, so assumed: head_dim 128, num_attention_heads
  32, hidden_size 4096, sliding_window_pattern 4, num_key_value_heads 8,
  sliding_window 4096
  $ echo '{"model_type": "frobnicate", "num_hidden_layers": 8, "num_attention_heads": 8, "hidden_size": 64}' > new.json
  $ kvcache estimate --config new.json --tokens 8192
  kvcache estimate: new.json: the model type "frobnicate" is not known here
  hint: 'kvcache models' lists the known ones; give layers, heads and head dim yourself, or a cache that the model made
  [4]
  $ echo '{"model_type": "llama", "num_hidden_layers": 8, "hidden_size": 64}' > short.json
  $ kvcache estimate --config short.json --tokens 8192
  kvcache estimate: short.json: llama: there is no num_attention_heads, which mlx_lm/models/llama.py needs
  hint: is it the config.json of a language model?
  [4]
  $ echo '{"model_type": "deepseek_v4", "num_hidden_layers": 8}' > later.json
  $ kvcache estimate --config later.json --tokens 8192
  kvcache estimate: later.json: "deepseek_v4": not in mlx-lm yet; its config tells of one KV head, a window and pools of compressed keys (compress_ratios)
  hint: 'kvcache models' lists the known ones; give layers, heads and head dim yourself, or a cache that the model made
  [4]

Groups that fit, and caches that cannot be quantized.

  $ echo '{"model_type": "phi3", "num_hidden_layers": 2, "num_attention_heads": 32, "hidden_size": 3072}' > phi.json
  $ kvcache estimate --config phi.json --tokens 1000
  1000 tokens     size  per new token  of plain
  F16          24.6 MB        24.6 kB     100 %
  8 bits       13.8 MB        13.8 kB      56 %
  4 bits       7.68 MB        7.68 kB      31 %
  in groups of 32 (--group-size 32): keys are 96 wide, which 64 does not divide
  phi3: 2 x plain, as mlx_lm/models/phi3.py makes them; not in config.json, so
  assumed: num_key_value_heads 32
  $ kvcache estimate --config phi.json --tokens 1000 --group-size 64
  1000 tokens     size  per new token  of plain
  F16          24.6 MB        24.6 kB     100 %
  nothing here can be quantized in groups of 64: keys are 96 wide; groups of 32
  would do
  phi3: 2 x plain, as mlx_lm/models/phi3.py makes them; not in config.json, so
  assumed: num_key_value_heads 32
  $ kvcache estimate --config "$CONFIGS/deepseek_v3.json" --tokens 1000
  1000 tokens     size  per new token  of plain
  F16          2.30 MB        2.30 kB     100 %
  deepseek_v3 cannot be quantized: since 0.30.5 mlx-lm computes with the latents
  themselves, which are three arrays then
  deepseek_v3: 2 x plain, as mlx_lm/models/deepseek_v3.py makes them
  $ kvcache estimate --config "$CONFIGS/falcon_h1.json" --tokens 1000
  1000 tokens    size  per new token  of plain
  BF16         795 kB          768 B     100 %
  nothing here can be quantized: windows, chunks, state and lists stay as they are
  falcon_h1: 3 x state + plain, as mlx_lm/models/falcon_h1.py makes them

Windows as --max-kv-size makes them, where the model has no caches of its own.

  $ kvcache estimate --config phi.json --tokens 1000 --max-kv-size 500
  1000 tokens     size  per new token  of plain
  F16          12.3 MB            0 B     100 %
  2 of 2 layers are windows and cost nothing more beyond 500 tokens
  nothing here can be quantized: windows, chunks, state and lists stay as they are
  phi3: 2 x window 500, as mlx_lm/models/phi3.py makes them; not in config.json,
  so assumed: num_key_value_heads 32
  $ kvcache estimate --config "$CONFIGS/gemma3_text.json" --tokens 1000 --max-kv-size 500 --json
  {
   "schema": "kvcache.estimate/1",
   "tokens": 1000,
   "batch": 1,
   "layers": 7,
   "dtype": "F16",
   "group_size": 64,
   "estimates": [
    {
     "name": "F16",
     "bits": null,
     "bytes": 4669440,
     "bytes_per_further_token": 2048.0
    },
    {
     "name": "8 bits",
     "bits": 8,
     "bytes": 3709440,
     "bytes_per_further_token": 1088.0
    },
    {
     "name": "4 bits",
     "bits": 4,
     "bytes": 3197440,
     "bytes_per_further_token": 576.0
    }
   ],
   "model_type": "gemma3_text",
   "source": "mlx_lm/models/gemma3_text.py",
   "assumed": [],
   "caches": "5 x window 512, 2 x plain, every third",
   "groups": [
    {
     "layers": [
      0,
      1,
      3,
      4,
      6
     ],
     "caches": "window 512",
     "max_size": 512,
     "chunk_size": null,
     "kv_heads": 1,
     "key_dim": 256,
     "value_dim": 256,
     "sizes": "1 KV head of 256",
     "bytes": 2621440,
     "bytes_per_further_token": 0.0
    },
    {
     "layers": [
      2,
      5
     ],
     "caches": "plain",
     "max_size": null,
     "chunk_size": null,
     "kv_heads": 1,
     "key_dim": 256,
     "value_dim": 256,
     "sizes": "1 KV head of 256",
     "bytes": 2048000,
     "bytes_per_further_token": 2048.0
    }
   ],
   "notes": [
    "--max-kv-size changes nothing: gemma3_text makes its caches itself"
   ]
  }
  $ kvcache estimate --like "$MODELS/gemma3_text-bf16.safetensors" --tokens 43 --max-kv-size 5
  kvcache estimate: TESTDATA/golden/models/files/gemma3_text-bf16.safetensors: --max-kv-size goes with --config
  hint: a cache has the windows that it has
  [2]

How many tokens there is room for.

  $ kvcache estimate --config "$CONFIGS/llama.json" --fits 1GiB
  in 1.07 GB  tokens  per new token
  BF16         87381        12.3 kB
  8 bits      164482        6.53 kB
  4 bits      310689        3.46 kB
  llama: 3 x plain, as mlx_lm/models/llama.py makes them; not in config.json, so
  assumed: head_dim 128
  $ kvcache estimate --config "$CONFIGS/llama.json" --fits 1GiB --tokens 4k
  kvcache estimate: TESTDATA/configs/llama.json: --tokens and --fits exclude each other
  hint: --tokens 32k says what they take, --fits 16GiB how many there is room for
  [2]
  $ kvcache create --layers 2 --heads 2 --head-dim 64 --max-size 64 --tokens 40 -q -o windows.safetensors
  $ kvcache estimate --like windows.safetensors --fits 1MB; kvcache estimate --like windows.safetensors --fits 10kB --json | grep -E 'fit|"tokens"'
  in 1.00 MB      tokens  per new token
  F16         any number            0 B
  2 of 2 layers are windows and cost nothing more beyond 64 tokens
  nothing here can be quantized: windows, chunks, state and lists stay as they are
   "tokens": 9,
     "tokens_that_fit": 9
   "fits": 10000
  $ kvcache estimate --like windows.safetensors --tokens 1.5k | head -n 2; kvcache estimate --like windows.safetensors --tokens 9999M
  1500 tokens     size  per new token  of plain
  F16          65.5 kB            0 B     100 %
  kvcache estimate: --tokens: '9999M' is not a whole number from 0 to 2147483647, or as many thousands: 32k
  hint: `kvcache estimate --help` lists the options
  [2]
  $ kvcache estimate --model nobody/nothing --tokens 1k 2>&1 | sed "s,'.*',HUB,"
  kvcache estimate: nobody/nothing: there is no such folder, and no model of this id in HUB
  hint: hf download nobody/nothing
