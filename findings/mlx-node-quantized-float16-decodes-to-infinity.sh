#!/usr/bin/env bash
# @frost-beta/mlx 0.0.7 (npm; MLX of 2024, CPU). Today's MLX decodes the same way.
#
# Expected: finite float16 keys, quantized to 8 bits and back, are finite, and off by half a step at most: every value lies between the
# smallest and the largest one of its group.
# Seen: one 65504 among small values, and the 63 others decode to minus infinity: code times scale is rounded to float16 before the
# bias is added, and 255 times the scale is beyond what float16 holds. The file that holds the codes has no infinity in it. bfloat16
# has the range and is not affected.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
packages @frost-beta/mlx@0.0.7
cat >run.js <<'JS'
const { core: mx } = require('@frost-beta/mlx');
for (const type of ['float16', 'bfloat16']) {
  const row = Array(512).fill(0.5);
  row[0] = 65504;
  const stored = mx.quantize(mx.array([row], mx[type]), 64, 8);
  const finite = (array) => array.astype(mx.float32).tolist().flat().filter(Number.isFinite).length;
  const decoded = mx.dequantize(...stored, 64, 8).astype(mx.float32).tolist()[0].slice(0, 64);
  console.log(`${type}: scales and biases ${finite(stored[1]) + finite(stored[2])} of 16 finite, ` +
              `decoded ${decoded.filter(Number.isFinite).length} of 64, others ${[...new Set(decoded.filter((x) => !Number.isFinite(x)))]}`);
}
JS
node run.js | expect 'float16: scales and biases 16 of 16 finite, decoded 1 of 64, others -Infinity
bfloat16: scales and biases 16 of 16 finite, decoded 64 of 64, others '
