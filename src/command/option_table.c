/* The tables of all options. */
#include "base/threads.h"
#include "command/options.h"

#include <string.h>

static const char *const scalings[] = {"none", "standard", "minmax", "robust", NULL};
static const char *const balances[] = {"count", "weight", NULL};
static const char *const missings[] = {"drop", "error", NULL};
static const char *const verifications[] = {
    [KM_VERIFY_NOTHING] = "nothing", [KM_VERIFY_ALL] = "all", [KM_VERIFY_SAMPLE] = "sample", NULL};

static const char *const criteria[] = {"silhouette", "calinski-harabasz", "davies-bouldin",
                                       "stability", NULL};

#define AT(field) offsetof(km_options, field)

/* ---- options of several commands ------------------------------------------------------------- */

/* clang-format off */
#define DATASET                                                               \
    {"dataset", 'd', "PATH", KM_OPTION_TEXT, AT(inputs.table), 0, 0, NULL, NULL,   \
     "the table or two-dimensional array to use; 'coadd_*' joins all whose names match, in the " \
     "order of their names; needed only if several have the columns"}
#define ID                                                                    \
    {"id", 0, "COLUMN", KM_OPTION_TEXT, AT(inputs.ids), 0, 0, NULL, NULL,            \
     "copy this column of names or numbers to the result, as /ids, to join the labels with other " \
     "tables"}
#define MISSING                                                               \
    {"missing", 0, "WHAT", KM_OPTION_CHOICE, AT(problem.missing), 0, 0, missings, "drop", \
     "what happens to a row that lacks a feature (NaN, infinity, masked, a --missing-value): " \
     "'drop' leaves it out, with label -1, 'error' ends the run"}
#define MISSING_VALUE                                                         \
    {"missing-value", 0, "V", KM_OPTION_TEXTS, AT(missing_values), 0, 0, NULL, NULL, \
     "this number stands for a missing value in all features, or in one: b_v:-99; may be given " \
     "several times"}
#define WHERE                                                                 \
    {"where", 0, "EXPRESSION", KM_OPTION_TEXT, AT(inputs.where), 0, 0, NULL, NULL, \
     "use only the rows where this is true, as 'parallax/parallax_error > 10 && phot_g < 18'; the " \
     "others get label -1, also those where it can't be decided since a value is missing"}
#define FOLLOW_EXTERNAL                                                       \
    {"follow-external", 0, NULL, KM_OPTION_FLAG, AT(inputs.follows_external), 0, 0, NULL, NULL, \
     "also read files outside of the catalogue's folder, if the catalogue refers to them (HDF5's " \
     "external links and external storage)"}
#define TRANSPOSE                                                             \
    {"transpose", 0, NULL, KM_OPTION_FLAG, AT(inputs.is_transposed), 0, 0, NULL, NULL,   \
     "samples are the columns of a two-dimensional array, as MATLAB, R and Fortran write it, not " \
     "its rows"}
#define THREADS                                                               \
    {"threads", 0, "N", KM_OPTION_INT, AT(manner.threads), 1, KM_MAX_THREADS, NULL, NULL, \
     "OpenMP threads per rank (MPI process); default: OMP_NUM_THREADS, else the cores that " \
     "the rank may use, divided among the ranks that share them; never changes the result"}
#define SCRATCH                                                               \
    {"scratch", 0, "DIR[:DIR...]", KM_OPTION_TEXT, AT(scratch), 0, 0, NULL, NULL, \
     "keep the rows in files there, on local disks of the nodes, so that a catalogue may be larger " \
     "than memory; never changes the result (docs/memory.md)"}
#define MPI_HINTS                                                             \
    {"mpi-info", 0, "KEY=VALUE", KM_OPTION_HINTS, AT(hints), 0, 0, NULL, NULL,   \
     "a hint for MPI-IO, by which one catalogue file is read, as romio_ds_read=disable; may be " \
     "given several times; never changes the result (docs/clusters.md)"}
#define METRICS                                                               \
    {"metrics", 0, "FILE", KM_OPTION_TEXT, AT(outputs.metrics), 0, 0, NULL, NULL,     \
     "also write a record of the run there, as JSON: times, memory, iterations, nodes, versions"}
#define MACHINE                                                               \
    {"machine", 0, "FILE", KM_OPTION_TEXTS, AT(machines), 0, 0, NULL, NULL,      \
     "figures of the machine, as 'skymeans probe -o' writes them, or the --metrics of a run of such " \
     "data, or both, one after the other; with --dry-run foretells times, else --metrics has the " \
     "shares of these limits"}
#define RANKS                                                                 \
    {"ranks", 0, "N", KM_OPTION_INT, AT(ranks), 1, INT32_MAX, NULL, NULL,     \
     "with --dry-run: for so many ranks (MPI processes); default: those that run now"}
#define DISTANCES                                                             \
    {"distances", 0, NULL, KM_OPTION_FLAG, AT(outputs.has_distances), 0, 0, NULL, NULL,   \
     "also write the distance of each row to the center of its cluster, after scaling"}
#define SECOND                                                                \
    {"second", 0, NULL, KM_OPTION_FLAG, AT(outputs.has_second), 0, 0, NULL, NULL,         \
     "also write each row's second nearest center, both distances, and how many rows of which " \
     "clusters are borderline (nearly as far from one center as from the other)"}
#define OVERWRITE                                                             \
    {"overwrite", 0, NULL, KM_OPTION_FLAG, AT(outputs.may_replace), 0, 0, NULL, NULL,   \
     "replace an existing result (and metrics file) once the new one is complete"}
#define QUIET                                                                 \
    {"quiet", 'q', NULL, KM_OPTION_FLAG, AT(quiet), 0, 0, NULL, NULL,         \
     "print nothing but errors"}
#define VERBOSE                                                               \
    {"verbose", 'v', NULL, KM_OPTION_FLAG, AT(verbose), 0, 0, NULL, NULL,     \
     "print a line for each iteration"}
#define END                                                                   \
    {NULL, 0, NULL, KM_OPTION_FLAG, 0, 0, 0, NULL, NULL, NULL}
/* clang-format on */

/* ---- the tables ----------------------------------------------------------------------------- */

const km_option km_fit_options[] = {
    {"clusters", 'k', "K", KM_OPTION_COUNTS, AT(clusters), 1, INT32_MAX, NULL, NULL,
     "number of clusters (required); several are fitted on one read and compared, and the best is "
     "kept: 2..20 (both included), 2..20:3 (every third), 4,8,16; see docs/choice.md"},
    {"choose", 0, "CRITERION", KM_OPTION_CHOICE, AT(problem.choose), 0, 0, criteria, NULL,
     "of several numbers of clusters keep the one that is best by this: 'silhouette' (default), "
     "'calinski-harabasz', 'davies-bouldin', or 'stability' (agreement of --restarts, or of "
     "--bootstrap)"},
    {"bootstrap", 0, "B", KM_OPTION_INT, AT(problem.bootstrap), 1, 1000000, NULL, NULL,
     "of several numbers of clusters, also make B fits of resampled rows for each, and say how "
     "well they agree with the best fit"},
    {"gap", 0, "B", KM_OPTION_INT, AT(problem.gap), 1, 1000000, NULL, NULL,
     "of several numbers of clusters, also find the gap statistic of each, by fits of B sets of "
     "rows "
     "without clusters"},
    {"output", 'o', "FILE", KM_OPTION_TEXT, AT(outputs.result), 0, 0, NULL, NULL,
     "result file (required); refused if it exists, unless --overwrite"},
    DATASET,
    {"columns", 'c', "LIST", KM_OPTION_TEXT, AT(inputs.columns), 0, 0, NULL, NULL,
     "the features: names of columns, separated by commas, odd ones in braces {b-v}; for arrays "
     "numbers of columns from 0, and ranges 0:7 (without the 7); or expressions, as u-g or "
     "mag=g+5*log10(parallax/100), see docs/expressions.md; default: all floating-point columns"},
    {"sky", 0, "RA,DEC", KM_OPTION_TEXT, AT(sky), 0, 0, NULL, NULL,
     "cluster positions on the sky: columns or expressions of right ascension and declination, in "
     "degrees, or in radians if their units say so; centers stay on the sphere, distances are "
     "chords; columns of -c are further features; see docs/sky.md"},
    {"sky-scale", 0, "S", KM_OPTION_REAL, AT(sky_scale), 0, 0, NULL, "1",
     "the radius of that sphere, to weigh positions against features of -c: a radian counts as S "
     "of these after --scale"},
    {"balance", 0, "WHAT", KM_OPTION_CHOICE, AT(problem.balance), 0, 0, balances, NULL,
     "make clusters of equal size, within 1 %: by the 'count' of their rows, or the sum of their "
     "'weight's; rows then belong to the center whose squared distance plus price is least; see "
     "docs/sky.md"},
    WHERE,
    {"weights", 0, "COLUMN", KM_OPTION_TEXT, AT(inputs.weights), 0, 0, NULL, NULL,
     "column or expression with the weight of each row, as '1/err^2', at least 0; a row of weight "
     "0 gets a label but counts for nothing; default: all weights are 1"},
    ID,
    MISSING,
    MISSING_VALUE,
    {"raw", 0, NULL, KM_OPTION_FLAG, AT(inputs.is_raw), 0, 0, NULL, NULL,
     "take numbers as they are stored, and ignore what the file declares of them (_FillValue, "
     "missing_value, valid_range, scale_factor, add_offset and the like)"},
    {"fill-is-missing", 0, NULL, KM_OPTION_FLAG, AT(inputs.fill_is_missing), 0, 0, NULL, NULL,
     "where the file's author set a fill value of HDF5's own, it stands for a missing value"},
    TRANSPOSE,
    FOLLOW_EXTERNAL,
    {"scale", 0, "HOW", KM_OPTION_CHOICE, AT(problem.scale), 0, 0, scalings, "none",
     "how features are scaled before distances are measured: 'standard' (mean 0, variance 1), "
     "'minmax' (0 to 1), 'robust' (median 0, the middle 68 % from about -1 to 1, whatever the "
     "outliers) or 'none'"},
    {"factor", 0, "NAME:F", KM_OPTION_TEXTS, AT(factors), 0, 0, NULL, NULL,
     "multiply this feature by F after scaling, so that its differences count F times as much in "
     "distances; may be given several times"},
    {"seeding", 0, "HOW", KM_OPTION_TEXT, AT(seeding), 0, 0, NULL, "kmeans++",
     "how the first centers are chosen: 'kmeans++' (greedy where that is quick), "
     "'kmeans-parallel', 'random' (rows), 'refined' "
     "(kmeans++, then a fit of a sample of rows: fewer passes where a cluster has very many rows); "
     "or a file that has them, in the units of the features: a result, HDF5 with one array (or "
     "FILE:/path), or text, one center a line"},
    {"seeding-rows", 0, "N", KM_OPTION_ROWS, AT(problem.seeding_rows), 1, INT64_MAX, NULL, NULL,
     "how many rows, chosen at random, kmeans++ and refined draw from, or 'all'; default: 100 000, "
     "or 500 times K if that is more"},
    {"random-seed", 0, "S", KM_OPTION_UINT, AT(problem.random_seed), 0, 0, NULL, "0",
     "another number gives other first centers, and other rows wherever some are drawn, the same "
     "number the same result"},
    {"restarts", 0, "R", KM_OPTION_INT, AT(problem.restarts), 1, 1000000, NULL, "1",
     "make R fits from different first centers, keep the best (lowest inertia), and say how well "
     "the others agree with it; 10 is a good start"},
    {"tolerance", 0, "T", KM_OPTION_REAL, AT(problem.tolerance), 0, 0, NULL, "1e-4",
     "stop when the centers hardly move: the sum of their squared shifts is at most T times the "
     "mean variance of the features; 0: only when no row changes its cluster"},
    {"max-iterations", 0, "N", KM_OPTION_INT, AT(problem.max_iterations), 1, INT64_MAX, NULL, "300",
     "stop after N iterations in any case"},
    {"algorithm", 0, "NAME", KM_OPTION_TEXT, AT(manner.algorithm), 0, 0, NULL, "auto",
     "how the nearest centers are found: 'lloyd' compares every row with every center, 'tree' "
     "(best with few features), 'bounds' (with many) and 'neighbours' (with many clusters) skip "
     "those that can't be nearest; 'auto' chooses; never changes the result"},
    {"describe", 0, "COLUMNS", KM_OPTION_TEXT, AT(describe), 0, 0, NULL, NULL,
     "also write /templates: mean, dispersion, minimum, maximum and exact quantiles of these "
     "columns "
     "for each cluster, written as for -c; 'features' stands for those of the fit"},
    {"order-by", 0, "NAME", KM_OPTION_TEXT, AT(order_by), 0, 0, NULL, NULL,
     "number the clusters by the mean of this column, one of those that are described (default: "
     "the features), the lowest first; of several numbers of clusters those of the one that is "
     "kept"},
    {"kernel", 0, "NAME", KM_OPTION_TEXT, AT(manner.kernel), 0, 0, NULL, "auto",
     "which instructions of the processor compute distances, for tests: 'auto', 'reference', "
     "'avx2', 'avxvnni', 'avx512vl', 'avx512', 'avx512vnni' or 'neon'; never changes the result"},
    THREADS,
    SCRATCH,
    MPI_HINTS,
    {"checkpoint", 0, "FILE", KM_OPTION_TEXT, AT(checkpoint), 0, 0, NULL, NULL,
     "save the state of the fit there now and then, and when the time is up or a signal asks to "
     "stop (SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP, SIGXCPU), with exit code 75; the same "
     "command goes on from there; the file is removed when the result is complete; one run at a "
     "time works on it (FILE.lock)"},
    {"checkpoint-interval", 0, "MINUTES", KM_OPTION_REAL, AT(save_minutes), 0, 0, NULL, "10",
     "minutes between two checkpoints, also 0.5"},
    {"max-hours", 0, "HOURS", KM_OPTION_REAL, AT(max_hours), 0, 0, NULL, NULL,
     "stop in time before so many hours have passed, with what was reached; default: before the "
     "end of the Slurm job, if SLURM_JOB_END_TIME tells it"},
    METRICS,
    {"verify", 0, "HOW", KM_OPTION_MODE, AT(verify), 0, 0, verifications, NULL,
     "check the result before it is written: read all rows (--verify=sample: some of them) again "
     "in another way, compute labels, centers and sums again in the plainest way, and compare"},
    {"dry-run", 0, NULL, KM_OPTION_FLAG, AT(dry_run), 0, 0, NULL, NULL,
     "read no rows and write nothing; print the size of the catalogue, how it would be clustered, "
     "and the memory of each rank, with as many --threads as given"},
    RANKS,
    MACHINE,
    {"explain-outputs", 0, NULL, KM_OPTION_FLAG, AT(explain_outputs), 0, 0, NULL, NULL,
     "only say, for scripts, what these arguments mean for outputs: NAME=VALUE, each ended by a "
     "zero byte (docs/clusters.md)"},
    DISTANCES,
    SECOND,
    OVERWRITE,
    QUIET,
    VERBOSE,
    END,
};

const km_option km_predict_options[] = {
    {"output", 'o', "FILE", KM_OPTION_TEXT, AT(outputs.result), 0, 0, NULL, NULL,
     "file of the labels (required); refused if it exists, unless --overwrite"},
    {"clusters", 'k', "K", KM_OPTION_INT, AT(predicted), 1, INT32_MAX, NULL, NULL,
     "of a fit with several numbers of clusters, use the centers of this one; default: the one "
     "that was kept"},
    DATASET,
    WHERE,
    ID,
    MISSING,
    MISSING_VALUE,
    TRANSPOSE,
    FOLLOW_EXTERNAL,
    THREADS,
    SCRATCH,
    MPI_HINTS,
    METRICS,
    {"dry-run", 0, NULL, KM_OPTION_FLAG, AT(dry_run), 0, 0, NULL, NULL,
     "read no rows and write nothing; print the size of the catalogue and the memory of each rank, "
     "with as many --threads as given"},
    RANKS,
    DISTANCES,
    SECOND,
    OVERWRITE,
    QUIET,
    VERBOSE,
    END,
};

const km_option km_info_options[] = {
    {"json", 0, NULL, KM_OPTION_FLAG, AT(json), 0, 0, NULL, NULL,
     "print all that is known of the file as JSON, for programs"},
    DATASET,
    {"columns", 'c', "LIST", KM_OPTION_TEXT, AT(inputs.columns), 0, 0, NULL, NULL,
     "look for these columns, written as for fit: which table has them, and where they are"},
    {"raw", 0, NULL, KM_OPTION_FLAG, AT(inputs.is_raw), 0, 0, NULL, NULL,
     "leave out what the file declares of its numbers (fill values, packing and the like)"},
    TRANSPOSE,
    END,
};

const km_option km_compare_options[] = {
    {"json", 0, NULL, KM_OPTION_FLAG, AT(json), 0, 0, NULL, NULL,
     "print all that is found as JSON, for programs, with the whole contingency table"},
    END,
};

const km_option km_verify_options[] = {
    {"dataset", 'd', "PATH", KM_OPTION_TEXT, AT(inputs.table), 0, 0, NULL, NULL,
     "the table or two-dimensional array of the fit, if it has another name now"},
    FOLLOW_EXTERNAL,
    THREADS,
    QUIET,
    END,
};

const km_option km_probe_options[] = {
    {"output", 'o', "FILE", KM_OPTION_TEXT, AT(outputs.result), 0, 0, NULL, NULL,
     "also write the figures there, as JSON, for --machine; refused if it exists, unless "
     "--overwrite"},
    THREADS,
    {"overwrite", 0, NULL, KM_OPTION_FLAG, AT(outputs.may_replace), 0, 0, NULL, NULL,
     "replace an existing file once the new one is complete"},
    QUIET,
    END,
};

const km_option km_generate_options[] = {
    {"rows", 0, "N", KM_OPTION_INT, AT(mock.n_rows), 1, INT64_C(1) << 50, NULL, NULL,
     "number of rows (required)"},
    {"kind", 0, "KIND", KM_OPTION_CHOICE, AT(mock.kind), 0, 0, km_mock_kind_names, "mixture",
     "'mixture': overlapping round Gaussian clouds of unequal weight and width, and a uniform "
     "background; 'survey': positions on the sky, magnitudes in u g r i z with errors and missing "
     "values, and ids, of stars, galaxies and quasars"},
    {"columns", 0, "D", KM_OPTION_INT, AT(mock.n_columns), 1, KM_MOCK_MAX_COLUMNS, NULL, NULL,
     "number of columns of a mixture (required for it)"},
    {"clusters", 'k', "K", KM_OPTION_INT, AT(mock.n_clusters), 1, INT32_MAX, NULL, NULL,
     "number of clouds of a mixture (required for it)"},
    {"random-seed", 0, "S", KM_OPTION_UINT, AT(mock.random_seed), 0, 0, NULL, "0",
     "another number gives another catalogue, the same number the same one, on any number of "
     "ranks and threads"},
    {"type", 0, "TYPE", KM_OPTION_CHOICE, AT(mock.type), 0, 0, km_mock_type_names, "float32",
     "type of the columns, but for positions (float64) and ids (int64)"},
    {"layout", 0, "LAYOUT", KM_OPTION_CHOICE, AT(mock.layout), 0, 0, km_mock_layout_names, NULL,
     "'array': one two-dimensional array, /samples; 'columns': a dataset per column, "
     "/table/columns/NAME/data, as vaex has them; default: array, for a survey columns"},
    {"files", 0, "N", KM_OPTION_INT, AT(mock.n_files), 1, KM_MOCK_MAX_FILES, NULL, "1",
     "divide the rows among N files: of mock.h5 mock-0.h5, mock-1.h5, ..."},
    {"chunk-rows", 0, "N", KM_OPTION_INT, AT(mock.chunk_rows), 1, INT64_MAX, NULL, NULL,
     "store datasets in chunks of N rows; default: contiguous, or with --compress chunks of 1 MiB"},
    {"compress", 0, "LEVEL", KM_OPTION_INT, AT(mock.compress), 0, 9, NULL, "0",
     "compress chunks by gzip, after HDF5's shuffle, at this level; 0: not"},
    THREADS,
    {"overwrite", 0, NULL, KM_OPTION_FLAG, AT(mock.may_replace), 0, 0, NULL, NULL,
     "replace existing files once the new ones are complete"},
    QUIET,
    END,
};
