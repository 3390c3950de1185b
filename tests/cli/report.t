A page about a cache.

  $ kvcache report "$MODELS/llama-f16.safetensors" -o page.html
  report on 4 layers, 43 tokens; wrote page\.html \(.* kB\) (re)
  $ head -c 15 page.html
  <!doctype html>
  $ grep -c '<section' page.html
  8

It is not replaced unless asked for, and nothing else is written.

  $ kvcache report "$MODELS/llama-f16.safetensors" -o page.html
  kvcache report: output page.html exists
  hint: --force replaces it
  [2]
  $ kvcache report "$MODELS/llama-f16.safetensors" -o page.html --force --json
  report on 4 layers, 43 tokens; wrote page\.html \(.* kB\) (re)
  {
   "schema": "kvcache.report/1",
   "path": "TESTDATA/golden/models/files/llama-f16.safetensors",
   "output": "page.html",
   "tokens": 43,
   "bytes": \d+ (re)
  }
  $ ls
  page.html

  $ kvcache -q report "$MODELS/llama-f16.safetensors" -o - | head -n 1
  <!doctype html>
  $ kvcache report missing.safetensors -o missing.html
  kvcache report: missing.safetensors: cannot be read: No such file or directory
  [5]
  $ printf 'no cache' > broken.safetensors
  $ kvcache report broken.safetensors -o broken.html
  kvcache report: broken.safetensors: no safetensors file, but a text file
  hint: name the cache itself
  [3]
  $ cp "$MODELS/llama-f16.safetensors" a.safetensors
  $ kvcache report a.safetensors -o a.safetensors --force
  kvcache report: output a.safetensors is the input itself
  hint: name a new file
  [2]
  $ kvcache report a.safetensors -o no/such/folder.html
  kvcache report: no/such/folder.html: cannot create 'no/such/folder.html': No such file or directory
  hint: create its folder first
  [5]

Standard input and gzip.

  $ gzip -c a.safetensors | kvcache -q report - -o stdin.html
  $ grep -o '<h1>.*</h1>' stdin.html
  <h1>standard input</h1>
  $ ls
  a.safetensors
  broken.safetensors
  page.html
  stdin.html

Without a name it lies beside the cache.

  $ cp "$MODELS/llama-f16.safetensors" chat.safetensors; kvcache report chat.safetensors
  report on 4 layers, 43 tokens; wrote chat\.html \(.* kB\) (re)
  $ kvcache report chat.safetensors
  kvcache report: output chat.html exists
  hint: --force replaces it
  [2]
  $ gzip -k chat.safetensors; kvcache report chat.safetensors.gz --force --json | grep output
  report on 4 layers, 43 tokens; wrote chat\.html \(.* kB\) (re)
   "output": "chat.html",
  $ kvcache report - < chat.safetensors
  kvcache report: no output is given
  hint: -o OUT writes a new file
  [2]

Several have a page each, in a folder; one that fails does not keep the others from theirs.

  $ printf x > broken.safetensors
  $ kvcache report "$MODELS/llama-f16.safetensors" broken.safetensors -o pages/
  report on 4 layers, 43 tokens; wrote pages/llama-f16.html (29.7 kB)
  kvcache report: broken.safetensors: no safetensors file, but a text file
  hint: name the cache itself
  2 files: 1 written, 1 failed
  [3]
  $ ls pages
  llama-f16.html
  $ kvcache report "$MODELS/llama-f16.safetensors" broken.safetensors
  kvcache report: no output is given
  hint: -o DIR/ writes them to a folder
  [2]
  $ mkdir folder; kvcache report folder
  kvcache report: folder: cannot be read: it is a directory, and no server's
  hint: kvcache report -r folder -o reports/
  [5]
