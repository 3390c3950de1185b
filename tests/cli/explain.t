What a code of `kvcache verify` means, why it hurts, and what to do.

  $ kvcache explain KV411
  KV411: rotating window: fields out of range
    severity      error: the file is broken, or a program that loads it goes wrong
                  without noticing
    meaning       A window's fields exclude each other: pinned tokens leave no
                  room, or the ring index is outside the rows.
    why it hurts  The arrays are well-formed, but no sequence of tokens leads to
                  this state. A loader takes it as it is and decodes wrongly
                  sooner or later.
    what to do    `kvcache repair`, or make it again. That means: let the program
                  that wrote the file process the prompt once more and save it.
  $ kvcache explain kv717 | head -3
  KV717: class of a neighbour
    severity      info: a fact about who can use the file
    meaning       A class or layout of mlx-vlm, another server or a fork. It is

A format: by its id, its letter, a release.

  $ kvcache explain P4 | head -2
  mlx-lm@2026-08: how mlx-lm writes prompt caches, era P4
    releases      no release: a main branch had it
  $ kvcache explain mlx-lm@0.29.1 | head -3
  mlx-lm@0.29.1: how mlx-lm writes prompt caches, era P2
    era           it writes as mlx-lm@0.28 does
    releases      0.28.1 (2025-09-26) to 0.30.7 (2026-02-12)
  $ kvcache explain mlx-lm@0.18
  mlx-lm@0.18: how mlx-lm writes prompt caches, era L0
    releases      0.18.1 to 0.18.2
    meaning       it is read, and never written: no loader in use would gain from
                  it
    why it hurts  current releases of its runtime may refuse or misread its files
    what to do    `kvcache convert old.safetensors --to mlx-lm -o new.safetensors`
  $ kvcache explain mlx-lm | head -1
  mlx-lm@0.32: how mlx-lm writes prompt caches, era P5

A class, and a word of the documents.

  $ kvcache explain RotatingKVCache
  RotatingKVCache: a class of cache
    meaning       keys and values of the newest `max_size` tokens, the first
                  `keep` of them pinned
    why it hurts  Once it has wrapped the oldest tokens are gone: it cannot be
                  trimmed, and the model does not see them. Runtimes do not trim a
                  full one either, even where nothing is lost yet.
    what to do    `kvcache convert --class KVCache` before it wraps,
                  `kvcache unrotate` after
  $ kvcache explain wrapped
  wrapped: a word of the documents
    meaning  of a window: tokens were overwritten, so the oldest are gone and the
             rows are out of order. `kvcache unrotate` orders them; nothing brings
             the tokens back

As JSON.

  $ kvcache explain KV119 --json
  {
   "schema": "kvcache.explain/1",
   "kind": "code",
   "name": "KV119",
   "title": "hole",
   "parts": [
    {
     "title": "severity",
     "text": "warning: the file works, but somebody should know"
    },
    {
     "title": "meaning",
     "text": "Bytes between arrays belong to none. MLX does not mind, strict readers refuse."
    },
    {
     "title": "why it hurts",
     "text": "The file as safetensors, before anything about caches. A defect other than KV118 to KV121 ends the check. Of those alone `kvcache repair` makes a sound file; with any other, get or make the file again. Most of these come from a copy that stopped half-way, or from a file of another kind."
    },
    {
     "title": "what to do",
     "text": "`kvcache repair`."
    }
   ]
  }

Every code has an explanation, with what to do.

  $ kvcache verify --format sarif "$HOSTILE/tile-ok-forward.safetensors" | jq -r '.runs[0].tool.driver.rules[].id' > codes
  $ while read -r code; do kvcache explain $code | grep -q '^  what to do' || echo $code; done < codes
  $ for class in KVCache ConcatenateKVCache RotatingKVCache QuantizedKVCache ChunkedKVCache ArraysCache MambaCache CacheList BatchKVCache \
  >     BatchRotatingKVCache TurboQuantKVCache VarianceNormalizedKVCache; do kvcache explain $class | grep -q 'why it hurts' || echo $class; done

What is not known.

  $ kvcache explain RotatingKVCach
  kvcache explain: 'RotatingKVCach' is no folder or file, and no code, format, class or word of the documents
  hint: kvcache explain RotatingKVCache
  [2]
  $ kvcache explain KV999
  kvcache explain: 'KV999' is no folder or file, and no code, format, class or word of the documents
  hint: kvcache explain KV909
  [2]
  $ kvcache explain nonsense
  kvcache explain: 'nonsense' is no folder or file, and no code, format, class or word of the documents
  hint: kvcache formats lists formats; codes are in the man page kvcache-findings(7)
  [2]
  $ kvcache explain
  kvcache explain: WHAT is required
  hint: `kvcache explain --help` lists the options
  [2]

A word as the documents have it, or as code and metadata spell it; words of the store as well:

  $ for word in left_padding MAX_SIZE group_size namespace tail sidecar; do kvcache explain $word | head -1; done
  left padding: a word of the documents
  max size: a word of the documents
  group size: a word of the documents
  namespace: a word of the documents
  tail: a word of the documents
  sidecar: a word of the documents
