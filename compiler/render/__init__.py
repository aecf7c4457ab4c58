"""Plan -> files: one module per kind of file that is generated."""

from smolc.compiler.render.files import files
from smolc.compiler.render.write import FolderRefused, write

__all__ = ["FolderRefused", "files", "write"]
