"""Recipe text to tree: `read_source` and `parse`; `parse_value` and `parse_path` for `--set`."""

from smolc.compiler.syntax.parse import parse, parse_path, parse_value
from smolc.compiler.syntax.read import read_source, source_of

__all__ = ["parse", "parse_path", "parse_value", "read_source", "source_of"]
