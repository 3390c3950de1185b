#!/usr/bin/env python3
"""Pages of `kvcache report` in headless Chromium: nothing in its console, nothing wider than a phone. Skipped without Chromium.

usage: report_browser_test.py BINARY TESTDATA [FOLDER]     FOLDER: keep screenshots there, to look at
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

SKIP = 77
BINARY, TESTDATA = (os.path.abspath(p) for p in sys.argv[1:3])
CACHES = ["models/files/gemma3_text-bf16", "ops/files/cache-list"]
# What a page is looked at as.
LOOKS = {"light": ["--window-size=1100,3000"],
         "dark": ["--window-size=1100,3000", "--blink-settings=preferredColorScheme=0"],
         "narrow": ["--window-size=500,3000"]}


def main():
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        print("skipped: pages of kvcache report in a browser: chromium is missing: scripts/setup --ci installs it")
        return 1 if os.environ.get("KVCACHE_SKIP_NOTHING") else SKIP
    failures = looked = 0
    with tempfile.TemporaryDirectory(prefix="kvcache-browser-") as folder:
        pictures = os.path.abspath(sys.argv[3]) if len(sys.argv) > 3 else folder
        os.makedirs(pictures, exist_ok=True)
        for cache in CACHES:
            name = os.path.basename(cache)
            page = os.path.join(folder, name + ".html")
            subprocess.run([BINARY, "-q", "report", os.path.join(TESTDATA, "golden", cache + ".safetensors"), "-o", page], check=True)
            for look, options in LOOKS.items():
                picture = os.path.join(pictures, "%s-%s.png" % (name, look))
                done = subprocess.run([chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-extensions",
                                       "--hide-scrollbars", "--user-data-dir=" + os.path.join(folder, "profile"),
                                       "--enable-logging=stderr", *options, "--screenshot=" + picture, "file://" + page],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
                said = [line for line in done.stdout.decode("utf-8", "replace").splitlines() if re.search(r"CONSOLE|Content Security", line)]
                looked += 1
                if said or done.returncode != 0 or not os.path.exists(picture):
                    failures += 1
                    print("\n".join(["%s, %s: exit code %d" % (name, look, done.returncode), *said]))
    print("%d passed, %d failed" % (looked - failures, failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
