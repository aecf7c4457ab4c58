"""Recipes that a coverage-guided fuzzer makes, through lint and fmt: no traceback, no hang.

    pip install atheris
    python bench/fuzz_atheris.py [--minutes 10] [--seed 0] [--corpus FOLDER]

Where bench/fuzz.py draws its mutations blindly, this keeps each text that reached code which none before it did, and goes
on from there. It begins with the recipes of this repository and those in its `.cases` files, and mutates by bytes as
libFuzzer does, with the language's words at hand, and by lines and values as bench/fuzz.py does. Each text is compiled
with lint, what was found is printed, and it is formatted twice. Prints executions, coverage and the slowest text; what
raised anything or took more than 2 s of processor time is tried again without instrumentation and printed. Ends with 1 if
that confirms one. --corpus keeps what was found to be new, for the next run.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import re
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from random import Random

import fuzz

PATH = (fuzz.REPO / "tests/lint/base/fuzz.recipe").resolve()
LARGEST = 20_000
HUNG = 60
"""Seconds after which one text ends the run."""


def words() -> list[str]:
    """The language's: keys, constructors, references, operators and numbers with units, as the seeds write them."""
    found = {word for text in fuzz.seeds() for word in re.findall(r"[\w.]+|[^\w\s]", text)}
    return sorted(word for word in found if len(word.encode()) <= 24)


def work(folder: Path, corpus: Path, minutes: float, seed: int) -> None:
    """One process that fuzzes and does not return: findings go to `folder`, progress to stderr."""
    import atheris

    texts = fuzz.seeds()
    with atheris.instrument_imports(include=["smolc"]):
        # Most modules are imported when they are needed; what goes wrong here does so again in a moment.
        for text in texts:
            with contextlib.suppress(Exception):
                fuzz.through(text, PATH)
    slowest = 0.0
    seen: set[str] = set()

    def one(data: bytes) -> None:
        nonlocal slowest
        text = data.decode("utf-8", "replace")
        begin, wrong = time.process_time(), ""
        try:
            fuzz.through(text, PATH)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            wrong = f"{type(error).__name__} {place.filename}:{place.lineno}"
        taken = time.process_time() - begin
        if taken > slowest:
            slowest = taken
            (folder / "slowest").write_text(f"{taken:.2f}")
        if taken > fuzz.LIMIT:
            wrong = wrong or f"{fuzz.LIMIT:g} s"
        if wrong and wrong not in seen:
            seen.add(wrong)
            (folder / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.recipe").write_text(
                text, encoding="utf-8"
            )
            print(f"found: {wrong}", file=sys.stderr, flush=True)

    def mutate(data: bytes, most: int, number: int) -> bytes:
        random = Random(number)
        if random.random() < 0.5:
            return bytes(atheris.Mutate(data, most))
        text = data.decode("utf-8", "replace")
        for _ in range(random.choice([1, 1, 2, 4])):
            text = random.choice(fuzz.MUTATIONS)(random, text, texts)
        return text.encode("utf-8", "replace")[:most]

    options = [
        f"-max_total_time={int(minutes * 60)}",
        f"-max_len={LARGEST}",
        f"-timeout={HUNG}",
        f"-seed={seed + 1}",
        f"-dict={folder / 'words.dict'}",
        f"-artifact_prefix={folder}/hung-",
        "-rss_limit_mb=4096",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one, custom_mutator=mutate)
    atheris.Fuzz()


def again(path: Path) -> str:
    """What is wrong with one text, without instrumentation; "" if nothing is."""
    code = (
        "import sys, time; from pathlib import Path; import fuzz, fuzz_atheris; fuzz.through('', fuzz_atheris.PATH); "
        "text = Path(sys.argv[1]).read_text(encoding='utf-8', errors='replace'); begin = time.process_time(); "
        "fuzz.through(text, fuzz_atheris.PATH); taken = time.process_time() - begin; "
        "sys.exit(f'took {taken:.1f} s' if taken > fuzz.LIMIT else 0)"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
            timeout=HUNG,
        )
    except subprocess.TimeoutExpired:
        return f"took more than {HUNG} s"
    return done.stderr if done.returncode else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--corpus", type=Path, help="Kept from run to run; a temporary one unless given.")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.corpus, options.minutes, options.seed)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        corpus = options.corpus or folder / "corpus"
        corpus.mkdir(parents=True, exist_ok=True)
        for number, text in enumerate(fuzz.seeds()):
            (corpus / f"seed-{number:04}").write_text(text, encoding="utf-8")
        quoted = (word.replace("\\", "\\\\").replace('"', '\\"') for word in words() if word.isascii())
        (folder / "words.dict").write_text("".join(f'"{word}"\n' for word in quoted))
        command = [sys.executable, __file__, "--work", made, "--corpus", str(corpus)]
        command += ["--minutes", str(options.minutes), "--seed", str(options.seed)]
        log, begin = [], time.perf_counter()
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as process:
            assert process.stderr is not None
            for line in process.stderr:
                log.append(line)
                if re.match(r"found:|#\d+\s+(INITED|pulse|DONE)|ERROR|SUMMARY", line):
                    print(line.rstrip(), file=sys.stderr, flush=True)
        taken = time.perf_counter() - begin
        counts = [line for line in log if re.search(r"\bcov: \d+", line)]
        if not counts:
            sys.exit("".join(log[-20:]) or "the fuzzer did not start")
        seeded = next((line for line in counts if "INITED" in line), counts[0])
        started, ended = (re.search(r"#(\d+).*cov: (\d+) ft: (\d+)", line) for line in (seeded, counts[-1]))
        assert started and ended
        suspects = sorted([*folder.glob("*.recipe"), *folder.glob("hung-*")])
        wrong = 0
        for path in suspects:
            why = again(path)
            wrong += bool(why)
            if why:
                print(f"{why}\n--- the recipe\n{path.read_text(encoding='utf-8', errors='replace')}")
        slowest = (folder / "slowest").read_text() if (folder / "slowest").exists() else "0"
        print(
            f"{int(ended[1]):,} executions in {taken:.0f} s; edges reached: {started[2]} by the seeds, {ended[2]} at the "
            f"end; features: {started[3]}, {ended[3]}; {wrong} went wrong, {len(suspects) - wrong} not confirmed; the "
            f"slowest took {slowest} s of processor time, instrumented"
        )
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
