"""The runtime: runs a compiled folder. It reads only what the compiler wrote and never imports the compiler."""
