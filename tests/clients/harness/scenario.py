"""One client's run against one broker: its phases, and the kill -9 in the middle of a produce run.

    basic → group → kill-producer (kill -9 and restart behind its back) → verify
"""

import json
import queue
import subprocess
import threading
import time

from . import clients, processes, settings


class Scenario:
    def __init__(self, client, broker, report, work):
        self.client, self.broker, self.report, self.work = client, broker, report, work
        self.expected = clients.TABLE[client][1]
        self.command = None
        self.failed = False

    def run(self):
        """Runs every phase; a failed phase does not hide the next ones."""
        began = time.monotonic()
        try:
            self.command = clients.TABLE[self.client][0]()
            self._check("installed", True, began)
            began = time.monotonic()
            self.broker.start()
            self._check("broker answers", True, began)
            for phase in self.expected:
                self._phase(phase)
            self._stop()
        except Exception as error:  # whatever it is, it is this client's failure and is reported
            self._check("ran to the end", False, began, f"{type(error).__name__}: {error}")
        finally:
            if self.failed:
                self.report.note(f"last lines of {self.broker.log}:")
                self.report.note(processes.tail(self.broker.log))
            self.broker.stop()

    def _stop(self):
        began = time.monotonic()
        self._check("broker still runs", self.broker.process.poll() is None, began)
        code = self.broker.stop()
        self._check("broker stops on SIGTERM", code in settings.ORDERLY_EXIT, began,
                    f"exit code {code}")

    def _check(self, check, ok, began, detail=""):
        self.failed |= not ok
        self.report.add(self.client, check, ok, time.monotonic() - began, detail)

    def _phase(self, phase):
        log = self.work / f"{phase}.log"
        began = time.monotonic()
        command = [*self.command, "--bootstrap", self.broker.bootstrap, "--phase", phase,
                   "--acked", str(self.work / "acked.txt"),
                   "--kill-records", str(settings.KILL_RECORDS)]
        with open(log, "w") as errors:
            process = processes.start(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=errors, text=True, errors="replace", cwd=self.work)
        try:
            missing, why = self._follow(phase, process, began)
        finally:
            processes.stop(process)
        failed = bool(missing) or process.returncode != 0
        for check in missing:
            self._check(check, False, began, f"not reported: {why}")
        if process.returncode != 0 and not missing:
            self._check(f"{phase} ends well", False, began, f"exit code {process.returncode}")
        if failed:
            self.report.note(f"last lines of {log}:")
            self.report.note(processes.tail(log))

    def _follow(self, phase, process, began):
        """Reads the client's lines until it ends or runs out of time; kills the broker when it is
        time to. Returns the checks that were not reported, and why."""
        lines = queue.Queue()
        threading.Thread(target=_pump, args=(process.stdout, lines), daemon=True).start()
        missing = list(self.expected[phase])
        kill_at = settings.KILL_AFTER if phase == "kill-producer" else None
        deadline = began + settings.PHASE_LIMIT[phase]
        while True:
            try:
                line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return missing, f"still running after {settings.PHASE_LIMIT[phase]} s"
            if line is None:
                break
            event = _event(line)
            if "acked" in event:
                if kill_at is not None and event["acked"] >= kill_at:
                    kill_at = None
                    self._kill(event["acked"])
            elif event["check"] in missing:
                missing.remove(event["check"])
                self._check(event["check"], event["ok"], time.monotonic() - event["ms"] / 1000,
                            event.get("detail", ""))
            else:
                self._check(f"{event['check']} (unknown check)", False, time.monotonic())
        if kill_at is not None:
            self._check("broker killed -9 in the middle", False, began,
                        f"the run ended before {kill_at} records were acknowledged")
        process.wait(10)
        return missing, f"the client ended with exit code {process.returncode}"

    def _kill(self, acked):
        began = time.monotonic()
        if acked >= settings.KILL_RECORDS:
            self._check("broker killed -9 in the middle", False, began, "the run was over already")
            return
        self.broker.kill()
        time.sleep(0.3)
        self.broker.start()
        self._check("broker killed -9 in the middle and restarted", True, began)


def _pump(stream, lines):
    for line in stream:
        lines.put(line)
    lines.put(None)


def _event(line):
    try:
        event = json.loads(line)
        if "acked" in event or ("check" in event and "ok" in event and "ms" in event):
            return event
    except (ValueError, TypeError):
        pass
    return {"check": f"speaks in checks, not {line.strip()!r}", "ok": False, "ms": 0}
