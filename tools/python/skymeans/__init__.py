"""k-means for survey catalogues, by the library and the program of skymeans.

    import skymeans
    stars = skymeans.KMeans(12, scale="standard").fit(table)            # rows in memory
    classes = skymeans.fit("stars.h5", 12, columns=["b_v", "abs_mag"])  # rows in files
    classes = skymeans.open("classes.h5")                               # a result that is there
"""
from . import library as _library
from .estimator import KMeans
from .program import fit
from .result import Result, open

__version__ = _library.call("version").decode()
__all__ = ["KMeans", "Result", "fit", "open"]
