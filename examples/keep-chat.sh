#!/bin/sh
# Keeps a chat over restarts: before each turn the longest stored prefix is fetched, after it the new cache is put.
#
#   keep-chat.sh MODEL_DIR TURN...
#
# TURN is a folder with prompt.json, the token ids of the whole conversation so far, as the runtime's tokenizer made them. The runtime itself is
# called as $RUN CACHE PROMPT OUT: it loads CACHE (which may not exist: then it begins anew), processes the tokens of PROMPT behind those in
# CACHE, and saves its cache as OUT. By default `kvcache create` stands in for it, so that the script can be tried without a model.
set -eu
[ $# -ge 2 ] || { echo "usage: keep-chat.sh MODEL_DIR TURN..." >&2; exit 2; }
model=$1
shift

stand_in() {
  tokens=$(tr -cd ',' <"$2" | wc -c)
  kvcache create --layers 4 --heads 4 --head-dim 128 --tokens $((tokens + 1)) --fill random -o "$3" --force -q
}

kvcache store init -q
for turn in "$@"; do
  resume=$turn/resume.safetensors
  rm -f "$resume"
  # Exit status 1 is a miss, with its reason on standard error: the runtime begins anew then. Anything else is an error.
  kvcache store get --no-sync --tokens "$turn/prompt.json" --model "$model" -o "$resume" || [ $? -eq 1 ]
  ${RUN:-stand_in} "$resume" "$turn/prompt.json" "$turn/cache.safetensors"
  # Costs what is new: known blocks are neither read nor written.
  kvcache store put "$turn/cache.safetensors" --tokens "$turn/prompt.json" --model "$model" --label chat
  rm -f "$turn/cache.safetensors" "$resume"
done
