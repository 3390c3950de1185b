#!/usr/bin/env bash
# @frost-beta/mlx 0.0.7 (npm).
#
# Expected: what saveSafetensors(file, arrays, metadata) stores, load(file) gives back, as Python's mx.load does with
# return_metadata=True.
# Seen: load returns the arrays alone, and there is no other call. A prompt cache can be written from Node but not restored there:
# the classes of the layers, the offsets of windows and the group sizes are all in the metadata. Keys and values look complete.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
packages @frost-beta/mlx@0.0.7
cat >run.js <<'JS'
const fs = require('node:fs');
const { core: mx } = require('@frost-beta/mlx');
const keys = mx.zeros([1, 1, 2, 4], mx.float16);
mx.saveSafetensors('window.safetensors', { '0.0': keys, '0.1': keys },
                   { '0.0.0': '0', '0.0.1': '2', '0.0.2': '9', '0.0.3': '1', '2.0': 'RotatingKVCache' });
const bytes = fs.readFileSync('window.safetensors');
const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString());
console.log(`stored: ${Object.keys(header.__metadata__).length} metadata`);
console.log(`loaded: ${Object.keys(mx.load('window.safetensors')).sort().join(' ')}`);
console.log(`calls that load: ${Object.keys(mx).filter((name) => /load/i.test(name)).join(' ')}`);
JS
node run.js | expect 'stored: 5 metadata
loaded: 0.0 0.1
calls that load: load'
