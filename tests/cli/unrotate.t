A wrapped window in temporal order is the same window: appending gives the same bytes.

  $ cp "$OPS/rotating-wrapped-keep.safetensors" wrapped.safetensors
  $ kvcache unrotate wrapped.safetensors -o ordered.safetensors --json
  put 2 windows into temporal order; wrote ordered.safetensors (8.77 kB)
  {
   "schema": "kvcache.unrotate/1",
   "path": "wrapped.safetensors",
   "output": "ordered.safetensors",
   "format": "mlx-lm@0.31",
   "tokens": 15,
   "bytes": 8768,
   "reordered": 2
  }
  $ kvcache -q append wrapped.safetensors --update "$OPS/rotating-wrapped-keep-5-update.safetensors" -o a.safetensors
  $ kvcache -q append ordered.safetensors --update "$OPS/rotating-wrapped-keep-5-update.safetensors" -o b.safetensors
  $ cmp a.safetensors b.safetensors
  $ kvcache unrotate ordered.safetensors --in-place
  every window was in order already; wrote ordered.safetensors (8.77 kB)
  $ kvcache unrotate "$OPS/kv-f16.safetensors" -o kv.safetensors
  every window was in order already; wrote kv.safetensors (31.4 kB)

Which of the two it is can be seen.

  $ for f in wrapped ordered; do kvcache inspect $f.safetensors | grep windows; kvcache inspect --layers $f.safetensors | sed -n '3,4p'; done
    windows   2 of 2 wrapped: the oldest tokens are gone
    0      RotatingKVCache      15  1×2×64  F16    4.10 kB  wrapped, 8 rows,
                                                            window 8, ring at row
    windows   2 of 2 wrapped: the oldest tokens are gone; rows are in the order of
    0      RotatingKVCache      15  1×2×64  F16    4.10 kB  wrapped, 8 rows,
                                                            window 8, in order,
