"""VOTables: only what is in the file itself is read. A STREAM may name any file or address for its
rows, which astropy would open."""
import xml.parsers.expat

from astropy.io.votable import table as votable_table
from astropy.utils.data import get_readable_fileobj

from command import DATA, Failure

BLOCK = 1 << 20


def is_votable(path):
    """By its content, compressed or not, as astropy finds out."""
    try:
        with get_readable_fileobj(path, encoding="binary") as file:
            return b"VOTABLE" in file.read(1 << 16) or votable_table.is_votable(path)
    except Exception:  # whatever damaged content leads to
        return False


def check_inline(path):
    """Refuses rows that are elsewhere. Damage is left to astropy."""
    parser = xml.parsers.expat.ParserCreate()

    def start(name, attributes):
        names = {key.rpartition(":")[2].lower(): value for key, value in attributes.items()}
        if name.rpartition(":")[2].upper() == "STREAM" and "href" in names:
            raise Failure(DATA, f"rows elsewhere ({path}, line {parser.CurrentLineNumber}): they are "
                                f"in {names['href']}, and only those in the file itself are read; "
                                "import that file, or save the table with its rows")

    parser.StartElementHandler = start
    try:
        with get_readable_fileobj(path, encoding="binary") as file:
            while block := file.read(BLOCK):
                parser.Parse(block, False)
    except xml.parsers.expat.ExpatError:
        pass
