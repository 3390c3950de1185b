What is named like a cache is checked, whatever is in it: empty, zeros, or a link that leads nowhere.

  $ mkdir all
  $ : >all/empty.safetensors.gz
  $ head -c 100 /dev/zero >all/zeros.safetensors.gz
  $ cp "$HOSTILE/tile-ok-forward.safetensors" all/plain.safetensors.gz
  $ ln -s nowhere.safetensors all/dangling.safetensors
  $ ln -s loop.safetensors all/loop.safetensors
  $ mkdir all/folder.safetensors; ln -s folder.safetensors all/to-folder.safetensors
  $ echo text | gzip >all/notes.txt.gz
  $ : >all/empty.gz
  $ kvcache verify -r all
  all/dangling.safetensors: error KV100: cannot be read: No such file or directory
  all/empty.safetensors.gz: error KV101 header: no safetensors file, but an empty file
    hint: its writer was interrupted, or it was saved under the name it was loaded from: make it again
  all/loop.safetensors: error KV100: cannot be read: Too many levels of symbolic links
  all/zeros.safetensors.gz: error KV102 header: the header is empty: its length field is 0
  facts: 1 KV716 (name or compression); --infos shows them
  5 files: 1 ok, 4 unreadable; 1 more is no cache (a text file)
  [5]
  $ kvcache ls all --json | grep -e '"path"' -e '"kind"'
     "path": "all/dangling.safetensors",
     "kind": "broken",
     "path": "all/empty.safetensors.gz",
     "kind": "broken",
     "path": "all/loop.safetensors",
     "kind": "broken",
     "path": "all/plain.safetensors.gz",
     "kind": "cache",
     "path": "all/zeros.safetensors.gz",
     "kind": "broken",

One line per file, however long its name is.

  $ mkdir "two  spaces in the name of a folder that is longer than the eighty columns of a table"
  $ cp all/plain.safetensors.gz two*
  $ kvcache ls . | grep -c '^two  spaces in the name of a folder that is longer than the eighty columns of a table/plain.safetensors.gz  '
  1

What does not claim to be a cache is counted and passed over, and named for what it is where it is named. What stands for a file that
may be one is not passed over, nor is a damaged cache.

  $ mkdir mixed; K="$REPORTS/k"
  $ cp "$HOSTILE/tile-ok-forward.safetensors" mixed/chat.safetensors
  $ cp "${K}1.safetensors" mixed/._chat.safetensors
  $ cp "${K}3.safetensors" mixed/page.safetensors; cp "${K}4.safetensors" mixed/gguf.safetensors
  $ cp "${K}7.safetensors" mixed/tokens.safetensors; cp "${K}8.safetensors" mixed/model.safetensors
  $ head -c 60 "${K}8.safetensors" >mixed/cut-in-its-header.safetensors
  $ head -c 300 "${K}8.safetensors" >mixed/cut-weights.safetensors
  $ tar -cf - mixed/chat.safetensors | gzip >mixed/other.tar.gz; echo 'a log' | gzip >mixed/log.gz
  $ kvcache verify -r mixed
  mixed/cut-in-its-header.safetensors: error KV104 header: the header is cut off: it would have 222 bytes, but the file has 60 in all
    hint: save or copy the file again
  2 files: 1 ok, 1 unreadable; 8 more are no caches (a GGUF model, a tar archive, a text file, an AppleDouble file, an HTML page, 2 times model weights, token ids)
  [3]
  $ cp "${K}2.safetensors" mixed/pointer.safetensors; : >mixed/empty.safetensors
  $ kvcache verify -r mixed
  mixed/cut-in-its-header.safetensors: error KV104 header: the header is cut off: it would have 222 bytes, but the file has 60 in all
    hint: save or copy the file again
  mixed/empty.safetensors: error KV101 header: no safetensors file, but an empty file
    hint: its writer was interrupted, or it was saved under the name it was loaded from: make it again
  mixed/pointer.safetensors: error KV103 header: no safetensors file, but a Git LFS pointer
    hint: the file itself is not here: git lfs pull, in its repository, fetches it
  4 files: 1 ok, 3 unreadable; 8 more are no caches (a GGUF model, a tar archive, a text file, an AppleDouble file, an HTML page, 2 times model weights, token ids)
  [3]
  $ kvcache verify -q mixed/._chat.safetensors mixed/page.safetensors mixed/gguf.safetensors mixed/tokens.safetensors
  mixed/._chat.safetensors: error KV103 header: no safetensors file, but an AppleDouble file
    hint: macOS keeps attributes of a file in it: the cache is the file of the same name without ._
  mixed/page.safetensors: error KV103 header: no safetensors file, but an HTML page
    hint: it is the answer to a download that failed: fetch the file again
  mixed/gguf.safetensors: error KV103 header: no safetensors file, but a GGUF model
    hint: these are a model's weights for another program; name the cache itself
  mixed/tokens.safetensors: error KV122: not a prompt cache, but token ids: 1 tensor such as 'tokens', and no list of classes
    hint: a prompt cache names its classes in metadata, under '2.'; name the cache itself
  [3]
  $ kvcache verify -r mixed --json | sed -n '/"not_caches"/,$p'
   "not_caches": [
    {
     "path": "mixed/gguf.safetensors",
     "what": "a GGUF model"
    },
    {
     "path": "mixed/other.tar.gz",
     "what": "a tar archive"
    },
    {
     "path": "mixed/log.gz",
     "what": "a text file"
    },
    {
     "path": "mixed/._chat.safetensors",
     "what": "an AppleDouble file"
    },
    {
     "path": "mixed/page.safetensors",
     "what": "an HTML page"
    },
    {
     "path": "mixed/cut-weights.safetensors",
     "what": "model weights"
    },
    {
     "path": "mixed/model.safetensors",
     "what": "model weights"
    },
    {
     "path": "mixed/tokens.safetensors",
     "what": "token ids"
    }
   ],
   "summary": {
    "files": 4,
    "ok": 1,
    "warnings": 0,
    "errors": 0,
    "unreadable": 3,
    "not_caches": 8
   }
  }
  $ kvcache ls mixed
  file                           tokens     size  values  age  last read  format       model
  chat.safetensors                    6  1.18 kB  F16     0 s        0 s  mlx-lm@0.31  example/tiny
  cut-in-its-header.safetensors             60 B          0 s        0 s  broken                     the header is cut off: it would have 222 bytes, but the file has 60 in all
  empty.safetensors                          0 B          0 s        0 s  broken                     no safetensors file, but an empty file
  pointer.safetensors                      134 B          0 s        0 s  broken                     no safetensors file, but a Git LFS pointer
  
  model         files     size
  (not named)       3    194 B
  example/tiny      1  1.18 kB
  
  4 files, 1.38 kB; 8 more are no caches
  $ kvcache trim mixed/pointer.safetensors -n 1 -o x
  kvcache trim: mixed/pointer.safetensors: no safetensors file, but a Git LFS pointer
  hint: the file itself is not here: git lfs pull, in its repository, fetches it
  [3]

Cut off where its header ends, a cache is damage; weights are still weights, as long as the header says so.

  $ mkdir cut; head -c 700 "$HOSTILE/tile-ok-forward.safetensors" >cut/cache.safetensors; cp mixed/cut-weights.safetensors cut
  $ kvcache verify -r cut
  cut/cache.safetensors: error KV117 header: tensor '0.1': it ends at byte 384 of the data, the file at 287
    hint: the file was probably cut off; save or copy it again
  1 file: 1 unreadable; 1 more is no cache (model weights)
  [3]

Nothing to check at all is no success: the path may be wrong.

  $ mkdir -p none/below; cp mixed/model.safetensors mixed/tokens.safetensors none/below
  $ kvcache verify -r none
  kvcache verify: nothing to check: no caches in none; 2 are no caches (model weights, token ids)
  hint: name a folder that has *.safetensors files, or the files themselves
  [2]
  $ kvcache verify -r none/below none --json
  kvcache verify: nothing to check: no caches in these folders; 4 are no caches (2 times model weights, 2 times token ids)
  hint: name a folder that has *.safetensors files, or the files themselves
  [2]

A block of omlx's paged cache is no cache of its own; one that is cut off is damage.

  $ mkdir blocks; { printf '\146\000\000\000\000\000\000\000'
  > printf '{"__metadata__":{"omlx_cache_format_version":"2"},"x":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}123456789'; } >blocks/a.safetensors
  $ kvcache ls blocks --json | grep '"kind"'
     "kind": "omlx block",
  $ head -c 110 blocks/a.safetensors >blocks/b.safetensors; cp mixed/chat.safetensors blocks
  $ kvcache verify -r blocks
  blocks/b.safetensors: error KV117 header: tensor 'x': it ends at byte 9 of the data, the file at 0
    hint: the file was probably cut off; save or copy it again
  2 files: 1 ok, 1 unreadable; 1 more is no cache (a block of omlx's paged cache)
  [3]
