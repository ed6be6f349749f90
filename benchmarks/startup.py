"""How long the commands that must answer at once take, beside the bare interpreter.

    python -m benchmarks.startup

Every command is run as a user runs it: the installed console script, in a new process.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 10
LIMIT_SECONDS = 0.25
COMMANDS = ("--help", "list", "list --json", "info vae", "plugin list", "env")


def measure(command: list[str]) -> float:
    """Return the median wall time of a command in seconds."""
    seconds = []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])  # The first one fills the caches of the disk.


def main() -> int:
    """Print a table; return 1 if a command takes longer than the limit."""
    script = str(Path(sys.executable).parent / "zoo")
    interpreter = measure([sys.executable, "-c", "pass"])
    print(f"{'command':<16} {'seconds':>8} {'x python':>9}   median of {RUNS}")
    print(f"{'python -c pass':<16} {interpreter:>8.3f} {1:>9.1f}")
    slow = []
    for arguments in COMMANDS:
        seconds = measure([script, *arguments.split()])
        print(f"{'zoo ' + arguments:<16} {seconds:>8.3f} {seconds / interpreter:>9.1f}")
        if seconds > LIMIT_SECONDS:
            slow.append(arguments)
    if slow:
        print(f"over {LIMIT_SECONDS} s: {', '.join(slow)}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
