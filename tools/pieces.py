"""Reading a file in pieces: how large they are, and what goes wrong."""
import collections
import errno
import warnings

from astropy.io.registry import IORegistryError

from command import DATA, Failure, reason

PIECE_BYTES = 4 << 20  # parsing takes some ten times as much

# What an import was told: texts that stand for missing values, in all columns (None) or one, by
# pairs; which HDU; which table of HDF5, and whether it is transposed; columns that are needed, or
# None for all.
Request = collections.namedtuple("Request", "missing hdu dataset is_transposed wanted",
                                 defaults=((), None, None, False, None))


def read_table(where, read):
    """What read() gives, and its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            return read(), caught
        except Failure:
            raise
        except IORegistryError as error:
            raise Failure(DATA, f"unknown format ({where}): neither its name nor its content "
                                "tells; name it .fits, .vot, .csv (columns separated by commas), "
                                ".ecsv, .h5 or .dat after what it is") from error
        except Exception as error:  # the readers raise nearly every type there is
            # A seek to where no file can end is the fault of what the file announces.
            if isinstance(error, MemoryError) or getattr(error, "errno", None) not in (None, errno.EINVAL):
                raise
            raise Failure(DATA, f"cannot read the table ({where}): {reason(error)}; "
                                "the file may be damaged or not what its name says") from error
