#!/usr/bin/env python3
"""Ctrl-C while the library works. usage: interrupt_test.py SOURCE TOOL"""
import os
import signal
import threading
import time
import unittest

from cases import LLAMA, Case, tool

import kvcache


class Interrupts(Case):
    def big(self):
        path = self.path("big")
        tool("create", "--layers", "8", "--heads", "8", "--head-dim", "128", "--tokens", "2048", "-o", path)
        return path

    def test_keyboard_interrupt_cancels(self):
        cache = kvcache.open(self.big()).quantize(4)
        out = self.path("out")
        once = threading.Event()

        def interrupt(done, total):
            if done < total and not once.is_set():
                once.set()
                os.kill(os.getpid(), signal.SIGINT)

        before = sorted(os.listdir(self._folder.name))
        begin = time.monotonic()
        with self.assertRaises(KeyboardInterrupt):
            cache.save(out, threads=1, progress=interrupt)
        self.assertLess(time.monotonic() - begin, 30)
        self.assertTrue(once.is_set())
        self.assertEqual(sorted(os.listdir(self._folder.name)), before)

    def test_without_progress(self):
        cache = kvcache.open(self.big()).quantize(4)
        timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        try:
            with self.assertRaises(KeyboardInterrupt):
                for i in range(1000):
                    cache.save(self.path("out"), overwrite=True, threads=1)
        finally:
            timer.cancel()
        self.assertEqual([name for name in os.listdir(self._folder.name) if name not in ("big", "out")], [])

    def test_other_threads_run_meanwhile(self):
        cache = kvcache.open(self.big()).quantize(4)
        done, count = threading.Event(), 0
        thread = threading.Thread(target=lambda: (cache.save(self.path("out"), threads=1), done.set()))
        thread.start()
        while not done.is_set():
            count += 1
            time.sleep(0.001)
        thread.join()
        self.assertGreater(count, 5)


if __name__ == "__main__":
    unittest.main()
