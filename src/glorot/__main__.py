"""`python -m glorot`: the command line, where no script is on the path."""

from glorot.cli import main

if __name__ == "__main__":
    main()
