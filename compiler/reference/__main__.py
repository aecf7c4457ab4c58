"""`python -m smolc.compiler.reference [FOLDER]`: writes the language reference into docs/reference, or FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path

from smolc.compiler.diagnostics.types import Refused
from smolc.compiler.reference.pages import pages
from smolc.compiler.syntax.write import write_text


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0] if arguments else "docs/reference")
    if len(arguments) > 1 or not folder.is_dir():
        print(f"there is no folder {folder}; start this in the repository, or name one", file=sys.stderr)
        return 2
    try:
        for name, text in pages().items():
            path = folder / name
            if not path.is_file() or path.read_bytes() != text.encode():
                write_text(path, text)
                print(f"wrote {path}")
    except Refused as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
