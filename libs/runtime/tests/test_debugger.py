"""A breakpoint, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

from landfast_testing.waiting import DEADLINE

#: Stops once, continues, and gets the signal of Ctrl-C.
PROGRAM = """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored in the background
def work():
    number = 6 * 7
    breakpoint()
    return number
print("worked", work(), flush=True)
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("ended")
"""


def test_it_stops_in_the_caller_s_code_and_leaves_ctrl_c_to_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input="p number\nc\n", capture_output=True, text=True, check=False,
        timeout=2 * DEADLINE, env={**os.environ, "PYTHONBREAKPOINT": "landfast_runtime.debugger.stop"},
    )  # fmt: skip

    assert "(Pdb) 42" in done.stdout
    assert done.stdout.endswith("worked 42\nended\n"), done.stdout + done.stderr
