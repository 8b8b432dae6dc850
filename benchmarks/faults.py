"""What is left when a build goes wrong? Breaks builds in every way we know, at random moments.

    python benchmarks/faults.py             # half an hour on 2 cores
    python benchmarks/faults.py --quick     # two minutes, without Beam's processes
    python benchmarks/faults.py --only=disk

A line tells of each fault how many builds met it, what became of them, and what the next build did,
which nothing disturbed. Exit status 1 if anything could be loaded that is not whole; if a build
ended in an error that does not say what to do, or did not end; if the next one did not end well,
made a finished shard again or left anything behind.

Small disks need root or user namespaces (`unshare -Urm` is tried); without either, files are not
allowed to grow beyond a random size.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import random
import re
import shutil
import sys
import tempfile
from collections import Counter

from absl import app, flags

import faulty
import faulty_builds as builds
import faulty_ways as ways
from faulty import Place

_QUICK = flags.DEFINE_bool("quick", False, "One try of each fault, none with Beam's processes.")
_TRIES = flags.DEFINE_integer("tries", 4, "Of each fault but kills.")
_KILLS = flags.DEFINE_integer("kills", 50, "Of the driver by SIGKILL, one of six under Beam.")
_SEED = flags.DEFINE_integer("seed", 0, "Of the moments.")
_ONLY = flags.DEFINE_string("only", "", "Faults in whose name this regular expression is found.")
_KEEP = flags.DEFINE_string("keep", "", "A new folder for the tries that went wrong.")

_HEAD = (
    f"{'fault':44}{'builds':>6}  {'what became of them':40}{'next run':12}{'shards kept':12}left"
)


@dataclasses.dataclass
class Row:
    """What came of one fault."""

    fault: ways.Fault
    came: Counter[str] = dataclasses.field(default_factory=Counter)
    next: Counter[str] = dataclasses.field(default_factory=Counter)
    done: int = 0
    kept: int = 0
    left: int = 0
    wrong: list[str] = dataclasses.field(default_factory=list)
    failed: int = 0
    said: dict[str, str] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        came, after = (
            ", ".join(f"{n} {kind}" for kind, n in count.most_common())
            for count in (self.came, self.next)
        )
        kept = f"{self.kept} of {self.done}"
        line = f"{self.fault.name:44}{self.came.total():6}  {came:40}{after:12}{kept:12}{self.left}"
        return "\n".join([line, *(f"  WRONG: {one}" for one in self.wrong)])


def tried(row: Row, one: builds.Try) -> None:
    """Breaks a build, and lets the next one go on."""
    ends = row.fault.act(one)
    place = one.place
    row.came.update(end.kind for end in ends)
    for end in ends:
        row.said.setdefault(end.kind, end.said.replace(str(place.root), "TRY"))
    unclear = {end.kind for end in ends} - {"whole", *row.fault.fine}
    row.wrong += [f"{place.root.name}: {kind} is no clear end" for kind in sorted(unclear)]
    row.wrong += whole(one)[1]
    done = faulty.finished(place)
    for mend in one.mend:
        mend()
    after = faulty.ended(place, faulty.fork(place, one.again or one.build))
    row.next[after.kind] += 1
    if after.status:
        row.wrong.append(f"{place.root.name}: the next run ended with {after.said}")
    count, problems = whole(one)
    row.wrong += problems or [f"{place.root.name}: nothing to load"] * (not count)
    if not one.new_plan:
        kept = len(done & faulty.used(place))
        row.done, row.kept = row.done + len(done), row.kept + kept
        if kept < len(done):
            row.wrong.append(f"{place.root.name}: a finished shard was made again")
    if alive := faulty.orphans(place):
        row.wrong.append(f"{place.root.name}: processes {alive} are still there")
    left = faulty.left_over(place)
    row.left += len(left)
    row.wrong += [f"{place.root.name}: left behind: {name}" for name in left]


def whole(one: builds.Try) -> tuple[int, list[str]]:
    """How many versions can be loaded, and what of them is not whole."""
    place = one.place
    if not any(place.data.rglob("dataset_info.json")):
        return 0, []
    look = faulty.fork(place, lambda: faulty.told(place, faulty.loaded(place, one.room.known)))
    if (end := faulty.ended(place, look)).status:
        return 0, [f"{place.root.name}: could not be looked at: {end}"]
    count, problems = faulty.heard(place)
    return count, problems


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {argv[1:]}")
    has = {"disks": faulty.own_disks(), "beam": not _QUICK.value}
    faults = [
        fault
        for fault in ways.FAULTS
        if re.search(_ONLY.value, fault.name) and all(has[need] for need in fault.needs.split())
    ]
    rows = []
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)  # one of the builds is nobody's
        beam = any("beam" in fault.needs for fault in faults)
        room = builds.prepared(folder, beam=beam)
        print(
            f"an undisturbed build: {room.wall:.1f} s, {room.changes} changes of files, "
            f"{room.raw_files} readings of raw files, {4 * room.pages} kB; seed {_SEED.value}; "
            f"small disks: {'yes' if has['disks'] else 'NO'}"
        )
        print(_HEAD, flush=True)
        for fault in faults:
            row = Row(fault)
            tries = round(fault.of_kills * _KILLS.value) or min(_TRIES.value, fault.most)
            for index in range(1 if _QUICK.value else tries):
                slug = re.sub(r"\W+", "-", fault.name) + f"-{index}"
                problems = len(row.wrong)
                with contextlib.ExitStack() as stack:
                    stack.callback(shutil.rmtree, folder / slug)
                    moments = random.Random(f"{_SEED.value} {slug}")
                    tried(row, builds.Try(Place(folder / slug, room.raw), room, moments, stack))
                    if len(row.wrong) > problems:
                        row.failed += 1
                        if _KEEP.value:
                            shutil.copytree(folder / slug, pathlib.Path(_KEEP.value) / slug)
            rows.append(row)
            print(row, flush=True)
    print("\nWhat the errors say:")
    for row in rows:
        for kind, said in row.said.items():
            if kind in faulty.CLEAR:
                print(f"  {row.fault.name}: {said.strip().splitlines()[-1][:400]}")
    failed, tries = (
        sum(of) for of in zip(*((r.failed, r.next.total()) for r in rows), strict=True)
    )
    print(f"\n{tries} tries of {len(rows)} faults; {failed} of them went wrong")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    app.run(main)
