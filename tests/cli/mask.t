What the next tokens see, drawn.

  $ cd "$OPS"
  $ kvcache mask kv-f16.safetensors --queries 4
  layer 0 (KVCache), 4 queries
  causal: a query sees all rows before it and its own; attention does that without
  an array
  
            row of keys after the update
  query     0         10        20
  token 20  #####################...
  token 21  ######################..
  token 22  #######################.
  token 23  ########################
  # sees   . does not see
  $ kvcache mask kv-f16.safetensors --queries 1
  layer 0 (KVCache), 1 query
  none: every query sees every row of keys, so attention needs no mask
  $ kvcache mask rotating-wrapped-keep.safetensors --queries 1 --window 5
  layer 0 (RotatingKVCache), 1 query, window 5
  array: booleans [8], true where a query may look
  
            row of keys after the update
  query     0
  token 15  ####...#
  # sees   . does not see
  $ kvcache mask rotating-wrapped.safetensors --queries 4
  layer 0 (RotatingKVCache), 4 queries
  array: booleans [4, 11], true where a query may look
  
            row of keys after the update
  query     0         10
  token 11  ########...
  token 12  .########..
  token 13  ..########.
  token 14  ...########
  # sees   . does not see
  $ kvcache mask merged.safetensors --queries 2 --window 6
  layer 0 (BatchKVCache), 2 queries, window 6
  array: booleans [3, 1, 2, 22], true where a query may look
  
                  row of keys after the update
  query           0         10        20
  sequence 0, +0  ...............######.
  sequence 0, +1  ................######
  sequence 1, +0  ...............######.
  sequence 1, +1  ................######
  sequence 2, +0  ...............######.
  sequence 2, +1  ................######
  # sees   . does not see
  $ kvcache mask arrays-left-padding.safetensors --queries 5
  layer 0 (ArraysCache), 5 queries
  array: booleans [3, 5], true where a query may look
  
              new token
  state       0
  sequence 0  #####
  sequence 1  ..###
  sequence 2  .....
  # sees   . does not see
  $ kvcache mask arrays.safetensors --queries 5
  layer 0 (ArraysCache), 5 queries
  none: the state takes in every new token, so it needs no mask
  $ kvcache mask cache-list-kv.safetensors --queries 2
  layer 0 (CacheList), 2 queries
  causal: a query sees all rows before it and its own; attention does that without
  an array
  
            row of keys after the update
  query     0         10
  token 12  #############.
  token 13  ##############
  # sees   . does not see

Large ones are condensed.

  $ kvcache mask "$MODELS/llama-f16.safetensors" --queries 200
  layer 0 (KVCache), 200 queries
  causal: a query sees all rows before it and its own; attention does that without
  an array
  
             row of keys after the update
  query      0         40        80        120       160       200       240
  token 43   ###########++................................................
  token 50   ############+++..............................................
  token 57   ##############++.............................................
  token 64   ################++...........................................
  token 71   ##################++.........................................
  token 78   ###################+++.......................................
  token 85   #####################++......................................
  token 92   #######################++....................................
  token 99   #########################++..................................
  token 106  ##########################+++................................
  token 113  ############################++...............................
  token 120  ##############################++.............................
  token 127  ################################++...........................
  token 134  #################################+++.........................
  token 141  ###################################++........................
  token 148  #####################################++......................
  token 155  #######################################++....................
  token 162  ########################################+++..................
  token 169  ##########################################++.................
  token 176  ############################################++...............
  token 183  ##############################################++.............
  token 190  ###############################################+++...........
  token 197  #################################################++..........
  token 204  ###################################################++........
  token 211  #####################################################++......
  token 218  ######################################################+++....
  token 225  ########################################################++...
  token 232  ##########################################################++.
  token 239  ############################################################+
  # sees   . does not see   + sees some
  one character is 4 columns, one line is 7 rows

As JSON.

  $ kvcache mask kv-f16.safetensors --queries 4 --json
  {
   "schema": "kvcache.mask/1",
   "kind": "causal",
   "shape": null,
   "path": "kv-f16.safetensors",
   "layer": 0,
   "class": "KVCache",
   "queries": 4,
   "window": null
  }
  $ kvcache mask kv-f16.safetensors --queries 4 --array --json | grep -A 3 shape
   "shape": [
    4,
    24
   ],

As a file, where it is an array.

  $ cd - > /dev/null
  $ kvcache mask "$OPS/kv-f16.safetensors" --queries 4 --array -o mask.safetensors
  mask of booleans [4, 24]; wrote mask.safetensors (224 B)
  $ tail -c 96 mask.safetensors | od -An -v -tu1 -w24
     1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   0   0   0
     1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   0   0
     1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   0
     1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1
  $ kvcache mask "$OPS/kv-f16.safetensors" --queries 4 --array -o mask.safetensors
  kvcache mask: output mask.safetensors exists
  hint: --force replaces it
  [2]
  $ kvcache mask "$OPS/kv-f16.safetensors" --queries 4 -o x.safetensors
  kvcache mask: TESTDATA/golden/ops/files/kv-f16.safetensors: the mask is plain causal attention, which needs no array
  hint: --array makes one all the same
  [4]
  $ kvcache mask "$OPS/kv-f16.safetensors" --queries 1 -o x.safetensors
  kvcache mask: TESTDATA/golden/ops/files/kv-f16.safetensors: there is nothing to write; the mask is none: every query sees every row of keys, so attention needs no mask
  [4]
  $ kvcache mask "$OPS/kv-f16.safetensors" --queries 4 --json -o x.safetensors
  kvcache mask: -o and --json exclude each other
  hint: -o writes the array, --json describes it
  [2]
  $ kvcache mask "$OPS/kv-f16.safetensors" --queries 4 --force
  kvcache mask: --force and --gzip belong to -o
  [2]

Limits.

  $ kvcache mask "$OPS/kv-f16.safetensors"
  layer 0 (KVCache), 1 query
  none: every query sees every row of keys, so attention needs no mask
  $ kvcache mask "$OPS/kv-f16.safetensors" --queries 0
  kvcache mask: --queries: '0' is not a whole number from 1 to 2147483647
  hint: `kvcache mask --help` lists the options
  [2]
  $ kvcache mask "$OPS/kv-f16.safetensors" --queries 1 --layer 3
  kvcache mask: TESTDATA/golden/ops/files/kv-f16.safetensors: there is no layer 3
  hint: the file has 3 layers
  [2]
  $ kvcache mask "$OPS/kv-f16.safetensors" --queries 100000
  kvcache mask: TESTDATA/golden/ops/files/kv-f16.safetensors: a mask of shape [100000, 100020] has more than 268435456 booleans
  hint: ask for fewer queries at a time
  [4]
  $ ls
  mask.safetensors

The next token, unless told otherwise.

  $ kvcache mask "$OPS/kv-f16.safetensors" --json | tail -n 4
   "class": "KVCache",
   "queries": 1,
   "window": null
  }
