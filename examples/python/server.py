#!/usr/bin/env python3
"""mlx_lm.server whose prompts survive it: in a store on the disk ($KVCACHE_STORE, or the platform's folder for caches).

    server.py --model mlx-community/Llama-3.2-3B-Instruct-4bit --port 8080

Stop it, start it again, and the first request of a known conversation begins where that one ended.
"""
import logging

import kvcache.mlx_lm

logging.basicConfig(level=logging.INFO)
kvcache.mlx_lm.install()  # before the server makes its cache

from mlx_lm.server import main  # noqa: E402

main()
