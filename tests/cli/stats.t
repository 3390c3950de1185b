What the values of each layer look like: one line for each array, after the overview.

  $ kvcache inspect --stats "$MODELS/gemma3_text-bf16.safetensors" | sed -n '/Layer/,$p'

Recurrent state, lists of caches, decoded values of quantized layers.

  $ kvcache inspect --stats "$MODELS/qwen3_5-f16.safetensors" | sed -n '/Layer/,$p'
  $ kvcache inspect --stats "$OPS/cache-list.safetensors" | sed -n '/Layer/,$p'
  $ kvcache inspect --stats "$OPS/quant-f16-b4-g64.safetensors" | sed -n '/Layer/,$p'

Padding of a batch and never-used layers do not count.

  $ kvcache inspect --stats "$OPS/merged.safetensors" | sed -n '/Layer/,$p'
  $ kvcache create --layers 1 --heads 1 --head-dim 8 --tokens 0 -o empty.safetensors
  $ kvcache inspect --stats empty.safetensors | sed -n '/Layer/,$p'

Zeros are no problem.

  $ kvcache create --layers 1 --heads 1 --head-dim 8 --tokens 20 -o zeros.safetensors
  $ kvcache inspect --stats zeros.safetensors | sed -n '/Layer/,$p'

The same for scripts.

  $ kvcache inspect --stats --json zeros.safetensors | sed -n '/"stats"/,/"part": "values"/p' | tr -d '\n ' && echo

  $ kvcache inspect --stats missing.safetensors
