"""Runs commands on files that a stranger could send, in a process of its own with little memory.

Called with a JSON file of jobs, arguments by name; writes what came of each as JSON.
"""

import contextlib
import gc
import io
import json
import resource
import signal
import sys
import time

ADDRESS_SPACE = 4 * 1024**3  # beyond what the process has taken when it begins
SECONDS = 300  # after which a job is given up


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        asked = json.load(file)
    for module in asked["imports"]:
        __import__(module)
    # What would take all memory of the machine is to fail instead.
    with open("/proc/self/statm", encoding="ascii") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + ADDRESS_SPACE,) * 2)
    signal.signal(signal.SIGALRM, _give_up)
    _forget_peak()
    began_with = _peak()
    outcomes = {name: _outcome(arguments) for name, arguments in asked["jobs"].items()}
    json.dump({"outcomes": outcomes, "grown_bytes": _peak() - began_with}, sys.stdout)


def _give_up(*_: object) -> None:
    raise BaseExceptionGroup("took too long", [TimeoutError()])


def _peak() -> int:
    """Return the most memory that the process has taken since `_forget_peak`, in bytes."""
    with open("/proc/self/status", encoding="ascii") as file:
        (line,) = (line for line in file if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def _forget_peak() -> None:
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def _outcome(arguments: list[str]) -> dict[str, object]:
    from zoo import commands
    from zoo.errors import ZooError

    error, code = None, 0
    out, err, shown = io.StringIO(), io.StringIO(), io.StringIO()
    began = time.process_time()  # of this process: the machine may have other work
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                if arguments[0] == "@vectors":
                    from zoo.words import load_word_vectors

                    load_word_vectors(arguments[1])
                else:
                    commands.root.main(args=arguments, prog_name="zoo", standalone_mode=False)
            except Exception as raised:
                error = raised
        if error is not None:
            with contextlib.redirect_stderr(shown):
                code = commands._fail(error)  # as `commands.run` does
    finally:
        signal.alarm(0)
    gc.collect()
    return {
        "error": None if error is None else f"{type(error).__name__}: {error}",
        "is_ours": isinstance(error, ZooError),
        "out": out.getvalue(),
        "err": err.getvalue(),
        "code": code,
        "shown": shown.getvalue(),
        "seconds": time.process_time() - began,
    }


if __name__ == "__main__":
    main()
