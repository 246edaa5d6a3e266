"""The centers of patches on the sky as TreeCorr reads them (patch_centers): number and unit vector."""
import numpy as np

from catalogue import reading
from command import DATA, Failure
from few_rows import FewRows
from formats import write_fits


def make_patch_centers(result, _):
    if "sky" not in result.file or result.centers is None or result.centers.shape[1] < 3:
        raise Failure(DATA, f"no patches on the sky ({result.path}): the result has no /sky; run the "
                            "fit with --sky RA,DEC")
    with reading(result.path):
        x, y, z = result.centers[:, :3].T
    return FewRows([("patch", np.arange(len(x)), None), ("x", x, None), ("y", y, None),
                    ("z", z, None)])


def write_text(file, table):
    lines = [f"{patch} {' '.join(repr(float(part)) for part in at)}"
             for patch, *at in zip(*table.values)]
    file.write("\n".join(["# patch x y z", *lines, ""]).encode())


WRITERS_OF_PATCHES = {"fits": write_fits, "fit": write_fits, "txt": write_text, "dat": write_text}
