The prefix store: what is put once is found by whatever begins with its tokens.

  $ export KVCACHE_STORE="$PWD/chats"
  $ kvcache -q create --layers 2 --heads 2 --head-dim 8 --tokens 10 --fill random -o turn1.safetensors
  $ echo '[1,2,3,4,5,6,7,8,9,10]' > turn1.json; echo '[1,2,3,4,5,6,7,8,9,10,11,12]' > prompt.json; echo '1 2 3 4 5 6 77' > other.txt
  $ kvcache -q store init --block 4
  $ kvcache store put turn1.safetensors --tokens turn1.json --identity llama --label chat-7
  10 tokens as entry [0-9a-f]*: 2 new of 2 blocks, wrote .* (re)
  $ kvcache store probe --tokens prompt.json --identity llama
  10 of 12 tokens from entry [0-9a-f]* .nothing longer than 10 of its tokens is stored. (re)
  $ kvcache store get --tokens other.txt --identity llama -o resume.safetensors
  6 of 7 tokens from entry .* .the prompt goes on otherwise than what is stored, from token 6 on.; wrote .* (re)
  $ kvcache -q store get --tokens other.txt --identity llama --no-sync -o quick.safetensors; cmp quick.safetensors resume.safetensors
  $ kvcache -q trim turn1.safetensors --to 6 -o six.safetensors; kvcache diff six.safetensors resume.safetensors
  no difference in 384 values of 2 layers
  $ kvcache store check --data
  5 objects, .*: nothing is wrong (re)

Nobody else can look into it, whatever the umask: index, log and all.

  $ find chats -type d ! -perm 700 -o -type f ! -perm 600

A miss says why, and writes nothing.

  $ kvcache store get --tokens prompt.json --identity qwen -o none.safetensors
  miss: nothing is stored of this model; 1 entry of others
  [1]
  $ kvcache store probe --tokens prompt.json --identity llama --salt secret
  miss: 1 entry of this model is stored under another salt
  [1]
  $ ls none.safetensors 2>/dev/null
  [2]

Of what is left to be processed, nothing is taken; a miss for that says so.

  $ echo '[1]' > one.json
  $ kvcache store probe --tokens one.json --identity llama
  miss: the prompt has 1 token, and at least 1 is left to be processed
  [1]
  $ kvcache store probe --tokens turn1.json --identity llama --leave 10
  miss: the prompt has 10 tokens, and at least 10 are left to be processed
  [1]
  $ kvcache store probe --tokens turn1.json --identity llama --leave 11
  miss: the prompt has 10 tokens, and at least 11 are left to be processed
  [1]
  $ kvcache store probe --tokens turn1.json --identity llama --leave 9
  1 of 10 tokens from entry [0-9a-f]* .all 10 tokens are stored; 9 are left to be processed. (re)

The user's own store is made on first use, so that a look before the first put is a miss; one that is named has to be there.

  $ (unset KVCACHE_STORE; XDG_CACHE_HOME="$PWD/own" kvcache store get --tokens prompt.json --identity llama -o none.safetensors)
  miss: the store is empty
  [1]
  $ (unset KVCACHE_STORE; XDG_CACHE_HOME="$PWD/own" kvcache store ls --json | grep -c '"entries": .*')
  2
  $ kvcache store probe --store nowhere --tokens prompt.json --identity llama
  kvcache store probe: nowhere: there is no store in nowhere
  hint: `kvcache store init` makes one, and so does the first put
  [2]
  $ ls none.safetensors nowhere 2>/dev/null
  [2]

The index is made anew from the objects.

  $ rm chats/store.db*; kvcache store check --rebuild
  5 objects, .*: nothing is wrong (re)
  $ kvcache store ls --json | jq -c '[.entries[] | [.label, .tokens]]'
  [["chat-7",10]]

One conversation goes for good.

  $ kvcache store rm --label chat-7 --purge
  removed 1 entry, .* (re)
  $ find chats/objects chats/trash -type f | wc -l | tr -d ' '
  0

What get writes says what it is; what export writes has checksums as well.

  $ mkdir model; echo '{"model_type":"llama"}' > model/config.json; echo weights > model/model.safetensors
  $ kvcache -q store put turn1.safetensors --tokens turn1.json --model model --label trip
  $ kvcache -q store get --tokens other.txt --model model -o said.safetensors
  $ kvcache metadata said.safetensors get kvcache_stamp | jq -c '[.tokens.ids, (.model_sha256|keys), .crc32]'
  [[1,2,3,4,5,6],["config.json"],null]
  $ kvcache -q store export $(kvcache store ls --json | jq -r '.entries[0].entry') -o whole.safetensors
  $ kvcache metadata whole.safetensors get kvcache_stamp | jq -c '[.tokens.ids, (.model_sha256|keys), (.crc32|keys)]'
  [[1,2,3,4,5,6,7,8,9,10],["config.json"],["0.0","0.1","1.0","1.1"]]
  $ echo '{"model_type":"qwen3"}' > model/config.json; kvcache verify said.safetensors --model model | grep KV821
  said.safetensors: error KV821 metadata: config.json of the model is not the one that was there when the file was stamped

What a stamp says is taken over by itself, and so is what servers have left. What cannot be, is said.

  $ export KVCACHE_STORE="$PWD/taken"
  $ kvcache store import whole.safetensors --identity llama --label trip
  imported 1 entry, 4.42 kB
  $ kvcache store import $CONFIGS/../golden/foreign/rapid-dense-bf16/store $CONFIGS/../golden/foreign/apc-block-bf16/store --identity llama
  imported 4 entries, 67.0 kB
  $ kvcache store import $CONFIGS/../golden/foreign/omlx-dense-bf16/store --identity omlx
  warning: TESTDATA/configs/../golden/foreign/omlx-dense-bf16/store: omlx paged SSD cache: it does not say which tokens it holds
  hint: --tokens T, with the ids of a prompt
  imported 0 entries, 0 B
  [2]
  $ kvcache store import $CONFIGS/../golden/foreign/omlx-dense-bf16/store --identity omlx --tokens $CONFIGS/../golden/foreign/omlx-dense-bf16/tokens/full.json
  TESTDATA/configs/../golden/foreign/omlx-dense-bf16/store (omlx paged SSD cache): 6 of the 70 tokens are not in it: they have to be computed
  imported 1 entry, 53.0 kB
  $ kvcache store get --tokens $CONFIGS/../golden/foreign/omlx-dense-bf16/tokens/full.json --identity omlx --to mlx-lm@2026-08 -o omlx.safetensors
  64 of 70 tokens from entry b8681170cd09 (nothing longer than 64 of its tokens is stored); wrote omlx.safetensors (50.3 kB)
  $ kvcache diff omlx.safetensors $CONFIGS/../golden/foreign/omlx-dense-bf16/expected/full.safetensors
  metadata model: example/tiny and none
  [1]
  $ kvcache -q create --layers 1 --heads 1 --head-dim 8 --tokens 3 -o bare.safetensors; kvcache store import bare.safetensors --identity llama
  warning: 1 cache without token ids in their stamps were left out: `kvcache stamp FILE --tokens T` stores them
  imported 0 entries, 0 B
  $ kvcache store check --data
  15 objects, 115 kB: nothing is wrong

Token ids are taken as they come: lists, text, numpy's files of any integers, 32-bit integers.

  $ printf '\001\000\000\000\002\000\000\000\003\000\000\000\011\000\000\000' > ids.bin
  $ kvcache store probe --tokens ids.bin --identity llama
  3 of 4 tokens from entry aefdd44115ec (the prompt goes on otherwise than what is stored, from token 3 on)
  $ npy() { python3 -c "import struct,sys; t,s,n=sys.argv[1:4]; h=(\"{'descr': '%s', 'fortran_order': False, 'shape': %s, }\" % (t,s)).ljust(117)+chr(10); sys.stdout.buffer.write(b'\x93NUMPY\1\0'+struct.pack('<H',len(h))+h.encode()+struct.pack(n,1,2,3,9))" "$@"; }
  $ npy '<i8' '(4,)' '<4q' > ids.npy; kvcache store probe --tokens ids.npy --identity llama
  3 of 4 tokens from entry aefdd44115ec (the prompt goes on otherwise than what is stored, from token 3 on)
  $ npy '>u2' '(1, 4)' '>4H' > ids.npy; kvcache store probe --tokens ids.npy --identity llama
  3 of 4 tokens from entry aefdd44115ec (the prompt goes on otherwise than what is stored, from token 3 on)
  $ npy '<i4' '(2, 2)' '<4i' > ids.npy; kvcache store probe --tokens ids.npy --identity llama
  kvcache store probe: ids.npy: a .npy file of more than one sequence
  hint: numpy.save() of one list of integers is taken
  [2]
  $ npy '<f4' '(4,)' '<4f' > ids.npy; kvcache store probe --tokens ids.npy --identity llama
  kvcache store probe: ids.npy: a .npy file that is not of integers
  hint: numpy.save() of one list of integers is taken
  [2]
  $ npy '<i8' '(4,)' '<4q' | head -c 150 > ids.npy; kvcache store probe --tokens ids.npy --identity llama
  kvcache store probe: ids.npy: a .npy file that is cut off
  hint: numpy.save() of one list of integers is taken
  [2]

A salt and media are part of what tokens are.

  $ export KVCACHE_STORE="$PWD/salted"; kvcache -q store init --block 4
  $ kvcache -q store put --tokens turn1.json --identity llama --salt secret --media 2+3:cafe turn1.safetensors
  $ kvcache store probe --tokens turn1.json --identity llama --salt secret --media 2+3:cafe
  9 of 10 tokens from entry 8200ba31613b (all 10 tokens are stored; 1 is left to be processed)
  $ kvcache store probe --tokens turn1.json --identity llama --salt secret --media 2+3:beef
  2 of 10 tokens from entry 8200ba31613b (the prompt goes on otherwise than what is stored, from token 2 on)
  $ kvcache store probe --tokens turn1.json --identity llama --salt secret
  2 of 10 tokens from entry 8200ba31613b (the prompt goes on otherwise than what is stored, from token 2 on)
  $ kvcache store probe --tokens turn1.json --identity llama --salt other --media 2+3:cafe
  miss: 1 entry of this model is stored under another salt
  [1]
  $ kvcache store probe --tokens turn1.json --identity llama --media cafe
  kvcache store probe: --media: 'cafe' is no POS:DIGEST
  hint: --media 5:3f786850e387550f, --media 5+256:3f786850e387550f
  [2]
  $ grep -rl secret salted
  [1]
  $ kvcache -q store check --rebuild; kvcache store probe --tokens turn1.json --identity llama --salt secret --media 2+3:cafe
  9 of 10 tokens from entry 8200ba31613b (all 10 tokens are stored; 1 is left to be processed)

Rows of known blocks are those that were put first; --check compares them, and keeps others apart.

  $ export KVCACHE_STORE="$PWD/checked"; kvcache -q store init --block 4
  $ kvcache -q store put turn1.safetensors --tokens turn1.json --identity llama
  $ kvcache -q create --layers 2 --heads 2 --head-dim 8 --tokens 10 --fill random --seed 2 -o other.safetensors
  $ kvcache store put turn1.safetensors --tokens turn1.json --identity llama --check
  10 tokens as entry ce8f3c8efdc5: 0 new of 2 blocks, wrote 900 B
  $ kvcache store put other.safetensors --tokens turn1.json --identity llama --check --label second
  warning: what is stored of these tokens is not what this cache has: it is stored apart, and `store export` gives it back
  10 tokens as entry 07e604452f33: 2 new of 2 blocks, wrote 5.64 kB
  $ kvcache -q store export $(kvcache store ls --json | jq -r '.entries[] | select(.label == "second") | .entry') -o back.safetensors
  $ kvcache diff other.safetensors back.safetensors
  no difference in 640 values of 2 layers
  $ kvcache -q store get --tokens turn1.json --identity llama --leave 0 -o first.safetensors; kvcache diff turn1.safetensors first.safetensors
  no difference in 640 values of 2 layers

So is what is in no whole block, what windows hold, and what rows of longer prompts begin with.

  $ export KVCACHE_STORE="$PWD/checked2"; kvcache -q store init --block 8
  $ for seed in 1 2; do kvcache -q create --layers 2 --heads 2 --head-dim 8 --tokens 6 --fill random --seed $seed -o plain$seed.safetensors; done
  $ for seed in 1 2; do kvcache -q create --layers 2 --heads 2 --head-dim 8 --tokens 27 --max-size 20 --fill random --seed $seed -o window$seed.safetensors; done
  $ for seed in 1 2; do kvcache -q create --config "$CONFIGS/lfm2.json" --tokens 6 --fill random --seed $seed -o state$seed.safetensors; done
  $ seq 6 > six; seq 27 > all
  $ put() { kvcache store put $1.safetensors --tokens $2 --identity $3 --check --label $1; }
  $ put plain1 six p; put plain2 six p; put plain1 six p; put plain2 six p
  6 tokens as entry aef3b306b180: 0 new of 0 blocks, wrote 3.91 kB
  warning: what is stored of these tokens is not what this cache has: it is stored apart, and `store export` gives it back
  6 tokens as entry 9c9bfb13f62c: 0 new of 0 blocks, wrote 2.95 kB
  6 tokens as entry aef3b306b180: 0 new of 0 blocks, wrote 964 B
  warning: what is stored of these tokens is not what this cache has: it is stored apart, and `store export` gives it back
  6 tokens as entry 9c9bfb13f62c: 0 new of 0 blocks, wrote 964 B
  $ put window1 all w; put window2 all w; put window1 all w; put window2 all w
  27 tokens as entry ad67ccbe035f: 3 new of 3 blocks, wrote 6.86 kB
  warning: what is stored of these tokens is not what this cache has: it is stored apart, and `store export` gives it back
  27 tokens as entry 23647f2b8d3d: 1 new of 3 blocks, wrote 5.89 kB
  27 tokens as entry ad67ccbe035f: 0 new of 3 blocks, wrote 964 B
  warning: what is stored of these tokens is not what this cache has: it is stored apart, and `store export` gives it back
  27 tokens as entry 23647f2b8d3d: 0 new of 3 blocks, wrote 964 B
  $ put state1 six s; put state2 six s; put state1 six s; put state2 six s
  6 tokens as entry 8468741f7462: 0 new of 0 blocks, wrote 24.6 kB
  warning: what is stored of these tokens is not what this cache has: it is stored apart, and `store export` gives it back
  6 tokens as entry b8d63f6f7c6d: 0 new of 0 blocks, wrote 23.8 kB
  6 tokens as entry 8468741f7462: 0 new of 0 blocks, wrote 964 B
  warning: what is stored of these tokens is not what this cache has: it is stored apart, and `store export` gives it back
  6 tokens as entry b8d63f6f7c6d: 0 new of 0 blocks, wrote 964 B
  $ get() { kvcache -q store export $(kvcache store ls --json | jq -r ".entries[] | select(.label == \"$1\") | .entry") -o back.safetensors --force; kvcache diff $1.safetensors back.safetensors; }
  $ for n in 1 2; do get plain$n; get window$n; get state$n; done
  no difference in 384 values of 2 layers
  no difference in 1280 values of 2 layers
  no difference in 10240 values of 3 layers
  no difference in 384 values of 2 layers
  no difference in 1280 values of 2 layers
  no difference in 10240 values of 3 layers
  $ kvcache store check --data
  19 objects, 58.8 kB: nothing is wrong

A store keeps to its limits; what is pinned stays, and what was used last.

  $ export KVCACHE_STORE="$PWD/small"; kvcache -q store init --block 32 --max-size 350kB
  $ kvcache -q create --layers 2 --heads 2 --head-dim 64 --tokens 100 --fill random -o chat.safetensors
  $ for n in 1 2 3 4 5 6; do seq -s' ' $((1000*n)) $((1000*n+99)) > ids$n.txt; done
  $ for n in 1 2 3; do kvcache -q store put chat.safetensors --tokens ids$n.txt --identity llama --label n$n; done
  $ kvcache -q store pin $(kvcache store ls --json | jq -r '.entries[] | select(.label == "n1") | .entry')
  $ kvcache -q store get --tokens ids2.txt --identity llama -o used.safetensors
  $ kvcache -q store put chat.safetensors --tokens ids4.txt --identity llama --label n4
  $ kvcache store ls --json | jq -c '[.entries[] | select(.held == .tokens) | .label] | sort'
  ["n1","n4"]
  $ for n in 5 6; do kvcache -q store put chat.safetensors --tokens ids$n.txt --identity llama --label n$n; done
  $ test "$(kvcache store check --json | jq .bytes)" -le 350000 && echo within
  within
  $ kvcache store ls --json | jq -c '[.entries[] | select(.held == .tokens) | .label] | sort'
  ["n1","n6"]
  $ kvcache store gc --to 0B; kvcache store ls --json | jq -c '[.entries[] | .label]'
  evicted 212 kB, 108 kB left
  ["n1"]
  $ kvcache -q store unpin $(kvcache store ls --json | jq -r '.entries[0].entry'); kvcache -q store gc --to 0B; kvcache store ls
  0 entries, 0 B in the store
  $ kvcache store check --data
  0 objects, 0 B: nothing is wrong
  $ kvcache -q store init --max-size 50kB; kvcache store put chat.safetensors --tokens ids1.txt --identity llama 2>&1 | sed 's/[0-9.]* kB of/SIZE of/'
  kvcache store put: chat.safetensors: it takes up to SIZE of objects, and those of the store are not to take more than 50.0 kB
  hint: `kvcache store init --max-size SIZE` sets another limit
  $ kvcache -q store init --max-size 10MB --max-age 1s; kvcache -q store put chat.safetensors --tokens ids1.txt --identity llama; sleep 1.1; kvcache -q store gc; kvcache store ls
  0 entries, 0 B in the store
