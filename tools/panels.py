"""Panels of a picture of samples, and their colours: rows as markers, as densities, as counts."""
import matplotlib.colors
import numpy as np

BINS = 120               # of the histogram of a single feature
CONTOUR_CELLS = 90       # each way, that contours are drawn from
CONTOUR_SHARES = (0.95, 0.68)  # of the rows of a cluster, within its contours
CONTOUR_CLUSTERS = 20    # more than these would be a tangle
SHAPES = "osD^vPX<>"     # of markers, so that clusters differ in print without colours
FINE = 2                 # raster cells a pixel, each way
GREY = (0.72, 0.72, 0.72)
INK, BLUE, ORANGE = "#30343b", "#0072B2", "#D55E00"  # of words and lines


# --- colours ------------------------------------------------------------------------------------

# Paul Tol's scheme "muted" (2021, personal.sron.nl/~pault), whose colours differ for colour-blind
# eyes as well, and for up to six clusters those of his colours that do so most.
SIX = ["#332288", "#EE6677", "#DDCC77", "#228833", "#88CCEE", "#AA4499"]
MUTED = ["#332288", "#CC6677", "#117733", "#DDCC77", "#88CCEE", "#882255", "#44AA99", "#999933",
         "#AA4499"]


def make_palette(n_clusters):
    """RGB [n_clusters + 1]: one for each cluster, and last, so at index -1, the grey."""
    named = next((scheme for scheme in (SIX, MUTED) if n_clusters <= len(scheme)), None)
    if named:
        colours = [matplotlib.colors.to_rgb(name) for name in named[:n_clusters]]
    else:
        # Hues a golden ratio apart never meet; three strengths keep the near ones apart.
        number = np.arange(n_clusters)
        colours = matplotlib.colors.hsv_to_rgb(np.stack([
            number * 0.6180339887 % 1, np.choose(number % 3, [0.85, 0.6, 0.75]),
            np.choose(number % 3, [0.75, 0.85, 0.55])], axis=1))
        colours *= np.minimum(1, 0.5 / brightness(colours))[:, None]  # so that they stand out
    return np.vstack([colours, GREY])


def brightness(colours):
    return np.asarray(colours) @ [0.30, 0.59, 0.11]


def letters_on(colour):
    """The colour of letters that are legible on another."""
    return "white" if brightness(colour) < 0.62 else "black"


def shape_of(cluster):
    """Of its markers; those of rows without a cluster are dots."""
    return SHAPES[cluster % len(SHAPES)] if cluster >= 0 else "."


# --- panels of samples: add() takes each piece, draw() ends; has_grey: rows without a cluster are seen

class Markers:
    """Two features of few samples, each drawn as a marker."""

    def __init__(self, axes, pair, palette, size=16):
        self.axes, self.pair, self.palette, self.size = axes, pair, palette, size
        self.has_grey = False

    def add(self, values, labels):
        x, y = values[:, self.pair].T
        self.has_grey |= bool(np.isfinite((x + y)[labels < 0]).any())
        for cluster in np.unique(labels):
            members = labels == cluster
            self.axes.scatter(x[members], y[members], color=[self.palette[cluster]], s=self.size,
                              marker=shape_of(cluster), alpha=0.75, linewidths=0, zorder=1 if cluster < 0 else 2)

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

    @property
    def has_grey(self):
        return bool(self.layers[0][0].any())

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


class Contours:
    """Two features of many samples: lines within which most rows of each cluster are."""

    has_grey = False

    def __init__(self, axes, pair, palette, ranges):
        self.axes, self.pair, self.palette, self.ranges = axes, pair, palette, ranges[pair]
        self.counts = np.zeros((len(palette) - 1, CONTOUR_CELLS, CONTOUR_CELLS))

    def add(self, values, labels):
        low, high = self.ranges.T
        with np.errstate(invalid="ignore"):
            place = (values[:, self.pair] - low) / (high - low)
            inside = ((place >= 0) & (place < 1)).all(axis=1) & (labels >= 0)
        column, row = (place[inside] * CONTOUR_CELLS).astype(np.int64).T
        cell = (labels[inside] * np.int64(CONTOUR_CELLS) + row) * CONTOUR_CELLS + column
        self.counts += np.bincount(cell, minlength=self.counts.size).reshape(self.counts.shape)

    def draw(self):
        grid = (np.arange(-1, CONTOUR_CELLS + 1) + 0.5) / CONTOUR_CELLS
        x, y = (low + grid * (high - low) for low, high in self.ranges)
        for counts, colour in zip(self.counts, self.palette):
            smooth = spread(np.pad(counts, 1))
            levels = contour_levels(smooth)
            if levels:
                self.axes.contour(x, y, smooth, levels=levels, colors=[0.62 * colour],
                                  linewidths=[0.6, 0.9][-len(levels):], zorder=3)


def contour_levels(counts):
    """Densities above which the shares of the rows are, in rising order."""
    falling = np.sort(counts[counts > 0])[::-1]
    if not len(falling):
        return []
    within = np.cumsum(falling) / falling.sum()
    levels = [falling[np.searchsorted(within, share)] for share in CONTOUR_SHARES]
    return sorted({level for level in levels if level < falling[0]})


class Histogram:
    """A single feature: the number of rows of each cluster along it."""

    has_grey = False

    def __init__(self, axes, palette, ranges, feature=0, n_bins=BINS):
        self.axes, self.palette, self.feature, self.n_bins = axes, palette, feature, n_bins
        self.edges = np.linspace(*ranges[feature], n_bins + 1)
        self.counts = np.zeros((len(palette) - 1, n_bins), dtype=np.int64)

    def add(self, values, labels):
        place = np.searchsorted(self.edges, values[:, self.feature], side="right") - 1
        inside = (place >= 0) & (place < self.n_bins) & (labels >= 0)
        flat = labels[inside].astype(np.int64) * self.n_bins + place[inside]
        self.counts += np.bincount(flat, minlength=self.counts.size).reshape(self.counts.shape)

    def draw(self):
        for counts, colour in zip(self.counts, self.palette):
            self.axes.stairs(counts, self.edges, fill=True, color=colour, alpha=0.55)
            self.axes.stairs(counts, self.edges, color=colour, linewidth=1)
        self.axes.set_ylim(0, 1.12 * self.counts.max())
