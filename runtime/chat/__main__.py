"""`python -m smolc.runtime.chat FOLDER [STAGE] [--checkpoint STEP] ...`: talk to a model of a compiled folder.

Reads prompts from the terminal, or one a line from a pipe. Ends with 0, with 1 if the model can't be loaded, with 2 if
there is no such folder, stage or checkpoint."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from contextlib import suppress
from pathlib import Path

from smolc.runtime.chat.find import Partner, Unknown, find
from smolc.runtime.chat.session import Session
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.manifest import BrokenFolder
from smolc.runtime.report.text import label
from smolc.runtime.train.environment import prepare_environment


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m smolc.runtime.chat", description="Talk to a model.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("stage", nargs="?")
    parser.add_argument("--checkpoint", type=int, metavar="STEP")
    parser.add_argument("--system")
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--top-p", type=float, default=0.95)
    parser.add_argument("--max-new", type=int, default=512)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    # What started this process may ignore Ctrl-C, and that is inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        context, partner = find(asked.folder, asked.stage, asked.checkpoint)
        return _chat(context, partner, asked)
    except JobError as error:
        error.tell()
        return 1
    except (BrokenFolder, Unknown) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _chat(context: Context, partner: Partner, asked: argparse.Namespace) -> int:
    prepare_environment()
    logging.getLogger("transformers").setLevel(logging.ERROR)
    from transformers.utils.logging import disable_progress_bar

    from smolc.runtime.chat.speaker import Sampling, Speaker

    disable_progress_bar()
    speaker = Speaker(context, partner, Sampling(asked.temperature, asked.top_p, asked.max_new), asked.seed)
    how = "greedy" if asked.temperature == 0 else f"temperature {asked.temperature:g}, top-p {asked.top_p:g}"
    print(f"{label(partner.name)} · template: {label(speaker.prompting.origin)} · {how} · /help", flush=True)
    if partner.old:
        print(f"({label(partner.name)} is not done, or of an older recipe than the folder)", flush=True)
    session = Session(speaker, asked.system)
    if not sys.stdin.isatty():
        for line in sys.stdin:
            print(f"> {label(line.rstrip())}", flush=True)
            if not session.take(line.rstrip("\r\n")):
                break
        return 0
    return _at_a_terminal(session)


def _at_a_terminal(session: Session) -> int:
    with suppress(ImportError):
        import readline  # noqa: F401  -- input() has a history then
    going = True
    while going:
        try:
            line = input("> ")
        except EOFError:
            print()
            return 0
        except KeyboardInterrupt:
            print("\n(/quit or Ctrl-D ends the chat)")
            continue
        try:
            going = session.take(line)
        except KeyboardInterrupt:  # between two answers
            print()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
