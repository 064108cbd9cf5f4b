"""Runs a command and writes what it took as JSON: wall and CPU time in seconds, and the most memory in bytes that one
process of its tree held at a time. The CPU is that of the whole tree, as far as its processes waited for their children
(wait4(2)).

measured.py FIGURES COMMAND [ARGUMENT …]
"""

import json
import os
import sys
import time

figures, command = sys.argv[1], sys.argv[2:]
began = time.monotonic()
# Not by fork: the peak of a process begins with what its parent held.
pid = os.posix_spawnp(command[0], command, os.environ)
_, status, usage = os.wait4(pid, 0)
took = {
    "wall_s": time.monotonic() - began,
    "cpu_s": usage.ru_utime + usage.ru_stime,
    "peak_bytes": usage.ru_maxrss * 1024,
}
with open(figures, "w", encoding="utf-8") as file:
    json.dump(took, file)
sys.exit(os.waitstatus_to_exitcode(status) % 256)
