# SPDX-License-Identifier: GPL-2.0-or-later
"""The programs of tests/bench/guest, measured in Rhea, in QEMU and on the host: rounds, checks and groups."""
import math
import statistics
import subprocess
import time

from places import ROOT, Broken, Missing

# Of a run of some milliseconds the machine's noise is a large part: it is repeated within a round, so many times or for so long.
RUNS_MOST, RUNS_SECONDS = 5, 0.4
WHO = ("native", "qemu", "rhea")
# group: title, the least geometric mean, and the least single value, of QEMU's time divided by Rhea's
BARS = {
    "integer": ("integer and control flow", 3.0, 1.5),
    "float": ("floating point, SIMD, x87, memory copy", 8.0, 3.0),
    "kernel": ("kernel-heavy", 1.3, 1.0),
}
SMP_TITLE, SMP_BAR = "two vCPUs: throughput of two copies over one", 1.8


def list_programs():
    """(name, group, size) of each program."""
    text = subprocess.run([f"{ROOT}/bench", "list"], capture_output=True, text=True, check=True).stdout
    return [(name, group, int(size)) for name, group, size in (line.split() for line in text.splitlines())]


def geometric_mean(values):
    return math.exp(sum(math.log(v) for v in values) / len(values)) if min(values) > 0 else 0.0


class Programs:
    """A set of programs, measured in rounds: in every round each program runs in each place, in an order that alternates."""

    def __init__(self, chosen, copies, options, places):
        self.chosen, self.copies, self.options, self.places = chosen, copies, options, places
        self.runs = {(name, who, n): [] for name, _, _ in chosen for who in places for n in copies}
        self.checksums, self.notes = {}, {}

    def note(self, name, text):
        if text not in self.notes.setdefault(name, []):
            self.notes[name].append(text)
            print(f"    {name}: {text}", flush=True)

    def run_enough(self, name, size, who):
        """A round's runs of a program in one place: with each number of copies in turn, more than once when they are short."""
        spent = 0.0
        for _ in range(RUNS_MOST):
            for copies in self.copies:
                spent += self.run_once(name, size, who, copies)
            if spent >= RUNS_SECONDS * len(self.copies):
                break

    def run_once(self, name, size, who, copies):
        """Runs it, and keeps the run; its seconds, or infinity when there is no use in another one."""
        place = self.places[who]
        try:
            run = place.run(name, size, copies, self.options.limit)
        except Missing:
            self.note(name, f"cannot run on {who}")
            return math.inf
        except (Broken, OSError) as error:
            self.note(name, f"BROKEN on {who}: {error}")
            place.close()  # a guest that hangs is started anew for the next program
            return math.inf
        if self.checksums.setdefault(name, run.checksum) != run.checksum:
            self.note(name, f"BROKEN on {who}: checksum {run.checksum}, elsewhere {self.checksums[name]}")
            return math.inf
        self.runs[name, who, copies].append(run)
        return run.seconds

    def run_round(self, number):
        for index, (name, _, size) in enumerate(self.chosen):
            order = [who for who in ("native", "qemu", "rhea") if who in self.places]
            if (number + index) % 2:
                order.reverse()
            for who in order:
                self.run_enough(name, max(1, int(size * self.options.scale)), who)

    def run(self, end):
        """The rounds, as many as there is time for until `end`; at least one."""
        for number in range(self.options.rounds):
            start = time.monotonic()
            self.run_round(number)
            took = time.monotonic() - start
            print(f"    round {number + 1} of {self.options.rounds}: {took:.0f} s", flush=True)
            if number + 1 < self.options.rounds and time.monotonic() + took > end:
                print(f"    no time for more rounds (--budget {self.options.budget})", flush=True)
                break

    def seconds(self, name, who, copies, cpu=None):
        """The median, by the chosen clock; None where the program did not run."""
        cpu = self.options.cpu_time if cpu is None else cpu
        runs = self.runs.get((name, who, copies))
        return statistics.median(run.cpu if cpu else run.seconds for run in runs) if runs else None

    def spread(self, name, who, copies):
        """How far the runs lie apart: (most - least) / median."""
        values = [run.seconds for run in self.runs.get((name, who, copies), [])]
        return (max(values) - min(values)) / statistics.median(values) if values else 0.0

    def rows(self):
        """A row for each program of a set of single copies."""
        rows = []
        for name, group, _ in self.chosen:
            row = {"name": name, "group": group, "notes": self.notes.get(name, []), "checksum": self.checksums.get(name)}
            for who in WHO:
                row[who], row["spread-" + who] = self.seconds(name, who, 1), self.spread(name, who, 1)
                row["runs-" + who] = [run._asdict() for run in self.runs.get((name, who, 1), [])]
            row["ratio"] = row["qemu"] / row["rhea"] if row["qemu"] and row["rhea"] else None
            both = [self.seconds(name, who, 1, cpu=True) for who in ("qemu", "rhea")]
            row["cpu-ratio"] = both[0] / both[1] if all(both) else None
            for who in ("qemu", "rhea"):
                row["slowdown-" + who] = row[who] / row["native"] if row[who] and row["native"] else None
            rows.append(row)
        return rows

    def smp_rows(self):
        """A row for each program of a set that ran in one and in two copies: the throughput of two over that of one."""
        rows = []
        for name, group, _ in self.chosen:
            row = {"name": name, "group": group, "notes": self.notes.get(name, [])}
            for who in WHO:
                one, two = self.seconds(name, who, 1), self.seconds(name, who, 2)
                row[who] = 2 * one / two if one and two else None
                row["one-" + who], row["two-" + who] = one, two
            rows.append(row)
        return rows


def broken(rows):
    return [row["name"] for row in rows if any(note.startswith("BROKEN") for note in row["notes"])]


def summary(rows, group):
    """The line of a group: geometric mean and least ratio beside its bars; None where nothing ran."""
    title, mean_bar, least_bar = BARS[group]
    mine = [row for row in rows if row["group"] == group]
    if not mine:
        return None
    ratios = [row["ratio"] for row in mine if row["ratio"]] or [0.0]  # nothing to compare with: below every bar
    mean, least = geometric_mean(ratios), min(ratios)
    slow = {who: [row["slowdown-" + who] for row in mine if row["slowdown-" + who]] for who in ("qemu", "rhea")}
    return {"group": group, "title": title, "mean": mean, "least": least, "mean_bar": mean_bar, "least_bar": least_bar,
            "met": mean >= mean_bar and least >= least_bar and not broken(mine),
            **{"slowdown-" + who: geometric_mean(values) if values else None for who, values in slow.items()}}


def smp_summary(rows):
    means = {who: geometric_mean(values) if (values := [row[who] for row in rows if row[who]]) else None for who in WHO}
    if not means["rhea"]:
        return None
    return {"group": "smp", "title": SMP_TITLE, "mean_bar": SMP_BAR, "met": means["rhea"] >= SMP_BAR and not broken(rows), **means}
