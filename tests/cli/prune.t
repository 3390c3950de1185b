What may go is said by criteria, and nothing is deleted without --yes.

  $ mkdir -p all/deep
  $ cp "$MODELS/llama-f16.safetensors" all/a.safetensors
  $ cp "$MODELS/llama-f16.safetensors" all/deep/b.safetensors
  $ cp "$HOSTILE/not-model-weights.safetensors" all/weights.safetensors
  $ cp "$HOSTILE/layers-batch-differs.safetensors" all/differs.safetensors
  $ head -c 30000 "$MODELS/llama-f16.safetensors" > all/cut.safetensors
  $ head -c 100 "$HOSTILE/not-model-weights.safetensors" > all/cut-weights.safetensors
  $ printf 'hello' > all/hello.safetensors
  $ ln -s a.safetensors all/link.safetensors
  $ touch -d '2020-01-01' all/a.safetensors
  $ touch -d '2021-01-01' all/deep/b.safetensors
  $ kvcache prune all
  $ kvcache prune all --yes
  $ kvcache prune all --broken --dry-run --yes
  $ kvcache prune all --broken
  $ kvcache -q prune all --broken
  $ kvcache prune all --older-than 52w --model llama | sed 's/[0-9]* d old/AGE old/'
  $ kvcache prune all --model nobody
  $ kvcache prune all --format mlx-lm@2026-08 --broken

A size keeps the youngest; the others have to meet the other criteria as well. Folders inside one another count once.

  $ kvcache prune all all/deep --keep-bytes 100kB
  $ kvcache prune all --keep-bytes 1GB -q
  $ kvcache prune all --keep-bytes 0 --model llama -q

What is deleted.

  $ kvcache prune all --broken --yes --json
  $ kvcache prune all --older-than 52w --yes | sed 's/[0-9]* d old/AGE old/'
  $ find all -type f -o -type l | LC_ALL=C sort

Blocks of omlx are caches too; damaged ones are known by their metadata. A class that may be newer than this tool is no damage.

  $ mkdir more
  $ cat > make.py <<'END'
  > import json, struct
  > def write(path, metadata, size, cut=0):
  >     text = json.dumps({"__metadata__": metadata, "keys": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
  >     with open(path, "wb") as f:
  >         f.write((struct.pack("<Q", len(text)) + text + bytes(size))[:None if cut == 0 else -cut])
  > block = {"omlx_cache_format_version": "2", "model_name": "m", "token_count": "256"}
  > write("more/block.safetensors", block, 100)
  > write("more/cut-block.safetensors", block, 100, 1)
  > write("more/newer.safetensors", {"2.0": "HologramCache", "2.1": "KVCache"}, 100)
  > write("more/foreign.safetensors", {"2.0": "a chapter number"}, 100, 1)
  > write("more/weights.safetensors", {"format": "pt"}, 100, 1)
  > END
  $ python3 make.py
  $ kvcache prune more --broken
  $ kvcache prune more --format omlx --yes
  $ ls more

Compressed caches that are cut off.

  $ mkdir zipped
  $ gzip -c "$MODELS/llama-f16.safetensors" | head -c 9000 > zipped/a.safetensors.gz
  $ kvcache prune zipped --broken

Names and metadata are shown escaped.

  $ mkdir odd
  $ python3 - <<'END'
  > import shutil, os
  > name = "odd/\x1b[31mred\n.safetensors"
  > shutil.copy(os.environ["HOSTILE"] + "/layers-batch-differs.safetensors", name)
  > END
  $ kvcache prune odd --broken
  $ kvcache prune odd --broken --yes -q
  $ ls -A odd

Mistakes.

  $ kvcache prune missing --broken
  $ kvcache prune all/weights.safetensors --broken
  $ kvcache prune all --older-than 30
  $ kvcache prune all --older-than 1.5.0d
  $ kvcache prune all --keep-bytes 10XB
  $ kvcache prune all --keep-bytes 99999999999999TB
  $ kvcache prune all --format mlx-ml@0.31
