#!/usr/bin/env bash
# zstd 1.5.4+dfsg2-5+deb12u1 (apt, Debian 12), amd64.
#
# Expected: a higher level of zstd gives a smaller result, or at worst the same; 3 is the default.
# Seen: on the plane of high bytes (sign and exponent) of bfloat16 keys, level 1 is smaller than every level from 2 to 12: 16 percent
# smaller than level 3. Only level 19, some hundred times as slow, is on a par. Short matches, which higher levels look for and level 1
# misses, cost more there than the Huffman codes of the literals. The plane of low bytes (the mantissa) does not shrink at any level.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
apt-get download -qq zstd=1.5.4+dfsg2-5+deb12u1 2>/dev/null
dpkg -x zstd_*.deb .
# Keys as models have them: normal values, each channel of 128 with a scale of its own.
python3 - <<'PY'
import random, struct
chance = random.Random(1)
scales = [2 ** chance.uniform(-3, 3) for _ in range(128)]
with open("high", "wb") as high, open("low", "wb") as low:
    for i in range(1 << 21):
        value = struct.pack(">f", chance.gauss(0, scales[i % 128]))
        high.write(value[:1])
        low.write(value[1:2])
PY
seen=$(for level in 1 2 3 6 9 12; do echo "level $level: high $(./usr/bin/zstd -q -$level -c high | wc -c) low $(./usr/bin/zstd -q -$level -c low | wc -c)"; done)
printf '%s\n' "$seen"
[ "$seen" = "level 1: high 877527 low 2097214
level 2: high 939590 low 2097214
level 3: high 1014695 low 2097213
level 6: high 973461 low 2097213
level 9: high 967533 low 2097213
level 12: high 962660 low 2097213" ] || { echo 'changed' >&2; exit 1; }
