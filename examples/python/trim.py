#!/usr/bin/env python3
"""Loads a prompt cache, drops its last tokens and saves it in the format it had.

    trim.py IN N OUT
"""
import sys

import kvcache


def main():
    if len(sys.argv) != 4:
        sys.exit("usage: trim.py IN N OUT")
    try:
        # The header is read; then only a description changes; bytes move when it is saved, into a file that appears complete.
        cache = kvcache.open(sys.argv[1])
        shorter = cache.trim(int(sys.argv[2]))
        saved = shorter.save(sys.argv[3])
    except kvcache.Error as error:
        sys.exit(f"trim: {error}")
    print(f"{cache.tokens - shorter.tokens} tokens removed, {shorter.tokens} left, {saved.bytes} bytes")


if __name__ == "__main__":
    main()
