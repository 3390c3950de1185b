#!/usr/bin/env bash
# safetensors 0.0.1 (npm).
#
# Expected: the package of the format's own name opens any file of the format. "__metadata__" is part of the format, the one key of
# the header that is no tensor, and every file that MLX writes has it (null when there is nothing to say).
# Seen: it takes the key for a tensor and raises a TypeError, with metadata and with null alike. It opens files without the key only,
# so no file that MLX ever wrote.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
packages safetensors@0.0.1
cat >run.js <<'JS'
const { SafeTensor } = require('safetensors');
const file = (metadata) => {
  const entry = '"0.0":{"dtype":"F16","shape":[1,1,1,4],"data_offsets":[0,8]}';
  const header = new TextEncoder().encode(`{${entry}${metadata}}`), bytes = new Uint8Array(8 + header.length + 8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  return bytes;
};
for (const [what, metadata] of [['without', ''], ['null', ',"__metadata__":null'], ['a class', ',"__metadata__":{"2.0":"KVCache"}']]) {
  try { console.log(`${what}: ${new SafeTensor(file(metadata)).getTensor('0.0').length} bytes of 0.0`); }
  catch (e) { console.log(`${what}: ${e.constructor.name}`); }
}
JS
node run.js | expect 'without: 8 bytes of 0.0
null: TypeError
a class: TypeError'
