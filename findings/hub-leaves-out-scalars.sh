#!/usr/bin/env bash
# @huggingface/hub 2.17.5 (npm).
#
# Expected: parseSafetensorsMetadata(..., computeParametersCount: true) counts each tensor's elements by dtype; one of rank 0 has one.
# Seen: tensors of rank 0 are left out, with their dtype. mlx-lm 0.32 stores every offset, window size and group size as such a
# scalar: a quantized cache has three I32 scalars in each layer, and the answer knows of no I32 at all. It is no list of dtypes.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
packages @huggingface/hub@2.17.5
cat >run.mjs <<'JS'
import { parseSafetensorsMetadata } from '@huggingface/hub';
const header = new TextEncoder().encode(JSON.stringify({
  '0.0': { dtype: 'F16', shape: [1, 1, 3, 2], data_offsets: [0, 12] },
  '0.1': { dtype: 'F16', shape: [1, 1, 3, 2], data_offsets: [12, 24] },
  '0.2': { dtype: 'I32', shape: [], data_offsets: [24, 28] },
}));
const file = new Uint8Array(8 + header.length + 28);
new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
file.set(header, 8);
// Answers from memory: nothing is asked of the network.
const fetch = async (url, init) => {
  if (!String(url).endsWith('cache.safetensors')) return new Response('', { status: 404 });
  const [, first, last] = /bytes=(\d+)-(\d+)/.exec(new Headers(init?.headers).get('range') ?? `bytes=0-${file.length - 1}`);
  const part = file.subarray(Number(first), Number(last) + 1);
  return new Response(part, { status: 206, headers: {
    'content-range': `bytes ${first}-${Number(first) + part.length - 1}/${file.length}`, etag: '"1"', 'x-linked-size': `${file.length}` } });
};
const answer = await parseSafetensorsMetadata({ repo: 'a/b', path: 'cache.safetensors', computeParametersCount: true, fetch });
console.log(`tensors: ${Object.keys(answer.header).join(' ')}`);
console.log(`counted: ${JSON.stringify(answer.parameterCount)}`);
JS
node run.mjs | expect 'tensors: 0.0 0.1 0.2
counted: {"F16":12}'
