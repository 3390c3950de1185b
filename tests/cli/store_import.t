Between stores, and from servers: what one store has another takes over, whatever the size of its blocks.

  $ for n in 1 2; do kvcache -q create --layers 2 --heads 2 --head-dim 8 --tokens 10 --fill random --seed $n -o chat$n.safetensors; done
  $ echo '[1,2,3,4,5,6,7,8,9,10]' > chat1.json; echo '[11,22,33,44,55,66,77,88,99,100]' > chat2.json
  $ kvcache -q store init --block 4 --store one; kvcache -q store init --block 4 --store two; kvcache -q store init --block 8 --store eight
  $ kvcache -q store put chat1.safetensors --tokens chat1.json --identity llama --label first --pin --store one
  $ kvcache -q store put chat1.safetensors --tokens chat1.json --identity llama --salt secret --store one
  $ kvcache -q store put chat2.safetensors --tokens chat2.json --identity llama --label second --store two
  $ kvcache store import one --store two
  imported 2 entries, 12.0 kB
  $ kvcache store import one two --store two
  imported 0 entries (5 were known), 0 B
  $ kvcache store ls --store two --json | jq -c '[.entries[] | [.label, .tokens, .pinned]] | sort'
  [[null,10,false],["first",10,true],["second",10,false]]
  $ kvcache -q store get --tokens chat1.json --identity llama --salt secret --leave 0 --store two -o back.safetensors; kvcache diff chat1.safetensors back.safetensors
  no difference in 640 values of 2 layers
  $ kvcache store check --data --store two
  14 objects, 13.6 kB: nothing is wrong

Blocks of another size are put together and taken apart again.

  $ kvcache -q store put chat2.safetensors --tokens chat2.json --identity llama --store eight
  $ kvcache -q store rm --store one $(kvcache store ls --store one --json | jq -r '.entries[] | select(.label == null) | .entry')
  $ kvcache store import one --store eight
  imported 1 entry, 4.42 kB
  $ kvcache -q store get --tokens chat1.json --identity llama --leave 0 --store eight -o back.safetensors --force; kvcache diff chat1.safetensors back.safetensors
  no difference in 640 values of 2 layers
  $ kvcache store ls --store eight --json | jq -c '[.entries[] | [.label, .tokens, .pinned]] | sort'
  [[null,10,false],["first",10,true]]
  $ kvcache store check --data --store eight
  7 objects, 6.91 kB: nothing is wrong

Also of a salt that is not known here: it is in the name of the namespace, and is found with it only.

  $ kvcache -q store put chat1.safetensors --tokens chat1.json --identity llama --salt secret --store one
  $ kvcache -q store put chat2.safetensors --tokens chat2.json --identity llama --salt secret --store eight
  $ kvcache store import one --store eight
  imported 2 entries, 5.32 kB
  $ kvcache -q store get --tokens chat1.json --identity llama --salt secret --leave 0 --store eight -o back.safetensors --force; kvcache diff chat1.safetensors back.safetensors
  no difference in 640 values of 2 layers
  $ kvcache store get --tokens chat1.json --identity llama --salt other --leave 0 --store eight -o no.safetensors
  miss: 4 entries of this model are stored under another salt
  [1]
  $ kvcache store check --data --store eight
  14 objects, 13.8 kB: nothing is wrong

A file from one, put into the other.

  $ kvcache -q store export $(kvcache store ls --store two --json | jq -r '.entries[] | select(.label == "second") | .entry') --store two -o second.safetensors
  $ kvcache store import second.safetensors --identity llama --label again --store one
  imported 1 entry, 5.51 kB
  $ kvcache -q store get --tokens chat2.json --identity llama --leave 0 --store one -o back.safetensors --force; kvcache diff chat2.safetensors back.safetensors
  no difference in 640 values of 2 layers

A limit holds for what is taken over as for what is put: the entries used last stay.

  $ kvcache -q create --layers 2 --heads 2 --head-dim 64 --tokens 100 --fill random -o long.safetensors
  $ for n in 1 2 3 4; do python3 -c "print([$n * 1000 + i for i in range(100)])" > long$n.json; kvcache -q store put long.safetensors --tokens long$n.json --identity llama --label n$n --store many; done
  $ kvcache -q store init --max-size 400kB --store small; kvcache -q store import many --store small
  $ kvcache store ls --store small --json | jq -c '[.entries[] | select(.held == .tokens) | .label] | sort'
  ["n2","n3","n4"]
  $ test "$(kvcache store check --data --json --store small | jq .bytes)" -le 400000 && echo within
  within
  $ kvcache -q store init --max-size 50kB --store tiny; kvcache store import many --store tiny 2>&1 | sed 's/[0-9.]* kB of/SIZE of/'
  kvcache store import: many: it takes up to SIZE of objects, and those of the store are not to take more than 50.0 kB
  hint: `kvcache store init --max-size SIZE` sets another limit

What a server left: each prompt whose tokens it knows is found, and is what it was.

  $ F=$CONFIGS/../golden/foreign; kvcache store import $F/vllm-mlx-dense-bf16/store $F/vllm-mlx-hybrid-p4/store --identity tiny --store served
  imported 4 entries, 44.1 kB
  $ for n in 0 1 2; do kvcache -q store get --tokens $F/vllm-mlx-dense-bf16/tokens/entry$n.json --identity tiny --leave 0 --store served -o served$n.safetensors; kvcache diff served$n.safetensors $F/vllm-mlx-dense-bf16/expected/entry$n.safetensors; done
  format: mlx-lm@0.32 and mlx-lm@0.31 (compared by meaning)
  tokens: 40 and 39
  metadata model: example/tiny and none
  layer 0 tokens: 40 and 39 (and 1 more layer)
  format: mlx-lm@0.32 and mlx-lm@0.31 (compared by meaning)
  metadata model: example/tiny and none
  format: mlx-lm@0.32 and mlx-lm@0.31 (compared by meaning)
  metadata model: example/tiny and none
  [1]
  $ kvcache -q store get --tokens $F/vllm-mlx-hybrid-p4/tokens/entry0.json --identity tiny --leave 0 --store served -o hybrid.safetensors; kvcache diff hybrid.safetensors $F/vllm-mlx-hybrid-p4/expected/entry0.safetensors
  format: mlx-lm@0.32 and mlx-lm@2026-08 (compared by meaning)
  metadata model: example/tiny and none
  [1]
  $ kvcache store check --data --store served
  12 objects, 37.9 kB: nothing is wrong
  $ kvcache store import $F/vllm-mlx-neg-torn-index/store --identity torn --store served
  warning: TESTDATA/configs/../golden/foreign/vllm-mlx-neg-torn-index/store/example--tiny: index.json is no JSON: it was cut off while it was written, and the server refuses to start
  imported 0 entries, 0 B
  [3]
  $ kvcache store check --data --store served
  12 objects, 37.9 kB: nothing is wrong
