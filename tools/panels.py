"""Panels of a picture of samples, and their colours: rows as markers, as densities, as counts."""
import matplotlib.colors
import numpy as np

BINS = 120               # of the histogram of a single feature
FINE = 2                 # raster cells a pixel, each way
GREY = (0.72, 0.72, 0.72)


# --- colours ------------------------------------------------------------------------------------

def make_palette(n_clusters):
    """RGB [n_clusters + 1]: one for each cluster, and last, so at index -1, the grey."""
    distinct = ["#3b75af", "#e1812c", "#3a923a", "#c03d3e", "#8d69b8", "#1aa6b7", "#d684bd",
                "#b59b1c", "#84584e"]
    if n_clusters <= len(distinct):
        colours = [matplotlib.colors.to_rgb(name) for name in distinct[:n_clusters]]
    else:
        # Hues a golden ratio apart never meet; three strengths keep the near ones apart.
        number = np.arange(n_clusters)
        colours = matplotlib.colors.hsv_to_rgb(np.stack([
            number * 0.6180339887 % 1, np.choose(number % 3, [0.85, 0.6, 0.75]),
            np.choose(number % 3, [0.75, 0.85, 0.55])], axis=1))
        brightness = colours @ [0.30, 0.59, 0.11]
        colours *= np.minimum(1, 0.5 / brightness)[:, None]  # white numbers stay legible on them
    return np.vstack([colours, GREY])


# --- panels of samples: add() takes each piece, draw() ends ------------------------------------

class Markers:
    """Two features of few samples, each drawn as a marker."""

    def __init__(self, axes, pair, palette):
        self.axes, self.pair, self.palette = axes, pair, palette

    def add(self, values, labels):
        x, y = values[:, self.pair].T
        for part, order in ((labels < 0, 1), (labels >= 0, 2)):
            self.axes.scatter(x[part], y[part], c=self.palette[labels[part]], s=16, alpha=0.75,
                              linewidths=0, zorder=order)

    def draw(self):
        pass


class Density:
    """Two features of many samples: in each pixel the mean colour, the stronger the more rows."""

    def __init__(self, axes, pair, palette, ranges):
        self.axes, self.pair, self.palette, self.ranges = axes, pair, palette, ranges[pair]
        window = axes.get_window_extent()
        self.size = np.array([window.width, window.height], dtype=np.int64) * FINE
        n_cells = self.size.prod()
        self.layers = [(np.zeros(n_cells), np.zeros((3, n_cells))) for _ in range(2)]

    def add(self, values, labels):
        low, high = self.ranges.T
        with np.errstate(invalid="ignore"):
            place = (values[:, self.pair] - low) / (high - low)
            inside = ((place >= 0) & (place < 1)).all(axis=1)
        column, row = (place[inside] * self.size).astype(np.int64).T
        cell, labels = row * self.size[0] + column, labels[inside]
        for (counts, colours), part in zip(self.layers, (labels < 0, labels >= 0)):
            counts += np.bincount(cell[part], minlength=len(counts))
            for sums, shade in zip(colours, self.palette[labels[part]].T):
                sums += np.bincount(cell[part], shade, minlength=len(counts))

    def draw(self):
        image = np.ones((*self.size[::-1], 3))
        for counts, colours in self.layers:  # rows without a cluster lie below the others
            paint(image, counts.reshape(image.shape[:2]), colours)
        self.axes.imshow(image, origin="lower", aspect="auto", extent=self.ranges.ravel())


def paint(image, counts, colours):
    """Lay a layer over the image; its opacity and depth go with the logarithm of the counts."""
    weight = spread(counts)
    if not weight.any():
        return
    strength = np.log1p(weight) / np.log1p(np.quantile(weight[weight > 0], 0.995))
    strength = np.clip(strength, 0, 1)
    opacity = 0.4 * np.minimum(weight, 1) + 0.6 * strength
    depth = (1 - 0.3 * strength ** 2) / np.maximum(weight, 1e-9)
    for channel, sums in enumerate(colours):
        colour = spread(sums.reshape(weight.shape)) * depth
        image[..., channel] += opacity * (colour - image[..., channel])
    np.clip(image, 0, 1, out=image)


def spread(values):
    """Widen each cell to a round dot, or a lonely star would not be seen."""
    padded = np.pad(values, 2)
    rows, columns = values.shape
    total = np.zeros(values.shape)
    for i, j in np.ndindex(5, 5):
        square = (i - 2) ** 2 + (j - 2) ** 2
        if square <= 5:
            total += np.exp(-square / 3.5) * padded[i:i + rows, j:j + columns]
    return total


class Histogram:
    """A single feature: the number of rows of each cluster along it."""

    def __init__(self, axes, palette, ranges):
        self.axes, self.palette = axes, palette
        self.edges = np.linspace(*ranges[0], BINS + 1)
        self.counts = np.zeros((len(palette) - 1, BINS), dtype=np.int64)

    def add(self, values, labels):
        place = np.searchsorted(self.edges, values[:, 0], side="right") - 1
        inside = (place >= 0) & (place < BINS) & (labels >= 0)
        flat = labels[inside].astype(np.int64) * BINS + place[inside]
        self.counts += np.bincount(flat, minlength=self.counts.size).reshape(self.counts.shape)

    def draw(self):
        for counts, colour in zip(self.counts, self.palette):
            self.axes.stairs(counts, self.edges, fill=True, color=colour, alpha=0.55)
            self.axes.stairs(counts, self.edges, color=colour, linewidth=1)
        self.axes.set_ylim(0, 1.12 * self.counts.max())
