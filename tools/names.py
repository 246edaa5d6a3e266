"""Names and texts as the formats of exports, and LaTeX, can hold them.

What a format has no place for is written as Python writes it in a text: `\\xb0`, `\\u2028`."""
import re

from command import UNPRINTABLE, warn

FITS_LENGTH = 68  # of a text between quotes in a card; a reserved keyword has no CONTINUE
NAME_BYTES = 127  # of a column, for skymeans (KM_NAME_SIZE in catalogue.h)

# What no text may have in XML 1.0, that ends a line for some reader, or that a terminal obeys.
ODD = re.compile(f"{UNPRINTABLE.pattern}|[\ufffe\uffff]")
# astropy takes a text like `a: 0` for a number with a name of its own.
NOT_FITS = re.compile("[^\x20-\x7e]|:(?= )")
# In a value a line break is one; a carriage return without one would be taken for one.
ODD_VALUE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]"
                       "|\r(?!\n)")
EDGES = re.compile("^ | $")  # blanks that readers take away
# What is a command in LaTeX, or in its usual font another sign.
LATEX = str.maketrans({**{sign: f"\\{sign}" for sign in "&%$#_{}"}, **{
    sign: f"\\text{name}{{}}" for sign, name in {
        "\\": "backslash", "~": "asciitilde", "^": "asciicircum", "<": "less", ">": "greater",
        "|": "bar"}.items()}})


def escape(text, odd):
    return odd.sub(lambda found: "".join(map(escape_letter, found[0])), text)


def escape_letter(letter):
    number = ord(letter)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def escape_latex(text):
    return escape(text, ODD).translate(LATEX)


def written_names(names, is_fits=False, end=""):
    """Names as they are written, with room for an end: no two are equal, and those that differ from
    what they were are told."""
    odd, found, taken = NOT_FITS if is_fits else ODD, [], set()

    def is_short(text):
        return not is_fits or is_fits_text(text + end)

    for name in names:
        written = escape(escape(name, odd), EDGES) or "_"
        written = make_unique(written, taken, is_short)
        taken.add(written)
        if written != name:
            warn(f"column renamed ({name}): {written}, since the format has no place for its name")
        found.append(written)
    return found


def make_unique(name, taken, is_short):
    """The name, or its beginning with a number."""
    if is_short(name) and name not in taken:
        return name
    for number in range(1, len(taken) + 2):
        end = f"~{number}"
        start = name
        while not is_short(start + end):
            start = start[:-1]
        if start + end not in taken:
            return start + end
    raise AssertionError("one of so many names is free")


def fits_into(text, length):
    """A quote takes two letters in FITS."""
    return len(text) + text.count("'") <= length


def is_fits_text(text):
    return fits_into(text, FITS_LENGTH)


def is_skymeans_name(text):
    return len(text.encode("utf-8", "surrogateescape")) <= NAME_BYTES
