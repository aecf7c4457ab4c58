"""The language server: diagnostics, hover, completion, definitions, rename and formatting for editors."""
