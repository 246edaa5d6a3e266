"""Whether rows can be fitted, and whether they are like those of the fit; in scikit-learn's words,
which its users and tests know."""
from __future__ import annotations

import warnings
from typing import Any, Optional

from .parameters import NotFittedError, of_sklearn
from .rows import Rows

MOST_NAMES = 5  # in a message


def check_rows(rows: Rows, fewest: int) -> None:
    n, d = rows.shape
    if d == 0:
        raise ValueError(f"Found array with 0 feature(s) (shape={rows.shape}) while a minimum of 1 is "
                         "required.")
    if n == 0 and fewest > 0:
        raise ValueError(f"Found array with 0 sample(s) (shape={rows.shape}) while a minimum of 1 is "
                         "required.")
    if n < fewest:
        raise ValueError(f"n_samples={n} should be >= n_clusters={fewest}.")


def check_fitted(estimator: Any) -> None:
    if not hasattr(estimator, "_model"):  # centers may have been put there
        name = type(estimator).__name__
        raise of_sklearn(NotFittedError)(f"This {name} instance is not fitted yet. Call 'fit' with "
                                         "appropriate arguments before using this estimator.")


def check_alike(estimator: Any, rows: Rows) -> None:
    """The rows have the features of the fit."""
    name = type(estimator).__name__
    _check_names(name, getattr(estimator, "feature_names_in_", None), rows.names)
    if rows.shape[1] != estimator.n_features_in_:
        raise ValueError(f"X has {rows.shape[1]} features, but {name} is expecting "
                         f"{estimator.n_features_in_} features as input.")


def _check_names(name: str, fitted: Optional[Any], given: Optional[list]) -> None:
    if fitted is None and given is None:
        return
    if fitted is None:
        warnings.warn(f"X has feature names, but {name} was fitted without feature names",
                      stacklevel=4)
    elif given is None:
        warnings.warn(f"X does not have valid feature names, but {name} was fitted with feature names",
                      stacklevel=4)
    elif list(fitted) != given:
        raise ValueError(_difference(list(fitted), given))


def _difference(fitted: list, given: list) -> str:
    text = "The feature names should match those that were passed during fit.\n"
    unseen, absent = sorted(set(given) - set(fitted)), sorted(set(fitted) - set(given))
    if unseen:
        text += "Feature names unseen at fit time:\n" + _list(unseen)
    if absent:
        text += "Feature names seen at fit time, yet now missing:\n" + _list(absent)
    if not unseen and not absent:
        text += "Feature names must be in the same order as they were in fit.\n"
    return text


def _list(names: list) -> str:
    more = ["..."] if len(names) > MOST_NAMES else []
    return "".join(f"- {name}\n" for name in names[:MOST_NAMES] + more)
