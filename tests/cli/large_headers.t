Headers of a megabyte that say little cost no more time than their size: 16,384 layers of which only the last has metadata, and a list of
16,000 children that are all broken.

  $ header() { n=$(wc -c <json); for i in 1 2 3 4 5 6 7 8; do printf "\\$(printf %03o $((n & 255)))"; n=$((n >> 8)); done; cat json; }
  $ awk 'BEGIN { e = "{\"data_offsets\":[0,0],\"dtype\":\"F16\",\"shape\":[1,1,0,1]}"; n = 16383
  >   printf "{"; for (i = 0; i <= n; i++) printf "\"%d.0\":%s,\"%d.1\":%s,", i, e, i, e
  >   printf "\"__metadata__\":{"; for (i = 0; i < n; i++) printf "\"2.%d\":\"KVCache\",", i
  >   printf "\"2.%d\":\"RotatingKVCache\",\"0.%d.0\":\"0\",\"0.%d.1\":\"8\",\"0.%d.2\":\"256\",\"0.%d.3\":\"0\",\"0.%d.4\":\"0\"}}", n, n, n, n, n, n }' >json
  $ header >layers.safetensors
  $ timeout 60 kvcache verify --for mlx-lm@0.19 layers.safetensors | cut -c1-80
  layers.safetensors: ok (mlx-swift-lm 2.25; KV708)
  note: mlx_lm.generate --prompt-cache-file fails without this user metadata: mode
  note: mlx_lm.generate --prompt-cache-file fails up to 0.30.0 without the user me
  $ awk 'BEGIN { n = 16000
  >   printf "{"; for (i = 0; i < n; i++) for (j = 0; j < 2; j++)
  >     printf "\"0.%d.%d\":{\"data_offsets\":[%d,%d],\"dtype\":\"F16\",\"shape\":[1,1,1,1]},", i, j, 4 * i + 2 * j, 4 * i + 2 * j + 2
  >   printf "\"__metadata__\":{\"2.0\":\"CacheList\""
  >   for (i = 0; i < n; i++) printf ",\"0.0.0.%d\":\"ChunkedKVCache\",\"0.0.1.%d.0\":\"0\",\"0.0.1.%d.1\":\"0\"", i, i, i
  >   printf "}}" }' >json
  $ (header; head -c 64000 /dev/zero) >children.safetensors
  $ timeout 60 kvcache verify children.safetensors | wc -l
  3

More layers than any model has are too many in every layout, also in the first and in that of mlx-lm 0.32.

  $ awk 'BEGIN { e = "{\"data_offsets\":[0,0],\"dtype\":\"F16\",\"shape\":[1,1,0,1]}"
  >   printf "{"; for (i = 0; i <= 16384; i++) printf "%s\"%d_keys\":%s,\"%d_values\":%s", i ? "," : "", i, e, i, e; printf "}" }' >json
  $ header >legacy.safetensors
  $ kvcache verify -q legacy.safetensors
  legacy.safetensors: error KV103 header: the header has 16385 layers, more than 16384
    hint: no model has that many
  [3]
  $ awk 'BEGIN { printf "{\"__metadata__\":{\"2.0.0\":\"\",\"2.0.1\":\"\""
  >   for (i = 0; i <= 16384; i++) printf ",\"1.%d\":\"KVCache\"", i; printf "}}" }' >json
  $ header >leaves.safetensors
  $ kvcache verify -q leaves.safetensors
  leaves.safetensors: error KV103 header: the header has 16385 layers, more than 16384
    hint: no model has that many
  [3]
