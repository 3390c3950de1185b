"""unittest.main() for tests of which some need what a machine may lack: they say what was skipped and why, and scripts/test sums that up.
With KVCACHE_SKIP_NOTHING set, as .ci/run sets it, what is missing is a failure."""
import os
import sys
import unittest

# What a machine cannot be given: being another system, or not being root.
EXCUSED = ("of Linux", "root", "right to mount", "faster than")


def main():
    program = unittest.main(exit=False)
    skipped = program.result.skipped
    for test, reason in skipped:
        print("skipped: %s: %s" % (test.id().split(".", 1)[-1], reason))
    missing = [reason for _, reason in skipped if not any(excuse in reason for excuse in EXCUSED)]
    if missing and os.environ.get("KVCACHE_SKIP_NOTHING"):
        print("FAILED (failures=%d): nothing may be skipped here" % len(missing))
        sys.exit(1)
    sys.exit(not program.result.wasSuccessful())
