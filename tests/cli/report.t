A page about a cache.

  $ kvcache report "$MODELS/llama-f16.safetensors" -o page.html
  $ head -c 15 page.html
  $ grep -c '<section' page.html

It is not replaced unless asked for, and nothing else is written.

  $ kvcache report "$MODELS/llama-f16.safetensors" -o page.html
  $ kvcache report "$MODELS/llama-f16.safetensors" -o page.html --force --json
  $ ls

  $ kvcache report "$MODELS/llama-f16.safetensors"
  $ kvcache report "$MODELS/llama-f16.safetensors" -o -
  $ kvcache report missing.safetensors -o missing.html
  $ printf 'no cache' > broken.safetensors
  $ kvcache report broken.safetensors -o broken.html
  $ cp "$MODELS/llama-f16.safetensors" a.safetensors
  $ kvcache report a.safetensors -o a.safetensors --force
  $ kvcache report a.safetensors -o no/such/folder.html

Standard input and gzip.

  $ gzip -c a.safetensors | kvcache -q report - -o stdin.html
  $ grep -o '<h1>.*</h1>' stdin.html
  $ ls
