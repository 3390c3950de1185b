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
  all/empty.safetensors.gz: error KV101 header: too short for a safetensors file: 0 of the 8 bytes that hold the length of the header
  all/loop.safetensors: error KV100: cannot be read: Too many levels of symbolic links
  all/notes.txt.gz: error KV101 header: too short for a safetensors file: 5 of the 8 bytes that hold the length of the header
  all/plain.safetensors.gz: ok (mlx-lm@0.31)
  all/zeros.safetensors.gz: error KV102 header: the header is empty: its length field is 0
  6 files: 1 ok, 5 unreadable
  [5]
  $ kvcache ls all --json | grep -e '"path"' -e '"kind"'
     "path": "all/dangling.safetensors",
     "kind": "broken",
     "path": "all/empty.safetensors.gz",
     "kind": "broken",
     "path": "all/loop.safetensors",
     "kind": "broken",
     "path": "all/notes.txt.gz",
     "kind": "broken",
     "path": "all/plain.safetensors.gz",
     "kind": "cache",
     "path": "all/zeros.safetensors.gz",
     "kind": "broken",

One line per file, however long its name is.

  $ mkdir "two  spaces in the name of a folder that is longer than the eighty columns of a table"
  $ cp all/plain.safetensors.gz two*
  $ kvcache ls two* | grep -c 'two  spaces in the name of a folder that is longer than the eighty columns of a table/plain.safetensors.gz$'
  1
