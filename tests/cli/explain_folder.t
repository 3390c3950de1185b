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

An index lists what it lists: its server deletes that, and nobody else.

  $ cp -r "$F/vllm-mlx-dense-bf16/store" vllm
  $ id=$(kvcache explain vllm --json | jq -r '.places[0].signatures[0].id')
  $ kvcache prune vllm --signature "$id" --yes | tail -2
  
  deleted 0 of 3 caches, 0 B of 32.6 kB

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
  kvcache convert: TESTDATA/golden/models/files/llama-f16.safetensors: servers find a cache by its token ids, and they are not in this file
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
