"""tests/tables/quality.md from the files of single trainings: means, standard deviations, and
whether mpigan is within the peer's spread.  Python's standard library is enough."""
import json
import math
import statistics

MPIGAN, PEER = "mpigan", "PyTorch"

# Of `mpigan eval`, and of the better of two whether it is the larger: 1, or the smaller: -1.
FIGURES = {"frechet_distance": -1, "precision": 1, "recall": 1, "coverage": 1,
           "class_total_variation": -1, "class_accuracy": 1}

TITLES = {"frechet_distance": "Frechet distance", "class_total_variation": "class variation",
          "class_accuracy": "class as asked"}

DATA_TITLES = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST",
               "cifar10": "CIFAR-10, 20,000 images"}

# What all files of a cell share; and, below, what all files of a data set do.
OF_A_CELL = ("steps", "batch", "count", "config", "config_digest")
OF_A_DATA_SET = ("classifier", "classifier_digest", "data_digest")

# Standard deviations of the peer's seeds by which a mean may be worse and still within its spread.
SPREAD = 2.0

VERDICTS = ("better", "within", "worse")


class Unusable(Exception):
    """One sentence: what, where, and what is wanted."""


# ---- files ----

def agree(rows, key, names):
    """That files which stand in one place of the table were made alike."""
    first = {}
    for row in rows:
        other = first.setdefault(row[key], row)
        for name in names:
            if row[name] != other[name]:
                raise Unusable(f"{row['file']}: {name} is {row[name]}, but {other[name]} in "
                               f"{other['file']}: remove those of the older, and run again")


def read(folder):
    """The files' rows, each with its file's name."""
    rows = []
    for path in sorted(folder.glob("*.json")):
        try:
            rows.append({**json.loads(path.read_text()), "file": path.name})
        except ValueError as error:
            raise Unusable(f"{path}: no JSON: {error}") from error
    if not rows:
        raise Unusable(f"{folder}: no files; `yardstick run` makes them")
    agree(rows, "cell", OF_A_CELL)
    agree(rows, "data", OF_A_DATA_SET)
    return rows


# ---- figures ----

def moments(values):
    """(mean, standard deviation), None where one value has none."""
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else None


def of_side(rows, side, name):
    return [row["figures"][name] for row in rows
            if row["side"] == side and name in row["figures"]]


def verdict(ours, peers, direction):
    """better, within or worse, and by how many of the peer's standard deviations; None where one
    side has fewer than two seeds."""
    if min(len(ours), len(peers)) < 2:
        return None
    mean, spread = moments(peers)
    worse = direction * (mean - statistics.mean(ours))
    if worse < 0:
        return "better", 0.0
    by = worse / spread if spread else worse and float("inf")
    return ("within" if by <= SPREAD else "worse"), by


# ---- Markdown ----

def shown(values):
    if not values:
        return ""
    mean, spread = moments(values)
    digits = 1 if abs(mean) >= 10 else 3
    return f"{mean:.{digits}f}" + (f" ± {spread:.{digits}f}" if spread is not None else "")


def shown_verdict(made):
    if made is None:
        return ""
    word, by = made
    if word != "worse":
        return word
    return f"**worse** by {by:.1f} sd" if math.isfinite(by) else "**worse**"


def line(cells):
    return "| " + " | ".join(cells) + " |"


def side_line(rows, side, title):
    of = [row for row in rows if row["side"] == side]
    if not of:
        return line([title, side, "not run"] + [""] * (len(FIGURES) + 1))
    seconds = shown([row["cpu_s"] for row in of])
    return line([title, side, str(len(of)), *(shown(of_side(of, side, name)) for name in FIGURES),
                 seconds])


def cell_lines(cell, rows):
    length = f"{cell.model}<br>{cell.steps} steps of {cell.batch}"
    lines = [side_line(rows, MPIGAN, length), side_line(rows, PEER, "")]
    made = verdicts(rows)
    if any(made.values()):
        words = [shown_verdict(made[name]) for name in FIGURES]
        lines.append(line(["", "mpigan is", "", *words, ""]))
    return lines


def verdicts(rows):
    return {name: verdict(of_side(rows, MPIGAN, name), of_side(rows, PEER, name), direction)
            for name, direction in FIGURES.items()}


def data_lines(data, cells, rows):
    of = [row for row in rows if row["data"] == data]
    lines = [f"## {DATA_TITLES.get(data, data)}", ""]
    if of:
        one = of[0]
        lines += [f"Judged by `{one['classifier']}` ({one['classifier_digest']}), "
                  f"{one['count']:,} samples against as many rows of the data "
                  f"({one['data_digest']}).", ""]
    titles = [TITLES.get(name, name) for name in FIGURES]
    lines += [line(["model", "by", "seeds", *titles, "CPU s"]),
              line(["---"] * 3 + ["---:"] * (len(titles) + 1))]
    for cell in cells:
        lines += cell_lines(cell, [row for row in of if row["cell"] == cell.name])
    return [*lines, ""]


def summary(cells, rows):
    """How often each verdict fell."""
    made = [verdict for cell in cells
            for verdict in verdicts([row for row in rows if row["cell"] == cell.name]).values()]
    words = [one[0] for one in made if one]
    if not words:
        return "No cell has two seeds of both sides yet."
    counts = ", ".join(f"{words.count(word)} {word}" for word in VERDICTS)
    return f"Of {len(words)} comparisons: {counts}."


def distinct(rows, name, side=None):
    return ", ".join(sorted({row[name] for row in rows if side in (None, row["side"])}))


HEAD = """# The same trainings by mpigan and by PyTorch

Made by `tools/bench/yardstick table` of the files in [quality](quality), one a training; see
[README.md](README.md) for the commands. {summary}

Both sides train the same networks on the same data with the same batch, steps, optimizer, rates and
law of the first weights, from one config; nothing was tuned for either. Their random numbers differ.
The samples of both are judged by `mpigan eval`: Frechet distance, precision, recall and coverage
(five neighbours) over the 128 features of a classifier that mpigan trained on the same data (no
FID), total variation between the classes found in samples and in the data, and of conditional models
the share of samples of the class asked for. A distance is comparable within a data set only.

**The steps are few**, so that all of it takes two cores about an hour: these models are far from
what they become. The GANs have seen an eighth of an epoch to two epochs, and make few kinds of
pictures yet. The table says whether two programs get equally far in equally many steps, not how good
a model is.

Mean ± standard deviation over seeds. *better*: mpigan's mean is the better one; *within*:
the same, or worse by at most {spread:g} standard deviations of the peer's seeds; *worse* otherwise;
nothing where a side has fewer than two seeds. By chance alone, both being equal, one comparison in
15 comes out as *worse* with three seeds a side, one in 7 with two.

CPU s: seconds of the processor that a training took on one thread, from the reading of the data to
the last step, of mpigan with the start of its process and a checkpoint. The machine was shared with
other work, which slows both: these are no measurements of speed.

{machine}. mpigan's samples: {mpigan}. The peer's: {peer}.
Judged by mpigan, {judge}. {date}.
"""


def page(rows, cells):
    head = HEAD.format(summary=summary(cells, rows), spread=SPREAD, date=distinct(rows, "date"),
                       machine=distinct(rows, "machine"), judge=distinct(rows, "judged_by"),
                       mpigan=distinct(rows, "made_by", MPIGAN) or "not run",
                       peer=distinct(rows, "made_by", PEER) or "not run")
    lines = [head]
    for data in dict.fromkeys(cell.data for cell in cells):
        lines += data_lines(data, [cell for cell in cells if cell.data == data], rows)
    return "\n".join(lines).rstrip() + "\n"
