"""Tables in text: CSV files in pieces, and the text format `.dat` of the course "AI for Astrophysics".

A piece of a CSV file below the line of names is a CSV file, so astropy reads them one by one."""
import contextlib
import gzip
import os
import re
import zlib

import numpy as np
from astropy.io import ascii as astropy_ascii

import ecsv
import pieces
from command import DATA, Failure, reason, warn
from pieces import read_table

# `null` is how the Gaia archive writes a missing value.
MISSING_TEXTS = [("", "0"), ("null", "0")]
WIDE_LINE, LEAST_ROWS = 1 << 17, 32  # bytes of a line of names; rows of a piece below it
GZIP = b"\x1f\x8b"
SEPARATORS = ((";", "semicolons"), ("\t", "tabs"), ("|", "bars"), (" ", "blanks"))
# NUL, at which astropy ends a text, and all at which it ends a line, though only \n and \r\n do.
UNREADABLE = re.compile(rb"[\0\x0b\x0c\x1c-\x1e]|\xc2\x85|\xe2\x80[\xa8\xa9]|\r(?!\n)")


@contextlib.contextmanager
def opened(path):
    """The bytes of a text, unpacked if gzip has packed it, and which share of the file is read."""
    with open(path, "rb") as stored:
        size, is_packed = os.path.getsize(path), stored.read(len(GZIP)) == GZIP
        stored.seek(0)
        with gzip.GzipFile(fileobj=stored) if is_packed else contextlib.nullcontext(stored) as file:
            try:
                yield file, lambda: stored.tell() / size
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise Failure(DATA, f"damaged gzip file ({path}): {reason(error)}; copy it "
                                    "again") from error


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
    with opened(path) as (file, _):
        while piece := file.readlines(pieces.PIECE_BYTES):
            check_bytes(path, b"".join(piece), line)
            line += len(piece)


def read_ecsv_header(path):
    with opened(path) as (file, _):
        return ecsv.read_header(path, file)


def is_number(text):
    with contextlib.suppress(ValueError):
        return float(text.strip('" ')) is not None
    return False


def warn_of_names(path):
    """Of a first line that looks like a row, or like one of another format."""
    with opened(path) as (file, _):
        while (line := file.readline(WIDE_LINE)) and not line.strip():
            pass
    text = line.decode("utf-8", "replace").strip("#\ufeff \r\n")
    fields = text.split(",")
    found = [name for sign, name in SEPARATORS if sign in text]
    if text and all(map(is_number, fields)) and fields != list(map(str, range(len(fields)))):
        warn(f"numbers for names ({path}): the first line gives the names of the columns, and has "
             "only numbers; if it is a row, put a line of names above it")
    elif found and '"' not in text and len(fields) == 1:
        warn(f"only one column ({path}): its first line has {found[0]}, and columns are separated "
             "by commas; if it has several, write commas")


def csv_reader(path, request, names=(), words=(), header=None):
    """Columns named in `words`, out of all these `names`, are read as text: a first row, which is
    removed again, has a word for each of them. `header`: that of an ECSV file."""
    if header:
        names, words = [each["name"] for each in header.columns], ecsv.texts(header)
    fill_values, words = missing_texts(request), set(words)
    first_row = ",".join("x" if name in words else "" for name in names) + "\n" if words else ""

    def parse(first, body):
        text = re.sub(r"\A(\s*)#\s*", r"\1", first.decode("utf-8-sig"))  # as np.savetxt writes it
        table = astropy_ascii.read(text + first_row + body.decode("utf-8"), format="csv",
                                   guess=False, fill_values=fill_values)
        table = table[1:] if words else table
        return ecsv.as_declared(table, header) if header else \
            {name: table[name] for name in table.colnames}

    def read():
        first, line = None, header.lines + 1 if header else 1
        for share, piece in whole_lines(path, header.bytes if header else 0):
            if first is None:
                first, piece = split_header(piece)
                check_bytes(path, first, line)
                line += first.count(b"\n")
            check_bytes(path, piece, line)
            last = line + piece.count(b"\n")
            where = f"{path}, lines {line} to {last}" if share < 1 or line > 2 else path
            columns, caught = read_table(where, lambda: parse(first, piece))
            yield share, columns, caught
            line = last

    return read


def whole_lines(path, start):
    """Pieces of a text file from a byte on, cut between rows: a line break within quotes is none."""
    rest = b""
    with opened(path) as (file, share):
        file.seek(start)
        piece = max(pieces.PIECE_BYTES, wide_piece(file, start))
        block = file.read(piece)
        while following := file.read(piece):
            rest += block
            end = rest.rfind(b"\n") + 1
            while end and rest.count(b'"', 0, end) % 2:
                end = rest.rfind(b"\n", 0, rest.rfind(b'"', 0, end)) + 1
            if end:
                yield min(share(), 0.99), rest[:end]
                rest = rest[end:]
            block = following
    if rest + block:
        yield 1, rest + block


def wide_piece(file, start):
    """A piece of a table of very many columns has some rows, since each costs some work a column."""
    first = file.readline()
    while first and not first.strip():
        first = file.readline()
    file.seek(start)
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
