"""What verbose=1 prints, in the words of scikit-learn."""
from __future__ import annotations

from . import library


class Progress:
    def __init__(self):
        self.shift = 0.0

    def __call__(self, event: library.Event) -> None:
        if event.kind == library.ITERATED:
            done = event.iteration.contents
            if done.number == 1:
                print("Initialization complete")
            self.shift = done.shift
            print(f"Iteration {done.number - 1}, inertia {done.inertia}.")

    def end(self, reason: str, n_iterations: int) -> None:
        if reason == "no change":
            print(f"Converged at iteration {n_iterations - 1}: strict convergence.")
        elif reason == "tolerance":
            print(f"Converged at iteration {n_iterations - 1}: center shift {self.shift} within "
                  "tolerance.")
