"""Runs that are watched while they go, and stopped."""
import contextlib
import os
import re
import signal
import subprocess
import threading
import time

from program import NO_WAITING, SECONDS, Run, end_session, processes_of, started

PATIENCE = 3 * SECONDS  # other runs go on at the same time


class Watched:
    """A run on its way: what it has said so far, and the processes of its ranks."""

    def __init__(self, process, arguments, ranks):
        self.process, self.arguments, self.ranks = process, arguments, ranks
        self.said, self.out = [], ""
        self.readers = [threading.Thread(target=reader, daemon=True)
                        for reader in (self.read_err, self.read_out)]
        for reader in self.readers:
            reader.start()

    def read_err(self):
        for line in self.process.stderr:
            self.said.append(line)

    def read_out(self):
        self.out = self.process.stdout.read()

    def wait_until(self, is_so):
        """Waits until something is so, or the run has ended; looks a thousand times a second."""
        limit = time.monotonic() + PATIENCE
        while not is_so() and self.process.poll() is None and time.monotonic() < limit:
            time.sleep(0.001)

    def wait_for(self, pattern, count=1):
        """Waits for so many lines on stderr, or for the end."""
        self.wait_until(lambda: sum(bool(re.search(pattern, line)) for line in list(self.said))
                        >= count)

    def pids(self):
        """The processes of the ranks."""
        found = []
        for process in sorted(processes_of(self.process.pid)):
            with contextlib.suppress(OSError), open(f"/proc/{process}/comm", encoding="utf-8") as file:
                if file.read() == "skymeans\n":
                    found.append(process)
        return found

    def send(self, number, pids=None):
        """A signal to some of the ranks, by default to all, if they are still there."""
        for pid in self.pids() if pids is None else pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def finish(self):
        """The finished run; one that does not end is a failure."""
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            end_session(self.process.pid)
            raise AssertionError(f"hangs: {self.arguments}\n{''.join(self.said)}") from None
        for reader in self.readers:
            reader.join()
        self.process.stderr.close()
        self.process.stdout.close()
        return Run(self.arguments, self.ranks, self.process.returncode, self.out,
                   "".join(self.said))


@contextlib.contextmanager
def watched(*arguments, ranks=1, **how):
    with started(*arguments, ranks=ranks, **how) as process:
        yield Watched(process, arguments, ranks)


def stop_at(pattern, *arguments, count=1, number=signal.SIGUSR1, **how):
    """A run that gets a signal on its last rank once it has said something so many times."""
    with watched(*arguments, **NO_WAITING | how) as going:
        going.wait_for(".")
        pids = going.pids()[-1:]
        going.wait_for(pattern, count)
        going.send(number, pids)
        return going.finish()
