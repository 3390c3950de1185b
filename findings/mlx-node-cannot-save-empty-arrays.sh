#!/usr/bin/env bash
# @frost-beta/mlx 0.0.7 (npm; MLX before 0.32.1 inside).
#
# Expected: an array without elements, such as the keys of a cache that was trimmed to no tokens, can be saved as safetensors: the
# format allows equal begin and end, and scalars of rank 0 are saved without complaint.
# Seen: saving raises, and names the array. A whole prompt cache fails for one such array: the values of a DeepSeek-V3.2 indexer
# ([1, 1, N, 0]), the slots that are not set and the layers that were never used in the layout of mlx-lm 0.32. So such caches need
# MLX 0.32.1 or newer where they are saved; reading them is another matter.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
packages @frost-beta/mlx@0.0.7
cat >run.js <<'JS'
const { core: mx } = require('@frost-beta/mlx');
const save = (what, array) => {
  try { mx.saveSafetensors('out.safetensors', { '0.0': array }); console.log(`${what}: saved`); }
  catch (e) { console.log(`${what}: ${e.message}`); }
};
save('scalar of rank 0', mx.array(3, mx.int32));
save('keys of no tokens [1, 2, 0, 8]', mx.zeros([1, 2, 0, 8]));
save('no values [1, 1, 4, 0]', mx.zeros([1, 1, 4, 0]));
JS
node run.js | expect 'scalar of rank 0: saved
keys of no tokens [1, 2, 0, 8]: [save_safetensors] cannot serialize an empty array key: 0.0
no values [1, 1, 4, 0]: [save_safetensors] cannot serialize an empty array key: 0.0'
