#!/usr/bin/env bash
# @frost-beta/llm 0.4.1 with @frost-beta/mlx 0.0.7 (npm, Linux x86-64, CPU).
#
# Expected: the offset of a RotatingKVCache is the number of tokens it has seen, as in mlx-lm, mlx-swift-lm and mlxrs: models take it
# for the position of the next token, also after the window has wrapped.
# Seen: it stops at max_size - 1. Every token after that is rotated to one and the same position, while the rows and the ring go on as
# expected. Nothing in the arrays shows it: keys of a wrapped window from there look like those of other runtimes, are of the right
# shapes, and go on wrongly in all of them. (Its KVCache counts on.) A window made there can be carried elsewhere until it is full,
# and not after.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# Its "@frost-beta/mlx": ">=0.2.0" names versions that the registry does not have.
overrides='{"@frost-beta/mlx": "0.0.7"}' packages @frost-beta/llm@0.4.1 @frost-beta/mlx@0.0.7
cat >run.js <<'JS'
const { core: mx } = require('@frost-beta/mlx');
const { KVCache, RotatingKVCache } = require('@frost-beta/llm/dist/kv-cache.js');
const positions = (cache) => {
  const seen = [];
  for (let token = 0; token < 14; ++token) {
    seen.push(cache.offset);
    const row = mx.full([1, 1, 1, 2], token);
    cache.updateAndFetch(row, row);
  }
  return seen.join(' ');
};
const plain = new KVCache();
const window = new RotatingKVCache(8, 2);
console.log('KVCache         ', positions(plain));
console.log('RotatingKVCache ', positions(window));
console.log('its rows        ', window.state[0].tolist()[0][0].map((row) => row[0]).join(' '));
JS
node run.js | expect 'KVCache          0 1 2 3 4 5 6 7 8 9 10 11 12 13
RotatingKVCache  0 1 2 3 4 5 6 7 7 7 7 7 7 7
its rows         0 1 8 9 10 11 12 13'
