"""Launcher for a checkout: `python cli.py train vae` is `zoo train vae`."""

from zoo.commands import main

if __name__ == "__main__":
    main()
