"""The centers of patches on the sky as TreeCorr reads them (patch_centers): number and unit vector."""
import io

import numpy as np
from astropy.table import Table

from catalogue import reading
from command import DATA, Failure

FORMATS = ("fits", "fit", "txt", "dat")


def write_patch_centers(result, extension, file):
    if "sky" not in result.file or result.centers is None or result.centers.shape[1] < 3:
        raise Failure(DATA, f"no patches on the sky ({result.path}): the result has no /sky; run the "
                            "fit with --sky RA,DEC")
    with reading(result.path):
        x, y, z = result.centers[:, :3].T
    patches = np.arange(len(x))
    if extension in ("fits", "fit"):
        content = io.BytesIO()
        Table({"patch": patches, "x": x, "y": y, "z": z}).write(content, format="fits")
        file.write(content.getvalue())
    else:
        lines = [f"{patch} {' '.join(repr(float(part)) for part in at)}"
                 for patch, *at in zip(patches, x, y, z)]
        file.write("\n".join(["# patch x y z", *lines, ""]).encode())
    return len(x), 4
