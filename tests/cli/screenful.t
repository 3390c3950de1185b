Infos and notes are facts about who can use a sound file: named behind it, in full when asked for, counted of folders.

  $ cp "$HOSTILE/tile-ok-forward.safetensors" named-otherwise; mkdir one; gzip -c named-otherwise > one/a.gz; gzip -c named-otherwise > one/b.gz
  $ kvcache verify named-otherwise
  $ kvcache verify named-otherwise --infos
  $ kvcache verify -r one
  $ kvcache verify --for mlx-lm "$MODELS/llama-f16.safetensors" "$MODELS/llama-f16-trim7.safetensors" | sed 's,TESTDATA[^ ]*/,,g'

Of a folder no more than a screenful, whatever is in it; -q lists all that is broken, and nothing else.

  $ mkdir many
  $ for i in $(seq 10 99); do
  >   cp "$HOSTILE/tile-ok-forward.safetensors" many/a$i.safetensors; cp "$HOSTILE/tile-trailing.safetensors" many/b$i.safetensors
  >   cp "$HOSTILE/layers-batch-differs.safetensors" many/c$i.safetensors; head -c 300 many/c$i.safetensors > many/d$i.safetensors
  >   cp named-otherwise many/e$i.gz; gzip many/e$i.gz; echo text > many/f$i.safetensors
  > done
  $ kvcache verify -r many > said
  $ wc -l < said
  $ sed -n '1,3p; 19,$p' said
  $ kvcache verify -q -r many | wc -l
  $ kvcache verify -q --strict -r many | grep -c warning
