"""What scikit-learn asks of every estimator, by its own classes where it is installed."""
from __future__ import annotations

import inspect

try:
    from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin
    from sklearn.exceptions import ConvergenceWarning, NotFittedError
except ImportError:
    class BaseEstimator:  # type: ignore[no-redef]
        """Parameters are the arguments of __init__, which keeps them as they are."""

        def get_params(self, deep: bool = True) -> dict:
            names = inspect.signature(type(self).__init__).parameters
            return {name: getattr(self, name) for name in names if name != "self"}

        def set_params(self, **params):
            for name, value in params.items():
                if name not in self.get_params():
                    raise ValueError(f"Invalid parameter {name!r} for estimator {self}. Valid "
                                     f"parameters are: {list(self.get_params())}.")
                setattr(self, name, value)
            return self

        def __repr__(self) -> str:
            defaults = inspect.signature(type(self).__init__).parameters
            said = [f"{name}={value!r}" for name, value in self.get_params().items()
                    if value is not defaults[name].default]
            return f"{type(self).__name__}({', '.join(said)})"

    class ClusterMixin:  # type: ignore[no-redef]
        pass

    class TransformerMixin:  # type: ignore[no-redef]
        pass

    class ConvergenceWarning(UserWarning):  # type: ignore[no-redef]
        pass

    class NotFittedError(ValueError, AttributeError):  # type: ignore[no-redef]
        pass

__all__ = ["BaseEstimator", "ClusterMixin", "TransformerMixin", "ConvergenceWarning",
           "NotFittedError"]
