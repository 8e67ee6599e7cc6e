"""Counts checks and prints them: one line each, and the closing `N passed, N failed`."""

import threading

from . import processes


class Report:
    def __init__(self):
        self.lock = threading.Lock()
        self.passed = self.failed = 0

    def add(self, subject, check, ok, seconds, detail=""):
        with self.lock:
            if ok:
                self.passed += 1
            else:
                self.failed += 1
            verdict = "ok" if ok else "FAILED"
            processes.say(f"{verdict:<6} {seconds:7.2f} s  {subject}: {check}")
            if not ok and detail:
                processes.say("".join(f"         | {line}\n" for line in detail.splitlines())[:-1])

    def note(self, text):
        with self.lock:
            processes.say("".join(f"         | {line}\n" for line in text.splitlines())[:-1])

    def close(self):
        """Prints the closing line; the exit code is 0 only if something ran and nothing failed."""
        processes.say(f"{self.passed} passed, {self.failed} failed")
        return 0 if self.failed == 0 and self.passed > 0 else 1
