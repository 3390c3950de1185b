Why a server's folder does not hit.

  $ F="$OPS/../../foreign"; cp -r "$F/omlx-folder/store" omlx; find omlx -type f -exec touch -d '2020-01-01' {} +
  $ kvcache explain omlx --tokens "$F/omlx-folder/tokens/a_16.json" > out; echo $?
  0
  $ sed -E -e 's/ +[0-9]+ d  /  AGE  /' -e "s#$F#F#" out
  omlx: omlx paged SSD cache: 17 blocks, 101 kB, 6 signatures
       signature  blocks     size  newest  what it is
    A  27b65d74        3  15.0 kB  AGE  example/b: format 3, block size 16,
                                           layers 2: 1 KVCache, 1 RotatingKVCache
    B  3e70e2a8        2  18.1 kB  AGE  example/a: format 3, block size 32,
                                           layers 2: 2 KVCache
    C  6e7deb1a        3  14.8 kB  AGE  example/a: format 3, block size 16,
                                           layers 2: 2 KVCache
    D  e413e5bd        3  15.0 kB  AGE  example/a: format 5, block size 16,
                                           layers 2: 2 KVCache, payload
                                           split_recurrent_v1
    E  73f4693e        2  9.39 kB  AGE  example/v1: format 1, block size 16,
                                           layers 2: 2 KVCache <- never again:
                                           format 1, omlx reads 3 to 5
    F  f64f019d        3  26.5 kB  AGE  example/v2: format 2, block size 16,
                                           layers 2: 2 KVCache <- never again:
                                           format 2, omlx reads 3 to 5
  cannot be read: 1 file, 2.47 kB (omlx/3/3ae067f43d887c2576925b2567163aee7052efebec67a3b9bb250f251b806533.safetensors: tensor 'layer_0_state_1': it ends at byte 2048 of the data, the file at 1624)
  begun and not finished: 3 files, 5.50 kB
  with --tokens F/omlx-folder/tokens/a_16.json (66 tokens): 3 of 4 blocks present, usable 48 tokens, to be processed again: 18
  it ends there because block 3 (3ae067f43d88): tensor 'layer_0_state_1': it ends at byte 2048 of the data, the file at 1624
  fix: kvcache prune omlx --signature 73f4693e,f64f019d frees 35.9 kB
  $ kvcache explain omlx --like "$(ls omlx/e/*.safetensors | head -1)" --json | jq -c '.places[0].signatures[] | [.id, .matches, .dead, .differences]'
  ["27b65d74",true,false,[]]
  ["3e70e2a8",null,false,[]]
  ["6e7deb1a",null,false,[]]
  ["e413e5bd",null,false,[]]
  ["73f4693e",null,true,[]]
  ["f64f019d",null,true,[]]

What is dead goes by its signature, and nothing else does.

  $ kvcache prune omlx --signature 73f4693e,f64f019d | tail -3
  
  would delete 5 of 16 caches, 35.9 kB of 98.8 kB
  nothing was deleted: --yes does it
  $ kvcache prune omlx --signature 73f4693e,f64f019d --yes | tail -1
  deleted 5 of 16 caches, 35.9 kB of 98.8 kB
  $ kvcache explain omlx --json | jq -c '[.places[0].entries, .places[0].dead_bytes, .prune]'
  [12,7972,null]
  $ kvcache prune omlx --signature ''
  kvcache prune: --signature: the value is empty
  hint: `kvcache prune --help` lists the options
  [2]

What an index lists is taken out of it in the same run, and goes with all that belongs to it.

  $ cp -r "$F/vllm-mlx-dense-bf16/store" vllm; chmod -R u+w vllm
  $ id=$(kvcache explain vllm --json | jq -r '.places[0].signatures[0].id')
  $ kvcache prune vllm --signature "$id" --tokens '<30' --yes | tail -1
  deleted 1 of 3 caches, 6.52 kB of 32.6 kB
  $ (cd vllm/example--tiny; find . -type f | sort; jq -c '[.num_entries, [.entries[].index]]' index.json)
  ./entry_0.safetensors
  ./entry_0_tokens.bin
  ./entry_1.safetensors
  ./entry_1_tokens.bin
  ./index.json
  [2,[0,1]]
  $ kvcache prune vllm --signature "$id" --yes | tail -1
  deleted 2 of 2 caches, 26.1 kB of 26.1 kB
  $ (cd vllm/example--tiny; find . -type f | sort; jq -c '[.num_entries, .total_memory_bytes, .entries]' index.json)
  ./index.json
  [0,0,[]]
  $ cp -r "$F/vllm-mlx-ssd-dense-bf16/store" ssd; chmod -R u+w ssd
  $ kvcache prune ssd --older-than 0s --yes | tail -1
  deleted 2 of 2 caches, 32.3 kB of 32.3 kB
  $ (cd ssd; find . | sort)
  .
  ./data
  ./index.db
  $ kvcache verify -r ssd --json | jq -c '[.. | .code? // empty]'
  []

A prompt that nothing here begins with.

  $ echo '[1, 2, 3]' > other.json
  $ kvcache explain omlx --tokens other.json | tail -3
  begun and not finished: 3 files, 5.50 kB
  with --tokens other.json (3 tokens): 0 of 0 blocks present, usable 0 tokens, to be processed again: 3
  the prompt has 3 tokens, and blocks are of 16
  $ kvcache explain omlx --tokens other.json --json | jq -c '[.usable, .places[0].prompt.outcome]'
  [0,"miss"]
  $ mkdir empty; kvcache explain empty
  empty: no folder of a server that is known here
  [1]
  $ kvcache explain ./not-there
  kvcache explain: ./not-there: no such file or folder
  [5]

Into a server's folder, and back.

  $ kvcache convert "$F/apc-exact-hybrid-bf16/store" --tokens "$F/apc-exact-hybrid-bf16/tokens/extended.json" --to mlx-lm@2026-08 -o chat.safetensors -q
  $ kvcache convert chat.safetensors --to mlx-vlm-apc -o apc/
  whole cache of mlx-vlm's automatic prefix cache; wrote apc/exact_4bd5e951326d659e6434fc0eda817d6e.safetensors (11.1 kB)
  note: for prompts of more than 45 tokens: mlx-vlm uses only a cache that is shorter than the prompt
  note: the folder is to be the server's own one of this model, whose name ends in _s1- and 8 hex digits: it looks into no other
  $ cmp apc/*.safetensors "$F"/apc-exact-hybrid-bf16/store/*/*.safetensors | head -c 0; ls apc
  exact_4bd5e951326d659e6434fc0eda817d6e.safetensors
  $ kvcache convert chat.safetensors --to rapid-mlx -o rapid -q && kvcache convert rapid --tokens "$F/apc-exact-hybrid-bf16/tokens/extended.json" --to mlx-lm@2026-08 -o back.safetensors -q
  $ kvcache diff chat.safetensors back.safetensors | tail -1
  metadata model: none and rapid
  $ kvcache convert "$MODELS/llama-f16.safetensors" --to rapid-mlx -o rapid
  kvcache convert: TESTDATA/golden/models/files/llama-f16.safetensors: servers find a cache by its token ids, and they are neither in this file nor beside it
  hint: --tokens ids.json, or first: kvcache stamp TESTDATA/golden/models/files/llama-f16.safetensors --tokens ids.json --in-place
  [2]
  $ kvcache convert chat.safetensors --to vllm-mlx -o vllm2
  kvcache convert: chat.safetensors: a new folder names the model by a digest of its config.json
  hint: --model DIR
  [2]
  $ kvcache convert chat.safetensors --to vllm-mlx -o vllm2 --dtype f32
  kvcache convert: --to vllm-mlx writes a cache as it is
  hint: first: kvcache convert FILE ... -o OUT, then export that
  [2]

Blocks of omlx, and an archive that it imports.

  $ kvcache convert "$F/omlx-v5-gdn-fp32/store" --tokens "$F/omlx-v5-gdn-fp32/tokens/full.json" --to mlx-lm@2026-08 -o gdn.safetensors -q
  $ kvcache convert gdn.safetensors --to omlx -o blocks/ --model-name example/gdn5
  kvcache convert: gdn.safetensors: the server's size of blocks is not given: with recurrent layers it differs from model to model
  hint: --block-size N, or --like BLOCK: a block that the running server has written
  [2]
  $ kvcache convert gdn.safetensors --to omlx -o blocks/ --model-name example/gdn5 --block-size 24
  kvcache convert: gdn.safetensors: 64 tokens, and blocks of 24 end at token 48: omlx goes on only from a block that ends with the state of windows and recurrent layers, and there is no such one
  hint: save the cache after 48 tokens of the prompt
  [4]
  $ kvcache convert gdn.safetensors --to omlx -o blocks/ --like "$F"/omlx-v5-gdn-fp32/store/3/*.safetensors
  blocks of omlx' paged cache; wrote blocks (19.6 kB)
  note: 4 blocks of 16 tokens each, of model 'example/gdn5': omlx looks for them when it starts: export while it is stopped
  $ (cd blocks; find . -type f | sort) | sed -E 's/[0-9a-f]{50}/.../g'
  ./1/...5c0b9c6d97f1bb.safetensors
  ./1/...5c0b9c6d97f1bb.tokens
  ./3/...09cb7ab0e554b0.safetensors
  ./3/...09cb7ab0e554b0.tokens
  ./_gdn_sidecars/...483f2694ee35ea/...5c0b9c6d97f1bb.safetensors
  ./e/...63afdb32a3530d.safetensors
  ./e/...63afdb32a3530d.tokens
  ./f/...849d9cf09ca0fe.safetensors
  ./f/...849d9cf09ca0fe.tokens
  $ kvcache convert gdn.safetensors --to omlx -o blocks/ --like "$F"/omlx-v5-gdn-fp32/store/3/*.safetensors --json | jq -c '[.format, .tokens, .bytes]'
  blocks of omlx' paged cache; wrote blocks (0 B)
  note: 4 of 4 blocks were there already and are kept
  note: 4 blocks of 16 tokens each, of model 'example/gdn5': omlx looks for them when it starts: export while it is stopped
  ["omlx",64,0]
  $ kvcache convert blocks --all --to mlx-lm@2026-08 -o prompts/ -q; ls prompts | sed -E 's/[0-9a-f]{50}/.../g'
  ...5c0b9c6d97f1bb.safetensors
  $ kvcache diff gdn.safetensors prompts/*.safetensors | tail -1
  no difference in 5264 values of 3 layers
  $ kvcache convert gdn.safetensors --to omlxzip -o prompt.omlxzip --model-name m --block-size 32
  exported prompt of omlx; wrote prompt.omlxzip (18.6 kB)
  $ kvcache convert gdn.safetensors --to omlxzip -o prompt.omlxzip --model-name m --block-size 32
  kvcache convert: gdn.safetensors: 'prompt.omlxzip' exists already
  hint: --force replaces it
  [2]
  $ kvcache convert prompt.omlxzip --to mlx-lm@2026-08 -o zip.safetensors -q; kvcache diff gdn.safetensors zip.safetensors | tail -1
  metadata model: example/gdn5 and m
  $ kvcache convert gdn.safetensors --to mlx-lm --like x -o y
  kvcache convert: --like belongs to --to omlx and --to omlxzip
  [2]
  $ kvcache report blocks -o blocks.html --json | jq -c '[.places, .entries, .dead_bytes]'
  report on 4 entries of omlx paged SSD cache; wrote blocks.html (11.6 kB)
  [1,4,0]
