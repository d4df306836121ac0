"""A large library: 10,000 papers with 20,000 cards and 60,000 published numbers, made up and checked.

    python benchmarks/survey.py [--papers 10000] [--keep FOLDER]

The first check reads everything; a later one reads what changed since, found by size and times, kept by content. Each
runs in a process of its own, so that nothing is left in memory, and is timed from its start to its last line.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CARDS = 2  # of each paper
ROWS = 6
BARS = {"first check": 30.0, "later check": 3.0, "after one card changed": 3.0}  # seconds
WORDS = (
    "video",
    "network",
    "motion",
    "clip",
    "frame",
    "depth",
    "kernel",
    "flow",
    "dataset",
    "accuracy",
    "stream",
    "block",
)
TALK = ("動画", "行動認識", "精度", "学習", "データセット", "네트워크", "동영상", "学习", "视频")

PAPER = """\
id: {id}
titles: {{en: "{title}"}}
authors:
  - {{given: A., family: Family{n}}}
  - {{given: B., family: Other}}
year: {year}
venue: CVPR {year}
arxiv: {{id: "{arxiv}", source: arXiv}}
versions:
  - {{venue: arXiv, year: {year}, source: the arXiv number}}
  - {{venue: CVPR {year}, year: {year}, pages: 1–10, source: the proceedings}}
links: [{{title: arXiv, url: "https://arxiv.org/abs/{arxiv}"}}]
keywords: [{keywords}]
claims:
  - {{id: gains, text: It gains over what came before., source: Table 1}}
"""
CARD = """\
---
paper: {id}
language: {language}
format: ochiai
reader: reader-{reader}
mode: skim
goal: What is new?
minutes: {{spent: 20, budget: 20}}
status: done
version: 1
date: {year}-03-04
keywords: [{keywords}]
next:
  - {{text: Something earlier, paper: {other}}}
questions:
  - {{text: Does it transfer?, dataset: UCF-101, condition: from scratch}}
---

# {title}

## What is it?

{words}

## What is the heart of the method?

{words}

## How was it shown to work?

See [the other paper](../../{other}/paper.yaml). {words}
"""
HEADER = "model,variant,dataset,dataset_copy,split,level,metric,value,unit,frames,input,pretraining,protocol,source,status,note\n"


def generate(folder: Path, papers: int, seed: int = 0) -> None:
    """A library of this many papers; the same one for the same seed."""
    draw = random.Random(seed)
    ids = [f"family{n}-{2007 + n % 15}-{draw.choice(WORDS)}" for n in range(papers)]
    for n, paper_id in enumerate(ids):
        year = 2007 + n % 15
        about = {
            "id": paper_id,
            "n": n,
            "year": year,
            "title": " ".join(draw.choices(WORDS, k=7)).capitalize(),
            "arxiv": f"{year - 2000:02d}{n % 12 + 1:02d}.{n:05d}",
            "keywords": ", ".join(draw.sample(WORDS, 3)),
            "other": draw.choice(ids),
        }
        (folder / paper_id / "cards").mkdir(parents=True)
        (folder / paper_id / "paper.yaml").write_text(PAPER.format(**about), "utf-8")
        (folder / paper_id / "results.csv").write_text(HEADER + "".join(rows(draw, n)), "utf-8")
        for reader in range(CARDS):
            language = ("en", "ja", "ko", "zh")[(n + reader) % 4]
            words = " ".join(draw.choices((*WORDS, *TALK), k=60))
            text = CARD.format(**about, language=language, reader=reader, words=words)
            (folder / paper_id / "cards" / f"{language}-reader-{reader}.md").write_text(text, "utf-8")


def rows(draw: random.Random, n: int) -> list[str]:
    """A small table that contradicts nothing."""
    made = []
    for row in range(ROWS // 3):
        top1 = round(draw.uniform(30, 80), 1)
        top5 = round(draw.uniform(top1, 100), 1)
        for metric, value in (("top-1", top1), ("top-5", top5), ("average", round((top1 + top5) / 2, 1))):
            made.append(
                f"Net-{n}-{row},,Kinetics-400,,validation,clip,{metric},{value},%,16,RGB,scratch,,Table 1,printed,\n"
            )
    return made


def timed(folder: Path, cache: Path) -> tuple[float, float]:
    """Seconds of one check of the folder in a new process, by the clock and of the processor."""
    busy = sum(os.times()[2:4])
    command = [sys.executable, "-m", "labkit", "card", "check", str(folder)]
    started = time.perf_counter()
    done = subprocess.run(
        command, env={**os.environ, "LABKIT_CACHE": str(cache)}, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"the check failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    print(f"  {done.stdout.strip().splitlines()[-1]}")
    return seconds, sum(os.times()[2:4]) - busy


def main() -> None:
    """Make the library, check it thrice, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--papers", type=int, default=10_000)
    parser.add_argument("--keep", type=Path, help="make the library here and leave it")
    chosen = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="labkit-survey-"))
    try:
        folder = chosen.keep or scratch / "summaries"
        print(f"making {chosen.papers:,} papers with {CARDS * chosen.papers:,} cards")
        if not folder.exists():
            generate(folder, chosen.papers)
        time.sleep(3)  # files written just now are not yet taken for settled
        took = {"first check": timed(folder, scratch / "cache"), "later check": timed(folder, scratch / "cache")}
        card = next(folder.glob("*/cards/*.md"))
        card.write_text(card.read_text("utf-8") + "\nOne more thought.\n", "utf-8")
        took["after one card changed"] = timed(folder, scratch / "cache")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"\n{'':<24}{'seconds':>8}{'of CPU':>8}{'bar':>6}")
    for name, (seconds, busy) in took.items():
        print(f"{name:<24}{seconds:>8.1f}{busy:>8.1f}{BARS[name]:>6.0f}{'' if seconds <= BARS[name] else '  too slow'}")


if __name__ == "__main__":
    main()
