# SPDX-License-Identifier: GPL-2.0-or-later
"""The bench's tables and its picture."""
import math


def text_of(value, digits=3):
    if value is None:
        return "-"
    return f"{value:.{digits}f}" if value < 100 else f"{value:.0f}"


def verdict(met):
    return "ok" if met else "BELOW"


def print_single(rows):
    print(f"\n{'':38}{'QEMU':>10}     {'Rhea':>10}     {'QEMU/Rhea':>9}  bar")
    for row in rows:
        bar = "" if row["bar"] is None else f"{row['bar']:g} {verdict(row['met'])}"
        print(f"{row['name']:38}{row['qemu']:10.3f} {row['unit']:3} {row['rhea']:10.3f} {row['unit']:3} {row['ratio']:9.2f}  {bar}")


def print_programs(rows, summaries):
    print(f"\n{'seconds':14}{'native':>9}{'QEMU':>9}{'Rhea':>9}   {'QEMU/Rhea':>9}{'(CPU)':>8}   "
          f"{'QEMU/nat.':>9}{'Rhea/nat.':>10}  spread QEMU, Rhea")
    for line in summaries:
        for row in [row for row in rows if row["group"] == line["group"]]:
            print(f"{row['name']:14}{text_of(row['native']):>9}{text_of(row['qemu']):>9}{text_of(row['rhea']):>9}   "
                  f"{text_of(row['ratio'], 2):>9}{text_of(row['cpu-ratio'], 2):>8}   {text_of(row['slowdown-qemu'], 1):>9}{text_of(row['slowdown-rhea'], 1):>10}"
                  f"  {row['spread-qemu']:4.0%} {row['spread-rhea']:4.0%}  {'; '.join(note[:80] for note in row['notes'])}")
        print(f"  {line['title']}: geometric mean {line['mean']:.2f} (bar {line['mean_bar']:g}), least {line['least']:.2f} "
              f"(bar {line['least_bar']:g}): {verdict(line['met'])}; slowdown to native: QEMU {text_of(line['slowdown-qemu'], 1)}, "
              f"Rhea {text_of(line['slowdown-rhea'], 1)}\n")


def print_smp(rows, line):
    print(f"\n{'two over one':14}{'native':>9}{'QEMU':>9}{'Rhea':>9}")
    for row in rows:
        print(f"{row['name']:14}{text_of(row['native'], 2):>9}{text_of(row['qemu'], 2):>9}{text_of(row['rhea'], 2):>9}  "
              f"{'; '.join(note[:80] for note in row['notes'])}")
    if line:
        print(f"  {line['title']}: geometric mean Rhea {line['rhea']:.2f} (bar {line['mean_bar']:g}): {verdict(line['met'])}; "
              f"QEMU {text_of(line['qemu'], 2)}, native {text_of(line['native'], 2)}")


COLOURS = {"qemu": "#c4703a", "rhea": "#2f6fb0"}
LEFT, ROW, WIDTH = 130, 19, 760


class Picture:
    """The programs' slowdown to native, QEMU's and Rhea's, on a logarithmic scale."""

    def __init__(self, rows):
        slow = [row["slowdown-" + who] for row in rows for who in COLOURS if row["slowdown-" + who]]
        self.least, self.most = min(0.5, *slow), max(10.0, *slow) * 1.2
        self.parts, self.y = [], 84

    def x(self, slowdown):
        return LEFT + (WIDTH - LEFT - 90) * math.log(slowdown / self.least) / math.log(self.most / self.least)

    def text(self, x, y, text, more=""):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" {more}>{text}</text>')

    def row(self, row):
        ends = {who: self.x(row["slowdown-" + who]) for who in COLOURS if row["slowdown-" + who]}
        self.text(LEFT - 10, self.y + 4, row["name"], 'text-anchor="end"')
        if len(ends) == 2:
            better = ends["rhea"] < ends["qemu"]
            self.parts.append(f'<line x1="{ends["rhea"]:.1f}" x2="{ends["qemu"]:.1f}" y1="{self.y}" y2="{self.y}" stroke="'
                              f'{"#9db8d6" if better else "#e0b79d"}" stroke-width="4"/>')
            self.text(WIDTH - 12, self.y + 4, f"{row['ratio']:.2f}", 'text-anchor="end"')
        for who, x in ends.items():
            self.parts.append(f'<circle cx="{x:.1f}" cy="{self.y}" r="5" fill="{COLOURS[who]}"/>')
        self.y += ROW

    def group(self, line, rows):
        colour = "#3a7d44" if line["met"] else "#b5403a"
        self.text(16, self.y + 4, f"{line['title']}: {line['mean']:.2f} times QEMU's speed, least {line['least']:.2f} "
                  f"(bars {line['mean_bar']:g} and {line['least_bar']:g}): {verdict(line['met'])}", f'font-weight="bold" fill="{colour}"')
        self.y += ROW + 4
        for row in rows:
            self.row(row)
        self.y += 14

    def svg(self, title):
        height, grid = self.y + 30, []
        for step in (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000):
            if self.least <= step <= self.most:
                x = self.x(step)
                colour = "#888" if step == 1 else "#e2e2e2"
                grid.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="66" y2="{self.y - 6}" stroke="{colour}"/><text x="{x:.1f}" '
                            f'y="{self.y + 12}" text-anchor="middle" fill="#777">{step:g}</text>')
        head = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12">'
                '<rect width="100%" height="100%" fill="white"/>', f'<text x="16" y="24" font-size="16">{title}</text>',
                '<text x="16" y="46" fill="#555">Time as a multiple of the host\'s own (1 = native, logarithmic; left is better):</text>']
        for number, (who, name) in enumerate((("qemu", "QEMU"), ("rhea", "Rhea"))):
            x = 520 + 75 * number
            head.append(f'<circle cx="{x}" cy="42" r="5" fill="{COLOURS[who]}"/><text x="{x + 10}" y="46">{name}</text>')
        head.append(f'<text x="{WIDTH - 12}" y="62" text-anchor="end" fill="#555">QEMU/Rhea</text>')
        return "\n".join(head + grid + self.parts + ["</svg>\n"])


def draw_svg(rows, summaries, title):
    picture = Picture(rows)
    for line in summaries:
        picture.group(line, [row for row in rows if row["group"] == line["group"]])
    return picture.svg(title)
