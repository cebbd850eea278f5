"""`python -m latentclr`."""

from latentclr.cli import main

main()
