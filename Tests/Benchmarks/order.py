# SPDX-License-Identifier: Apache-2.0
"""Notes which functions of the release build are run, for the linker to lay them side by side: those of the start, of both, of requests.

The gateway runs under callgrind with the mixed load of soak.py. Of 32 MB of code it runs some two, which else lie all over the rest.
"""

import argparse
import os
import re
import subprocess
import tempfile
import threading
import time

import servers
import soak

HERE = os.path.dirname(os.path.abspath(__file__))


def functions(profile, program):
    """The functions of the program in a profile of callgrind's, by the linker's names."""
    found, is_ours = {}, False
    with open(profile) as lines:
        for line in lines:
            if line.startswith("ob="):
                is_ours = line.strip().endswith(program)
            elif line.startswith("fn=") and is_ours:
                # A recursive function has its depth behind its name; one without a name has its address.
                name = re.sub(r"'\d+$", "", line.strip()[3:])
                if not name.startswith(("0x", "(below")):
                    found.setdefault(name)
    return list(found)


def dump(server, profile, number):
    """What was run since the last dump, or the start."""
    subprocess.run(["callgrind_control", "--dump", str(server.process.pid)], check=True, stdout=subprocess.DEVNULL)
    return f"{profile}.{number}"


def record(binary, seconds, callers):
    """The functions of the start, and those of the load."""
    origin = soak.UpstreamServer(("127.0.0.1", 0), soak.Upstream)
    threading.Thread(target=origin.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as directory:
        profile, program = os.path.join(directory, "profile"), os.path.join(directory, "sluice")
        # valgrind would read what is there for debuggers for minutes.
        subprocess.run(["strip", "-g", "-o", program, binary], check=True)
        wrapper = os.path.join(directory, "wrapper")
        with open(wrapper, "w") as file:
            file.write("#!/bin/sh\nexec valgrind --tool=callgrind --demangle=no --compress-strings=no --compress-pos=no "
                       f'--callgrind-out-file={profile} {program} "$@"\n')
        os.chmod(wrapper, 0o755)
        server = soak.start(directory, wrapper, origin.server_address[1])
        start = functions(dump(server, profile, 1), program)
        load = soak.Callers(server.port, origin.server_address[1])
        load.lists()
        threads = [threading.Thread(target=load.run, daemon=True) for _ in range(callers)]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        load.stop.set()
        for thread in threads:
            thread.join(120)
        requests = functions(dump(server, profile, 2), program)
        server.stop()
        print(f"{sum(load.counts.values())} requests")
    return start, requests


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default=os.path.join(HERE, "../../.build/release/sluice"))
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--callers", type=int, default=4)
    parser.add_argument("output")
    arguments = parser.parse_args()
    start, requests = record(os.path.realpath(arguments.binary), arguments.seconds, arguments.callers)
    # A stable sort: what requests run as well goes behind what only the start does, and in front of the rest of theirs.
    order = dict.fromkeys(sorted(start, key=set(requests).__contains__) + requests)
    with open(arguments.output, "w") as file:
        file.writelines(name + "\n" for name in order)
    print(f"{len(requests)} functions of requests, {len(start)} of the start")


if __name__ == "__main__":
    main()
