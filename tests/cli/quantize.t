Plain layers become quantized ones; windows and recurrent state stay, and are named.

  $ cp "$MODELS/llama-f16.safetensors" chat.safetensors
  $ kvcache quantize chat.safetensors --bits 8 --group-size 32 --layers '!0' -o q8.safetensors
  quantized 3 of 4 layers to 8 bits in groups of 32, 70 % of 44.8 kB; left alone: layer 0 (not asked for); wrote q8.safetensors (31.3 kB)
  $ kvcache quantize q8.safetensors --bits 4 --group-size 32 -o again.safetensors
  quantized 1 of 4 layers to 4 bits in groups of 32, 77 % of 31.3 kB; left alone: layers 1-3 (quantized already: --requantize decodes it first); wrote again.safetensors (24.1 kB)
  $ kvcache quantize q8.safetensors --bits 4 --group-size 32 --requantize -o again.safetensors --force
  quantized 4 of 4 layers to 4 bits in groups of 32, 50 % of 31.3 kB; wrote again.safetensors (15.8 kB)
  $ kvcache quantize "$MODELS/gemma3_text-bf16.safetensors" --bits 4 --group-size 32 -o gemma.safetensors
  quantized 2 of 6 layers to 4 bits in groups of 32, 66 % of 20.5 kB; left alone: layers 0-1, 3-4 (no runtime has a quantized window); wrote gemma.safetensors (13.6 kB)

The error is measured in the same pass.

  $ kvcache quantize chat.safetensors --bits 6 --group-size 32 --report -o q6.safetensors
  layer          max error    RMSE  SNR dB    size
      0  keys       0.0332  0.0108    34.1  43.8 %
         values     0.0391  0.0112    34.3  43.8 %
      1  keys        0.041  0.0106    34.4  43.8 %
         values     0.0469  0.0107    34.2  43.8 %
      2  keys       0.0381  0.0111    34.1  43.8 %
         values      0.043  0.0112    34.3  43.8 %
      3  keys       0.0342  0.0103    34.3  43.8 %
         values       0.04  0.0119    33.7  43.8 %
  These figures measure how well numbers are reconstructed, not how good answers are.
  quantized 4 of 4 layers to 6 bits in groups of 32, 48 % of 44.8 kB; wrote q6.safetensors (21.3 kB)

  $ kvcache quantize chat.safetensors --bits 7 -o x.safetensors
  kvcache quantize: 7 bits are not supported
  hint: 2, 3, 4, 5, 6 or 8
  [2]
  $ kvcache quantize chat.safetensors --bits 4 --group-size 48 -o x.safetensors
  kvcache quantize: group size 48 is not supported
  hint: 32, 64 or 128
  [2]
  $ kvcache quantize chat.safetensors --bits 4 --group-size 128 -o x.safetensors
  kvcache quantize: chat.safetensors: layer 0 (KVCache): group size 128 does not divide the head dims 32 (keys) and 32 (values)
  hint: kvcache quantize chat.safetensors --bits 4 --group-size 32 -o chat-new.safetensors
  [4]
  $ kvcache quantize chat.safetensors --key-bits 8 --value-bits 4 --group-size 32 -o x.safetensors
  kvcache quantize: 8 bits for keys and 4 for values: a QuantizedKVCache stores one number of bits for both, in every format
  hint: choose one --bits; --layers can keep the layers that suffer most as they are
  [4]
  $ kvcache quantize chat.safetensors --bits 4 --group-size 32 --layers 2-9 -o x.safetensors
  kvcache quantize: chat.safetensors: --layers: '2-9' is beyond the last layer, 3
  hint: for example 0,5-9 (these), 4- (from 4 on), -1 or last, or !0,!-1 (all but the first and the last)
  [2]
  $ kvcache quantize chat.safetensors --bits 4 --group-size 128 --layers '!last' --requantize -o x.safetensors
  kvcache quantize: chat.safetensors: layer 0 (KVCache): group size 128 does not divide the head dims 32 (keys) and 32 (values)
  hint: kvcache quantize chat.safetensors --bits 4 --layers '!last' --requantize --group-size 32 -o chat-new.safetensors
  [4]
  $ kvcache quantize chat.safetensors --bits 4 --group-size 32 --layers a -o x.safetensors
  kvcache quantize: chat.safetensors: --layers: 'a' is no layer or range of layers
  hint: for example 0,5-9 (these), 4- (from 4 on), -1 or last, or !0,!-1 (all but the first and the last)
  [2]
  $ kvcache quantize chat.safetensors -o x.safetensors
  kvcache quantize: how many bits is not given
  hint: --bits 2, 3, 4, 5, 6 or 8
  [2]

Layers are counted from either end; layers and exclusions do not mix, as "!0,-1" would mean one thing here and another there.

  $ q() { kvcache quantize chat.safetensors --bits 8 --group-size 32 --layers "$1" -o l.safetensors --force 2>&1 | sed 's/; wrote.*//'; }
  $ q -1; q last; q 0,-1; q '!0,!-1'; q -2-; q -3-last; q '1, 3'; q 2-; q '!1-2'
  quantized 1 of 4 layers to 8 bits in groups of 32, 90 % of 44.8 kB; left alone: layers 0-2 (not asked for)
  quantized 1 of 4 layers to 8 bits in groups of 32, 90 % of 44.8 kB; left alone: layers 0-2 (not asked for)
  quantized 2 of 4 layers to 8 bits in groups of 32, 80 % of 44.8 kB; left alone: layers 1-2 (not asked for)
  quantized 2 of 4 layers to 8 bits in groups of 32, 80 % of 44.8 kB; left alone: layers 0, 3 (not asked for)
  quantized 2 of 4 layers to 8 bits in groups of 32, 80 % of 44.8 kB; left alone: layers 0-1 (not asked for)
  quantized 3 of 4 layers to 8 bits in groups of 32, 70 % of 44.8 kB; left alone: layer 0 (not asked for)
  quantized 2 of 4 layers to 8 bits in groups of 32, 80 % of 44.8 kB; left alone: layers 0, 2 (not asked for)
  quantized 2 of 4 layers to 8 bits in groups of 32, 80 % of 44.8 kB; left alone: layers 0-1 (not asked for)
  quantized 2 of 4 layers to 8 bits in groups of 32, 80 % of 44.8 kB; left alone: layers 1-2 (not asked for)
  $ q '!0,-1'; q '0,!-1'; q '!0,3'
  kvcache quantize: chat.safetensors: --layers: '!0,-1' mixes layers and exclusions: write !-1 for another one that is left out
  hint: for example 0,5-9 (these), 4- (from 4 on), -1 or last, or !0,!-1 (all but the first and the last)
  kvcache quantize: chat.safetensors: --layers: '0,!-1' mixes layers and exclusions: write !0 for another one that is left out
  hint: for example 0,5-9 (these), 4- (from 4 on), -1 or last, or !0,!-1 (all but the first and the last)
  kvcache quantize: chat.safetensors: --layers: '!0,3' mixes layers and exclusions: write !3 for another one that is left out
  hint: for example 0,5-9 (these), 4- (from 4 on), -1 or last, or !0,!-1 (all but the first and the last)
  $ q -5; q 4; q 3-1; q -1-0; q -0; q 1-2-3; q 1,; q '!'; q --1; q '!!1'; q last-last-; q 0-last,x; q '!0-'; q ' '
  kvcache quantize: chat.safetensors: --layers: '-5' is beyond the first layer, 0
  hint: for example 0,5-9 (these), 4- (from 4 on), -1 or last, or !0,!-1 (all but the first and the last)
  kvcache quantize: chat.safetensors: --layers: '4' is beyond the last layer, 3
  hint: for example 0,5-9 (these), 4- (from 4 on), -1 or last, or !0,!-1 (all but the first and the last)
  kvcache quantize: chat.safetensors: --layers: '3-1' runs backwards, from layer 3 to 1
  hint: for example 0,5-9 (these), 4- (from 4 on), -1 or last, or !0,!-1 (all but the first and the last)
  kvcache quantize: chat.safetensors: --layers: '-1-0' runs backwards, from layer 3 to 0
  hint: for example 0,5-9 (these), 4- (from 4 on), -1 or last, or !0,!-1 (all but the first and the last)
  kvcache quantize: chat.safetensors: --layers: '-0' is no layer or range of layers
  hint: for example 0,5-9 (these), 4- (from 4 on), -1 or last, or !0,!-1 (all but the first and the last)
  kvcache quantize: chat.safetensors: --layers: '1-2-3' is no layer or range of layers
  hint: for example 0,5-9 (these), 4- (from 4 on), -1 or last, or !0,!-1 (all but the first and the last)
  kvcache quantize: chat.safetensors: --layers: '' is no layer or range of layers
  hint: for example 0,5-9 (these), 4- (from 4 on), -1 or last, or !0,!-1 (all but the first and the last)
  kvcache quantize: chat.safetensors: --layers: '!' is no layer or range of layers
  hint: for example 0,5-9 (these), 4- (from 4 on), -1 or last, or !0,!-1 (all but the first and the last)
  kvcache quantize: chat.safetensors: --layers: '--1' is no layer or range of layers
  hint: for example 0,5-9 (these), 4- (from 4 on), -1 or last, or !0,!-1 (all but the first and the last)
  kvcache quantize: chat.safetensors: --layers: '!!1' is no layer or range of layers
  hint: for example 0,5-9 (these), 4- (from 4 on), -1 or last, or !0,!-1 (all but the first and the last)
  kvcache quantize: chat.safetensors: --layers: 'last-last-' is no layer or range of layers
  hint: for example 0,5-9 (these), 4- (from 4 on), -1 or last, or !0,!-1 (all but the first and the last)
  kvcache quantize: chat.safetensors: --layers: 'x' is no layer or range of layers
  hint: for example 0,5-9 (these), 4- (from 4 on), -1 or last, or !0,!-1 (all but the first and the last)
  kvcache quantize: chat.safetensors: --layers: '!0-' leaves no layer
  hint: for example 0,5-9 (these), 4- (from 4 on), -1 or last, or !0,!-1 (all but the first and the last)
  kvcache quantize: chat.safetensors: --layers: '' is no layer or range of layers
  hint: for example 0,5-9 (these), 4- (from 4 on), -1 or last, or !0,!-1 (all but the first and the last)

A float16 group may have a range whose codes overflow when they are decoded: a single 65504 among small ones is enough.

  $ kvcache -q create --layers 1 --heads 1 --head-dim 64 --tokens 8 --fill random --seed 1 -o small.safetensors
  $ cp small.safetensors wide.safetensors
  $ printf '\377\173' | dd of=wide.safetensors bs=1 seek=$(($(stat -c %s wide.safetensors) - 500)) conv=notrunc status=none
  $ kvcache quantize wide.safetensors --bits 8 -o x.safetensors
  kvcache quantize: wide.safetensors: layer 0 (KVCache) values: the values of the group of 64 at sequence 0, head 0, token 4 are so far apart that 8 bits would decode to infinity: code times scale is beyond F16
  hint: `kvcache convert wide.safetensors --dtype bf16 -o wide-new.safetensors` first: BF16 has the range of F32
  [4]
  $ kvcache -q convert wide.safetensors --dtype bf16 -o wide-new.safetensors && kvcache -q quantize wide-new.safetensors --bits 8 -o wide-q8.safetensors && kvcache verify -q --data wide-q8.safetensors
  $ rm l.safetensors small.safetensors wide*

Groups are counted once in the report, also where a chunk of the compressed output ends within one.

  $ kvcache create --layers 1 --heads 1 --head-dim 64 --tokens 30000 --fill random -q -o long.safetensors
  $ kvcache quantize long.safetensors --bits 3 --report --json -q -o long-q3.safetensors | grep -A 8 '"keys"' >plain.report
  $ kvcache quantize long.safetensors --bits 3 --report --json -q -o long-q3.gz --gzip | grep -A 8 '"keys"' >gzip.report
  $ wc -l <plain.report
  9
  $ cmp plain.report gzip.report
  $ rm long* *.report

And back.

  $ kvcache dequantize q8.safetensors --dtype f32 -o plain.safetensors
  dequantized 3 layers; wrote plain.safetensors (77.8 kB)
  $ kvcache diff q8.safetensors plain.safetensors --tolerance 1e-2
  no difference beyond the tolerance in 22016 values of 4 layers; the largest is 0.000977
  $ ls
  again.safetensors
  chat.safetensors
  gemma.safetensors
  plain.safetensors
  q6.safetensors
  q8.safetensors
