What the values of each layer look like: one line for each array, after the overview.

  $ kvcache inspect --stats "$MODELS/gemma3_text-bf16.safetensors" | sed -n '/Layer/,$p'
    Layer  Part      Min   Max      Mean   Std  Histogram     Notes
    0      keys    -5.91  6.03    0.0151     2   ▁▁▂▃█▇▄▂▁▁   0.2 % zeros
           values  -3.16  3.83   -0.0178  1.15   ▁▁▃▅█▇▅▂▁▁
    1      keys    -6.78  5.31    -0.213  1.99   ▁▁▂▅██▄▂▁▁
           values  -3.03  3.23   -0.0206  1.05   ▁▁▂▅██▄▂▁▁
    2      keys    -6.47  6.06  -0.00252     2   ▁▁▂▅██▆▂▁▁
           values  -4.38  3.25    -0.116  1.12  ▁▁▁▂▅██▅▂▁▁
    3      keys    -5.03  5.59      0.28  1.98   ▁▁▂▄▇█▄▂▁▁
           values  -3.17  3.33     0.101  1.09   ▁▁▂▄▇█▄▁▁▁
    4      keys    -5.22  5.56   -0.0578     2    ▁▂▇██▅▂▁▁
           values  -4.03  2.98    -0.169  1.24   ▁▁▂▄█▆▄▂▁
    5      keys    -6.34  7.19   -0.0258     2   ▁▁▂▆▇█▅▂▁▁▁
           values  -4.66  3.62    -0.167  1.15  ▁▁▁▂▅██▅▂▁▁

Recurrent state, lists of caches, decoded values of quantized layers.

  $ kvcache inspect --stats "$MODELS/qwen3_5-f16.safetensors" | sed -n '/Layer/,$p'
    Layer  Part          Min        Max       Mean    Std  Histogram     Notes
    0      slot 0     -0.139     -0.139     -0.139      0       █
           slot 1  -8.41e-05  -8.41e-05  -8.41e-05      0       █
    1      slot 0    -0.0632    -0.0632    -0.0632      0       █
           slot 1  -0.000352  -0.000352  -0.000352      0       █
    2      slot 0  -0.000966  -0.000966  -0.000966      0        █
           slot 1  -0.000139  -0.000139  -0.000139      0       █
    3      keys         -3.5        3.3     0.0116      1  ▁▁▁▂▅██▅▂▁▁
           values      -2.09       2.02    0.00489  0.572  ▁▁▁▂▅██▅▂▁▁▁
  $ kvcache inspect --stats "$OPS/cache-list.safetensors" | sed -n '/Layer/,$p'
    Layer  Part               Min     Max      Mean    Std  Histogram     Notes
    0      child 0 slot 0  -0.605  -0.605    -0.605      0      █
           child 0 slot 1   -0.41   -0.41     -0.41      0       █
           child 1 keys     -2.92    3.11   -0.0353   1.02   ▁▁▂▆██▅▂▁▁
           child 1 values   -3.19    3.99    0.0188      1   ▁▁▂▅▇█▅▂▁▁▁
    1      child 0 keys     -3.66    3.33    0.0276      1  ▁▁▁▂▆▇█▆▂▁▁
           child 0 values   -3.42    2.76   -0.0254  0.987  ▁▁▁▂▅██▅▂▁▁
           child 1 keys     -3.62    3.71    0.0417  0.964  ▁▁▁▂▅█▇▅▂▁▁▁
           child 1 values   -3.07    4.17  -0.00212   1.01   ▁▁▂▅▇█▅▂▁▁▁
    2      keys              -4.5    3.41   -0.0112   1.02  ▁▁▁▂▄██▄▂▁▁▁
           values            -3.5     3.3    0.0114  0.989  ▁▁▁▂▅█▇▆▂▁▁
  $ kvcache inspect --stats "$OPS/quant-f16-b4-g64.safetensors" | sed -n '/Layer/,$p'
    Layer  Part          Min       Max    Mean  Std  Histogram     Notes
    0      keys    -2.63e+03   2.3e+03  0.0625  195  ▁▁ ▁ █▅▁▁ ▁▁  12 % zeros
           values  -2.55e+03  3.61e+03    2.32  189  ▁▁ ▁ █▁▁▁ ▁▁  14 % zeros
    1      keys     -2.2e+03  2.94e+03    6.75  220  ▁▁▁▁▁█ ▁▁▁▁▁  13 % zeros
           values  -2.33e+03  2.89e+03    2.34  205  ▁▁ ▁ █▁▁▁ ▁▁  13 % zeros

Padding of a batch and never-used layers do not count.

  $ kvcache inspect --stats "$OPS/merged.safetensors" | sed -n '/Layer/,$p'
    Layer  Part      Min   Max      Mean    Std  Histogram     Notes
    0      keys     -3.5  3.73  -0.00552  0.983  ▁▁▁▂▅██▅▂▁▁▁
           values  -3.41  3.39    -0.002  0.981  ▁▁▁▂▅██▆▂▁▁▁
    1      keys    -3.75  3.29    0.0125  0.989  ▁▁▁▂▅██▅▂▁▁
           values  -3.51  3.54  -0.00622      1  ▁▁▁▂▅██▅▂▁▁▁
  $ kvcache create --layers 1 --heads 1 --head-dim 8 --tokens 0 -o empty.safetensors
  created 1 layer of 0 tokens; wrote empty.safetensors (192 B)
  $ kvcache inspect --stats empty.safetensors | sed -n '/Layer/,$p'
    Layer  Part    Min  Max  Mean  Std  Histogram  Notes
    0      keys                                    no tokens
           values                                  no tokens

Zeros are no problem.

  $ kvcache create --layers 1 --heads 1 --head-dim 8 --tokens 20 -o zeros.safetensors
  created 1 layer of 20 tokens; wrote zeros.safetensors (832 B)
  $ kvcache inspect --stats zeros.safetensors | sed -n '/Layer/,$p'
    Layer  Part    Min  Max  Mean  Std  Histogram     Notes
    0      keys      0    0     0    0        █       100 % zeros
           values    0    0     0    0        █       100 % zeros

The same for scripts.

  $ kvcache inspect --stats --json zeros.safetensors | sed -n '/"stats"/,/"part": "values"/p' | tr -d '\n ' && echo
  "stats":[{"part":"keys","count":160,"min":0.0,"max":0.0,"mean":0.0,"std":0.0,"zeros":160,"nan":0,"infinite":0,"histogram":{"low":-1.0,"high":1.0,"counts":[0,0,0,0,0,0,0,0,0,0,0,0,160,0,0,0,0,0,0,0,0,0,0,0],"below":0,"above":0},"outlier_channels":{"ratio":4.0,"channels":8,"count":0,"largest":[]}},{"part":"values",

  $ kvcache inspect --stats missing.safetensors
  kvcache inspect: missing.safetensors: cannot be read: No such file or directory
  [5]
