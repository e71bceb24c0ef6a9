"""Compares counts of instructions with the baseline, or writes it: compare.py MODE BASELINE COUNTS.

COUNTS are gungraun's summaries, a line of JSON for each benchmark.
"""

import json
import os
import subprocess
import sys

LIMIT = 3.0  # percent
# Of a record so little is counted that one copy of a text more shows.
LIMITS = {"log_record_new": 1.0, "log_record_json": 0.5, "log_row_sqlite_bind": 0.6,
          # The allocator splits a chunk for each exchange, or for none: 3.7 % between the two.
          "route_rewrite_headers": 5.0}
UPDATE = "benches/instructions/run.sh --update"
HEADER = f"""\
# Instructions of 100 exchanges of each kind under callgrind, and what they were counted with.
# Written by {UPDATE}.
"""


def fail(message):
    print(f"\nFAILED: {message}")
    sys.exit(1)


def output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def environment():
    """All that counts depend on besides the code and Cargo.lock."""
    rustc = dict(line.split(": ", 1) for line in output("rustc", "-vV").splitlines() if ": " in line)
    with open("/proc/cpuinfo") as cpuinfo:
        # Valgrind shows every program one processor, with AVX2 or without, and never more than that.
        # What scans bodies differs by it; what glibc copies with does too, by less than 0.2 % here.
        avx2 = "avx2" in cpuinfo.read().split()
    return {
        "rustc": f"{rustc.get('release')} ({rustc.get('commit-hash', '')[:9]})",
        "target": f"{rustc.get('host')} {os.environ.get('RUSTFLAGS', '')}".strip(),
        "processor": "with AVX2" if avx2 else "without AVX2",
        "valgrind": output("valgrind", "--version"),
        "libc": output("getconf", "GNU_LIBC_VERSION"),
    }


def counted(path):
    counts = {}
    with open(path) as summaries:
        for summary in map(json.loads, summaries):
            name = "_".join(filter(None, [summary["function_name"], summary.get("id")]))
            metrics = summary["profiles"][0]["data"]["total"]["metrics"]
            counts[name] = metrics["Ir"]["values"]["new"]
    if not counts or 0 in counts.values():
        fail(f"callgrind did not see `counted` of count.rs: {counts}")
    return counts


def read(path):
    """Our environment and counts in TOML's form: texts and whole numbers are those of JSON."""
    with open(path) as file:
        pairs = [line.split(" = ", 1) for line in file if " = " in line and line[0] != "#"]
    values = {name: json.loads(value) for name, value in pairs}
    counts = {name: value for name, value in values.items() if isinstance(value, int)}
    return {name: values[name] for name in values.keys() - counts.keys()}, counts


def write(path, known, counts):
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in known.items()]
    lines += ["\n[instructions]\n"] + [f"{name} = {count}\n" for name, count in counts.items()]
    with open(path, "w") as file:
        file.writelines([HEADER, *lines])


def compare(old, new):
    """Prints all figures; what has grown too much, and what has shrunk as much."""
    grown, shrunk = [], []
    print(f"{'instructions of 100 exchanges':30} {'baseline':>10} {'now':>10}")
    for name in [*old, *(name for name in new if name not in old)]:
        before, now = old.get(name), new.get(name)
        if before is None or now is None:
            verdict = "  not in the baseline" if before is None else "  no longer counted"
            grown.append(name)
        else:
            percent = (now - before) / before * 100
            verdict = f"{percent:+8.2f} %"
            limit = LIMITS.get(name, LIMIT)
            if percent > limit:
                verdict += "  GROWN"
                grown.append(name)
            elif percent < -limit:
                verdict += "  shrunk"
                shrunk.append(name)
        print(f"{name:30} {before or '-':>10} {now or '-':>10} {verdict}")
    return grown, shrunk


def check(path, known, counts):
    old_known, old = read(path)
    grown, shrunk = compare(old, counts)
    others = [
        f"  {name}: {old_known.get(name)} in the baseline, {value} here"
        for name, value in known.items()
        if old_known.get(name) != value
    ]
    if others:
        fail(
            "the baseline was counted with something else, so the two cannot be compared:\n"
            + "\n".join(others)
            + f"\nWhere CI has changed, run {UPDATE} and commit the baseline. Elsewhere, run that on\n"
            "the commit that you began with, compare yours with it, and do not commit the file."
        )
    if grown:
        fail(
            f"too many more instructions, or another list: {', '.join(grown)}.\n"
            f"Where it is worth that, run {UPDATE} and commit the baseline with the change."
        )
    if shrunk:
        print(f"\nFewer instructions: {', '.join(shrunk)}. To keep it so, run {UPDATE} and commit.")


mode, baseline, summaries = sys.argv[1:]
if mode == "--update":
    write(baseline, environment(), counted(summaries))
else:
    check(baseline, environment(), counted(summaries))
