"""Fits and predictions by the library, with what they give as NumPy arrays."""
from __future__ import annotations

import contextlib
import ctypes
import functools
import signal
import threading
from ctypes import byref
from dataclasses import dataclass, replace
from typing import Any, Callable, Iterator, Optional

import numpy as np

from . import library
from .ranks import Ranks
from .rows import Rows

Observer = Callable[[library.Event], None]


@dataclass
class Model:
    """All that turns rows into labels: a value x of feature j is compared as
    (x - offset[j]) * factor[j] * 2^-exponent, in `dtype`, with `working_centers` [k][d]. `prices` [k]
    are added to squared distances, which are after scaling; None: 0. `numbers` [k] are those that the
    clusters had in the fit, if they have others now: they decide ties."""
    working_centers: np.ndarray
    offset: np.ndarray
    factor: np.ndarray
    exponent: int
    scale: str
    dtype: np.dtype
    prices: Optional[np.ndarray] = None
    numbers: Optional[np.ndarray] = None

    def with_centers(self, centers: np.ndarray) -> Model:
        """The same with other centers [k][d], in the units of the features."""
        working = np.ldexp((centers - self.offset) * self.factor, -self.exponent)
        return replace(self, working_centers=working)


@dataclass
class Answer:
    """Of a fit. `centers` [k][d] in the units of the features; `labels` [n] of this rank's rows, -1
    where a value is missing; `history` [iterations], with the fields of skymeans_iteration."""
    centers: np.ndarray
    labels: np.ndarray
    history: np.ndarray
    model: Model
    summary: library.Summary


class Interrupts:
    """The functions that a fit calls, so that it ends soon and cleanly after Ctrl-C, or when the
    observer fails. Python runs handlers of signals when a fit calls back."""

    def __init__(self, observer: Optional[Observer]):
        self.observer, self.is_asked = observer, False
        self.raised: Optional[BaseException] = None
        self.control = library.Control(wants_stop=library.WantsStop(self._wants_stop))
        if observer is not None:
            self.control.observe = library.Observe(self._observe)

    @contextlib.contextmanager
    def watched(self) -> Iterator[library.Control]:
        """Around the call. A handler set by the program is called afterwards."""
        before = signal.getsignal(signal.SIGINT)
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and callable(before):
            signal.signal(signal.SIGINT, self._ask)
        try:
            yield self.control
        finally:
            if is_main and callable(before):
                signal.signal(signal.SIGINT, before)
        if self.raised is not None:
            raise self.raised
        if self.is_asked and callable(before):
            before(signal.SIGINT, None)

    def _ask(self, number, frame):
        self.is_asked = True

    def _wants_stop(self, context):
        return self.is_asked or self.raised is not None

    def _observe(self, context, event):
        try:
            self.observer(event.contents)
        except BaseException as error:  # the caller's; it can't pass through the library
            self.raised = error


class Samples:
    """Rows that the library has copied into blocks. All fits of them must have the same scaling."""

    def __init__(self, rows: Rows, weights: Optional[np.ndarray], ranks: Ranks):
        self.n_rows, self.ranks, self.handle = rows.shape[0], ranks, library.Handle()
        library.try_call("samples_create", byref(self.handle), byref(rows.struct(weights)),
                         ranks.handle)

    def __enter__(self) -> Samples:
        return self

    def __exit__(self, *_) -> None:
        library.call("samples_free", self.handle)

    def fit(self, problem: library.Problem, manner: library.Manner,
            observer: Optional[Observer] = None) -> Answer:
        """Collective. KeyboardInterrupt on all ranks if one of them was interrupted."""
        with _freed() as answer:
            with Interrupts(observer).watched() as control:
                library.try_call("fit", byref(answer), byref(problem), self.handle, byref(manner),
                                 byref(control), self.ranks.handle)
            summary = _summary(answer)
            if summary.stop == library.WISH:
                raise KeyboardInterrupt("another rank was interrupted")
            k, d = summary.n_clusters, summary.n_features
            return Answer(_array(library.call("centers", answer), k, d), self._labels(answer),
                          _array(library.call("history", answer), summary.n_iterations),
                          _model(answer), summary)

    def predict(self, model: Model, manner: library.Manner) -> np.ndarray:
        """Labels [n], -1 where a value is missing. Collective."""
        with self._predicted(model, manner) as answer:
            return self._labels(answer)

    def measure(self, model: Model, manner: library.Manner) -> np.ndarray:
        """Distances [n] to the nearest centers, after scaling; NaN where a value is missing.
        Collective."""
        found = np.empty(self.n_rows)
        with self._predicted(model, manner) as answer:
            library.try_call("distances", answer, self.handle, found.ctypes.data)
        return found

    @contextlib.contextmanager
    def _predicted(self, model: Model, manner: library.Manner) -> Iterator[library.Handle]:
        with _freed() as fitted, _freed() as answer:
            library.try_call("answer_from_model", byref(fitted), byref(_model_struct(model)))
            library.try_call("predict", byref(answer), fitted, self.handle, byref(manner),
                             self.ranks.handle)
            yield answer

    def _labels(self, answer: library.Handle) -> np.ndarray:
        return _array(library.call("labels", answer), self.n_rows)


@contextlib.contextmanager
def _freed() -> Iterator[library.Handle]:
    """A place for an answer, which is freed at the end."""
    answer = library.Handle()
    try:
        yield answer
    finally:
        library.call("answer_free", answer)


def _array(pointer: Any, *shape: int) -> np.ndarray:
    """A copy of the library's numbers."""
    found = np.empty(shape, _type_of(pointer._type_))
    ctypes.memmove(found.ctypes.data, pointer, found.nbytes)
    return found


@functools.lru_cache(maxsize=None)
def _type_of(number: Any) -> np.dtype:
    """As an array of such numbers has it, which NumPy takes long to find out."""
    return np.asarray((number * 1)()).dtype


def _summary(answer: library.Handle) -> library.Summary:
    summary = library.Summary()
    library.call("summarize", answer, byref(summary))
    return summary


def _model(answer: library.Handle) -> Model:
    model = library.Model()
    library.call("model_of", answer, byref(model))
    k, d = model.n_clusters, model.n_features
    return Model(_array(model.working_centers, k, d), _array(model.offset, d),
                 _array(model.factor, d), model.exponent, model.scale.decode(),
                 np.dtype(np.float32 if model.type == library.FLOAT32 else np.float64))


def _model_struct(model: Model) -> library.Model:
    k, d = model.working_centers.shape
    struct = library.Model(n_clusters=k, n_features=d, exponent=model.exponent,
                           scale=model.scale.encode(),
                           type=library.FLOAT32 if model.dtype == np.float32 else library.FLOAT64)
    struct.point(working_centers=model.working_centers, offset=model.offset, factor=model.factor)
    for name in ("prices", "numbers"):
        if getattr(model, name) is not None:
            struct.point(**{name: getattr(model, name)})
    return struct
