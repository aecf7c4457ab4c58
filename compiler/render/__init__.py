"""Plan -> files: one module per kind of file that is generated."""

from smolc.compiler.render.files import files
from smolc.compiler.render.write import FolderRefused, edited, write

__all__ = ["FolderRefused", "edited", "files", "write"]
