#!/usr/bin/env python3
"""No source of randomness or of wall time is linked beside our own: what libmpigan.a and the program
ask other libraries for, as nm tells it. What those libraries call themselves does not count.

usage: symbols.py NM CC LIBRARY PROGRAM
"""
import pathlib
import re
import subprocess
import sys
import tempfile

RANDOM = """rand srand rand_r random srandom random_r srandom_r initstate setstate drand48 erand48
    lrand48 nrand48 mrand48 jrand48 srand48 seed48 lcong48 drand48_r erand48_r lrand48_r nrand48_r
    mrand48_r jrand48_r srand48_r arc4random arc4random_buf arc4random_uniform getrandom
    getentropy""".split()

# Wall time, and the one file that reads it; a log line needs it.
TIME = ["time", "gettimeofday", "ftime", "timespec_get"]
CLOCK = "clock.c.o"


def undefined(nm, path):
    """(member, symbol) of everything that a file wants from elsewhere."""
    text = subprocess.run([nm, "-u", "-A", path], capture_output=True, text=True, check=True).stdout
    found = []
    for line in text.splitlines():
        match = re.match(r"(.*?):?\s+[Uvw] (\S+)$", line)
        if match:
            member = match[1].rstrip(":").split(":")[-1].split("/")[-1]
            found.append((member, match[2].split("@")[0]))
    return found


def breaches(nm, path, is_program=False):
    wanted = undefined(nm, path)
    bad = [(member, symbol) for member, symbol in wanted if symbol in RANDOM]
    if not is_program:
        bad += [(member, symbol) for member, symbol in wanted
                if symbol in TIME and member != CLOCK]
    return bad


def self_check(nm, cc):
    """An object that calls one of them is found, whatever it is called by."""
    with tempfile.TemporaryDirectory() as folder:
        for symbol in RANDOM + TIME:
            source, built = pathlib.Path(folder, "a.c"), pathlib.Path(folder, "a.c.o")
            source.write_text(f"extern int {symbol}(void);\nint f(void) {{ return {symbol}(); }}\n")
            subprocess.run([cc, "-w", "-fno-builtin", "-c", source, "-o", built], check=True)
            if breaches(nm, built) != [("a.c.o", symbol)]:
                sys.exit(f"self-check: a call of {symbol} gives {breaches(nm, built)}")
        program = pathlib.Path(folder, "program")
        source.write_text("#include <stdlib.h>\nint main(void) { return rand(); }\n")
        subprocess.run([cc, source, "-o", program], check=True)
        if [symbol for _, symbol in breaches(nm, program, True)] != ["rand"]:
            sys.exit(f"self-check: a program that calls rand: {undefined(nm, program)}")


def main():
    nm, cc, library, program = sys.argv[1:]
    self_check(nm, cc)
    wanted = undefined(nm, library)
    # what must be there if the list means anything: other libraries' calls, and the clock's
    for member, symbol in (("comm.c.o", "MPI_Allreduce"), (CLOCK, "time")):
        if (member, symbol) not in wanted:
            sys.exit(f"{library}: {member} does not call {symbol}: is this the whole library?")
    if "MPI_Init_thread" not in [symbol for _, symbol in undefined(nm, program)]:
        sys.exit(f"{program}: does not call MPI_Init_thread: is this the program?")
    bad = breaches(nm, library) + breaches(nm, program, True)
    for member, symbol in bad:
        print(f"{member} calls {symbol}")
    if bad:
        sys.exit("randomness comes from base/rng.h, time from base/clock.h")
    print(f"{len(wanted)} calls of {library}, and the program's: none of a foreign source of "
          "randomness; wall time in base/clock.c alone")


if __name__ == "__main__":
    main()
