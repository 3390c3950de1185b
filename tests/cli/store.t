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
  $ kvcache -q trim turn1.safetensors --to 6 -o six.safetensors; kvcache diff six.safetensors resume.safetensors
  no difference in 384 values of 2 layers
  $ kvcache store check --data
  5 objects, .*: nothing is wrong (re)

A miss says why, and writes nothing.

  $ kvcache store get --tokens prompt.json --identity qwen -o none.safetensors
  miss: nothing is stored of this model; 1 entry of others
  [1]
  $ kvcache store probe --tokens prompt.json --identity llama --salt secret
  miss: 1 entry of this model are stored, but none under this one: they are under another salt
  [1]
  $ ls none.safetensors 2>/dev/null
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
