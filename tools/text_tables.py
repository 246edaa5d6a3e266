"""Tables in text: CSV files in pieces, and the course's text format `.dat`.

A piece of a CSV file below the line of names is a CSV file, so astropy reads them one by one."""
import os
import re

import numpy as np
from astropy.io import ascii as astropy_ascii

import pieces
from command import DATA, Failure, reason
from pieces import read_table

# `null` is how the Gaia archive writes a missing value.
MISSING_TEXTS = [("", "0"), ("null", "0")]
WIDE_LINE, LEAST_ROWS = 1 << 17, 32  # bytes of a line of names; rows of a piece below it
# NUL, at which astropy ends a text, and all at which it ends a line, though only \n and \r\n do.
UNREADABLE = re.compile(rb"[\0\x0b\x0c\x1c-\x1e]|\xc2\x85|\xe2\x80[\xa8\xa9]|\r(?!\n)")


def missing_texts(request):
    """As astropy takes them, with those of --missing-value as they are written."""
    return MISSING_TEXTS + [(text, "0") if column is None else (text, "0", column)
                            for column, text in request.missing]


def check_bytes(path, piece, line):
    """Text that astropy reads as it is; `line` is the number of its first line."""
    found = UNREADABLE.search(piece)
    if found:
        line += piece.count(b"\n", 0, found.start())
        raise Failure(DATA, f"unreadable text ({path}, line {line}): the character "
                            f"0x{found[0].hex()} would move values to other rows; remove it, or "
                            "end lines with \\n alone")
    try:
        piece.decode("utf-8")
    except UnicodeDecodeError as error:
        line += piece.count(b"\n", 0, error.start)
        raise Failure(DATA, f"unreadable text ({path}, line {line}): the byte "
                            f"0x{piece[error.start]:02x} is no UTF-8; convert the file, as with "
                            "iconv -f latin1 -t utf-8") from error


def check_text(path):
    """The same of a whole file."""
    line = 1
    with open(path, "rb") as file:
        while piece := file.readlines(pieces.PIECE_BYTES):
            check_bytes(path, b"".join(piece), line)
            line += len(piece)


def csv_reader(path, request, names=(), words=()):
    """Columns named in `words`, out of all these `names`, are read as text: a first row, which is
    removed again, has a word for each of them."""
    fill_values, words = missing_texts(request), set(words)
    first_row = ",".join("x" if name in words else "" for name in names) + "\n" if words else ""

    def parse(header, body, where):
        text = header.decode("utf-8-sig") + first_row + body.decode("utf-8")
        table = astropy_ascii.read(text, format="csv", guess=False, fill_values=fill_values)
        return table[1:] if words else table

    def read():
        header, line = None, 1
        for share, piece in whole_lines(path):
            if header is None:
                header, piece = split_header(piece)
                line += header.count(b"\n")
            check_bytes(path, header if line == 1 + header.count(b"\n") else b"", 1)
            check_bytes(path, piece, line)
            last = line + piece.count(b"\n")
            where = f"{path}, lines {line} to {last}" if share < 1 or line > 2 else path
            table, caught = read_table(where, lambda: parse(header, piece, where))
            yield share, {name: table[name] for name in table.colnames}, caught
            line = last

    return read


def whole_lines(path):
    """Pieces of a text file, cut between rows: a line break within quotes is none."""
    size, rest = os.path.getsize(path), b""
    with open(path, "rb") as file:
        piece = max(pieces.PIECE_BYTES, wide_piece(file))
        while block := file.read(piece):
            rest += block
            end = rest.rfind(b"\n") + 1
            while end and rest.count(b'"', 0, end) % 2:
                end = rest.rfind(b"\n", 0, rest.rfind(b'"', 0, end)) + 1
            if end and file.tell() < size:
                yield file.tell() / size, rest[:end]
                rest = rest[end:]
    if rest:
        yield 1, rest


def wide_piece(file):
    """A piece of a table of very many columns has some rows, since each costs some work a column."""
    first = file.readline()
    while first and not first.strip():
        first = file.readline()
    file.seek(0)
    return LEAST_ROWS * len(first) if len(first) > WIDE_LINE else 0


def split_header(piece):
    """The line of names with blank ones before it, and the rest; for astropy it is one line."""
    end = 0
    while end < len(piece) and not piece[:end].strip():
        end = piece.find(b"\n", end) + 1 or len(piece)
    return piece[:end] if piece[:end].endswith(b"\n") else piece[:end] + b"\n", piece[end:]


# --- the course's text format -------------------------------------------------------------------

def read_dat(path):
    """The course's text format: `n_features n_rows`, then one line a feature.

    Memory follows the length of the file, never the counts it claims.
    """
    with open(path, encoding="ascii", errors="replace") as lines:
        n_features, n_rows = dat_counts(lines.readline(), path)
        features = [dat_feature(line, number, n_rows, path)
                    for number, line in enumerate(lines, 2) if line.strip()]
    if len(features) != n_features:
        raise Failure(DATA, f"wrong number of lines ({path}): {len(features)} after the first, "
                            f"which announces {n_features} features; "
                            "the file may be cut short or be another format")
    names = "xyz" if n_features <= 3 else [f"x{i}" for i in range(n_features)]
    return dict(zip(names, features))


def dat_counts(line, path):
    words = line.split()
    if len(words) != 2 or not all(re.fullmatch("[0-9]{1,18}", word) for word in words):
        raise Failure(DATA, f"bad first line ({path}): it is not `n_features n_rows`; "
                            "other text formats need another file name, such as .csv")
    return int(words[0]), int(words[1])


def dat_feature(line, number, n_rows, path):
    words = line.split()
    if len(words) != n_rows:
        raise Failure(DATA, f"wrong number of values ({path}, line {number}): {len(words)}, but "
                            f"the first line announces {n_rows} rows; the file may be cut short")
    try:
        return np.array(words, dtype=np.float64)
    except ValueError as error:
        raise Failure(DATA, f"not a number ({path}, line {number}): {reason(error)}; "
                            "write a missing value as nan") from error
