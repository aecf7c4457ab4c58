"""`python -m smolc.compiler.cli`: the same as `smolc`."""

from smolc.compiler.cli.main import main

main()
