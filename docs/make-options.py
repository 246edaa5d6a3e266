#!/usr/bin/env python3
"""Makes docs/options.md from what the program prints for `COMMAND --help`.

The option table in src/command/option_table.c is the only place where options are described: --help
prints it, and this script turns what is printed into tables. `make docs` runs it.
"""
import argparse
import os
import re
import subprocess
import sys
import textwrap

DOCS = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(DOCS)
BINARY = os.path.join(ROOT, os.environ.get("BUILD", "build"), "skymeans")
WIDTH = 110  # of the lines of paragraphs

INTRODUCTION = """# All options

<!-- Made by `make docs` from --help: edit src/command/option_table.c instead. -->

`skymeans COMMAND --help` prints the same on a terminal. The name of an option that begins with
two dashes is written in full, and its value may follow after a blank or an equals sign. `--` ends the options: what follows are names of files.

[own-catalogue.md](own-catalogue.md) explains when to use which.
"""

OPTION = re.compile(r"^ {2}(?:(-\w), | {4})(--[\w-]+)((?:\[=\w+\])| \S+)?(?: +(\S.*))?$")
DEFAULT = re.compile(r"^(.*) \[([^][]+)\]$")


def print_help(*command):
    return subprocess.run([BINARY, *command, "--help"], check=True, capture_output=True,
                          text=True).stdout


def list_commands():
    """Those of the help that have options of their own: its first list."""
    listed = re.search(r"^Commands.*\n((?:  .*\n)+)", print_help(), re.MULTILINE).group(1)
    return re.findall(r"^  ([a-z]+) ", listed, re.MULTILINE)


def wrap(paragraph):
    return textwrap.fill(" ".join(paragraph.split()), WIDTH)


def read_options(lines):
    """(how it is written, what it does) of each option; long texts go on in deeper lines."""
    options = []
    for line in lines:
        found = OPTION.match(line)
        if found:
            letter, name, argument, text = found.groups()
            written = f"`{name}{argument or ''}`"
            options.append([f"`{letter}`, {written}" if letter else written, text or ""])
        elif options:
            options[-1][1] = f"{options[-1][1]} {line.strip()}".strip()
    return options


def render_option(written, text):
    """A row of the table: the default, which --help has in brackets, gets a column of its own."""
    found = DEFAULT.match(text)
    text, default = found.groups() if found else (text, "")
    cells = written, f"`{default}`" if default else "", text
    return "| " + " | ".join(cell.replace("|", "\\|").replace("*", "\\*") for cell in cells) + " |"


def render_command(command):
    """The section of a command."""
    usage, rest = print_help(command).split("\n\n", 1)
    purpose, rest = re.split(r"^Options.*:$", rest, maxsplit=1, flags=re.MULTILINE)
    options, tail = rest.lstrip("\n").split("\n\n", 1)
    example, codes = tail.split("\n\n", 1)
    lines = [f"## skymeans {command}", "", "    " + usage.removeprefix("Usage: "), "",
             wrap(purpose), "", "| option | default | what it does |", "|---|---|---|",
             *(render_option(*option) for option in read_options(options.split("\n"))), "",
             "Example:", "", "    " + example.split("\n", 1)[1].strip(), "", wrap(codes)]
    return "\n".join(lines) + "\n"


def render():
    return "\n".join([INTRODUCTION, *map(render_command, list_commands())])


def main():
    parser = argparse.ArgumentParser(description="make the page of options from --help")
    parser.add_argument("file", nargs="?", default=os.path.join(DOCS, "options.md"),
                        help="default: docs/options.md")
    with open(parser.parse_args().file, "w", encoding="utf-8") as file:
        file.write(render())


if __name__ == "__main__":
    sys.exit(main())
