"""What scikit-learn asks of every estimator, without importing it: that takes a second, and on many
ranks the file system's time."""
from __future__ import annotations

import inspect
import sys
from typing import Any, Optional

import numpy as np


class Estimator:
    """Parameters are the arguments of __init__, which keeps them as they are."""
    _estimator_type = "clusterer"

    def allows_nan(self) -> bool:
        """May rows have missing values?"""
        raise NotImplementedError

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name; `deep` changes nothing."""
        return {name: getattr(self, name) for name in _defaults(type(self))}

    def set_params(self, **params: Any):
        """Sets parameters, and returns this object."""
        for name, value in params.items():
            if name not in _defaults(type(self)):
                raise ValueError(f"Invalid parameter {name!r} for estimator {self}. Valid parameters "
                                 f"are: {list(_defaults(type(self)))}.")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults = _defaults(type(self))
        said = [f"{name}={value!r}" for name, value in self.get_params().items()
                if type(value) is not type(defaults[name]) or value != defaults[name]]
        return f"{type(self).__name__}({', '.join(said)})"

    def set_output(self, *, transform: Optional[str] = None):
        """What `transform` gives: "default", an array, or "pandas", a DataFrame. Returns this object."""
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}  # which clone() copies
        return self

    def contained(self, found: np.ndarray, X: Any) -> Any:
        """An array [n][columns] about rows X as set_output() or scikit-learn's configuration says."""
        configured = getattr(sys.modules.get("sklearn"), "get_config", dict)()
        kind = getattr(self, "_sklearn_output_config", {}).get(
            "transform", configured.get("transform_output", "default"))
        if kind == "default":
            return found
        if kind != "pandas":
            raise ValueError(f"output config must be 'default' or 'pandas', got {kind}")
        import pandas

        return pandas.DataFrame(found, columns=self.get_feature_names_out(),
                                index=X.index if hasattr(X, "iloc") else None)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the columns that `transform` gives."""
        raise NotImplementedError

    def _more_tags(self) -> dict[str, Any]:
        return {"allow_nan": self.allows_nan()}

    def __sklearn_tags__(self) -> Any:
        """The same from scikit-learn 1.6 on."""
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(estimator_type="clusterer", target_tags=TargetTags(required=False),
                    transformer_tags=TransformerTags(), input_tags=InputTags(
                        allow_nan=self.allows_nan()))


def _defaults(kind: type) -> dict[str, Any]:
    """Of the parameters."""
    return {name: each.default for name, each in inspect.signature(kind).parameters.items()}


class NotFittedError(ValueError, AttributeError):
    """No fit has been made."""


class ConvergenceWarning(UserWarning):
    """There are fewer clusters than were asked for."""


def of_sklearn(ours: type) -> type:
    """Scikit-learn's own exception or warning of this name where it is in use, else ours."""
    return getattr(sys.modules.get("sklearn.exceptions"), ours.__name__, ours)
