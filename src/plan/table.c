/* What the commands can be told. */
#include "options.h"

#include <string.h>

static const char *const scalings[] = {
    [KM_SCALE_NONE] = "none", [KM_SCALE_STANDARD] = "standard", [KM_SCALE_MINMAX] = "minmax", NULL};
static const char *const missings[] = {
    [KM_MISSING_DROP] = "drop", [KM_MISSING_ERROR] = "error", NULL};

static const char *const verifications[] = {
    [KM_VERIFY_NOTHING] = "nothing", [KM_VERIFY_ALL] = "all", [KM_VERIFY_SAMPLE] = "sample", NULL};

#define AT(field) offsetof(km_options, field)

/* ---- what several can be told ------------------------------------------------------------------
 */

/* clang-format off */
#define DATASET                                                               \
    {"dataset", 'd', "PATH", KM_OPTION_TEXT, AT(dataset), 0, 0, NULL, NULL,   \
     "table or two-dimensional array in the file; 'coadd_*' joins all that are called so, by name; " \
     "default: the only one that has the columns"}
#define ID                                                                    \
    {"id", 0, "COLUMN", KM_OPTION_TEXT, AT(ids), 0, 0, NULL, NULL,            \
     "column that is copied to the result as /ids, in its own type: numbers or texts"}
#define MISSING                                                               \
    {"missing", 0, "WHAT", KM_OPTION_CHOICE, AT(missing), 0, 0, missings, "drop", \
     "rows that miss a feature (NaN, infinity, masked, a --missing-value): 'drop' gives them " \
     "label -1, 'error' ends the run"}
#define MISSING_VALUE                                                         \
    {"missing-value", 0, "V", KM_OPTION_TEXTS, AT(missing_values), 0, 0, NULL, NULL, \
     "number that stands for a missing value, in all features, or as in b_v:-99 in one; may be " \
     "repeated"}
#define FOLLOW_EXTERNAL                                                       \
    {"follow-external", 0, NULL, KM_OPTION_FLAG, AT(follow_external), 0, 0, NULL, NULL, \
     "values may be in any file that external links or external storage name, not only in those " \
     "below the folder of the catalogue"}
#define TRANSPOSE                                                             \
    {"transpose", 0, NULL, KM_OPTION_FLAG, AT(transpose), 0, 0, NULL, NULL,   \
     "a two-dimensional dataset holds a sample a column, as MATLAB, R and Fortran write it"}
#define THREADS                                                               \
    {"threads", 0, "N", KM_OPTION_INT, AT(threads), 1, KM_MOST_THREADS, NULL, NULL, \
     "OpenMP threads a rank; default: OMP_NUM_THREADS, else the cores that the rank may use, " \
     "divided among the ranks of its node that share them; never changes the result"}
#define METRICS                                                               \
    {"metrics", 0, "FILE", KM_OPTION_TEXT, AT(metrics), 0, 0, NULL, NULL,     \
     "also write times, memory and iterations as JSON"}
#define DISTANCES                                                             \
    {"distances", 0, NULL, KM_OPTION_FLAG, AT(distances), 0, 0, NULL, NULL,   \
     "also write the distance of each sample to its center"}
#define OVERWRITE                                                             \
    {"overwrite", 0, NULL, KM_OPTION_FLAG, AT(overwrite), 0, 0, NULL, NULL,   \
     "replace an existing result (and metrics file) once the new one is complete"}
#define QUIET                                                                 \
    {"quiet", 'q', NULL, KM_OPTION_FLAG, AT(quiet), 0, 0, NULL, NULL,         \
     "no progress, warnings or summary"}
#define VERBOSE                                                               \
    {"verbose", 'v', NULL, KM_OPTION_FLAG, AT(verbose), 0, 0, NULL, NULL,     \
     "a progress line for each iteration, wherever it goes"}
#define END                                                                   \
    {NULL, 0, NULL, KM_OPTION_FLAG, 0, 0, 0, NULL, NULL, NULL}
/* clang-format on */

/* ---- the tables ----------------------------------------------------------------------------- */

const km_option km_fit_options[] = {
    {"clusters", 'k', "K", KM_OPTION_INT, AT(clusters), 1, INT32_MAX, NULL, NULL,
     "number of clusters (required)"},
    {"output", 'o', "FILE", KM_OPTION_TEXT, AT(output), 0, 0, NULL, NULL,
     "result file (required); refused if it exists, unless --overwrite"},
    DATASET,
    {"columns", 'c', "LIST", KM_OPTION_TEXT, AT(columns), 0, 0, NULL, NULL,
     "features: names, separated by commas, odd ones in braces {b-v}; numbers and ranges 0:7 (end "
     "excluded) for arrays; default: all floating-point columns"},
    {"weights", 0, "COLUMN", KM_OPTION_TEXT, AT(weights), 0, 0, NULL, NULL,
     "weights of the samples, finite and at least 0; a row of weight 0 gets a label and counts for "
     "nothing; default: all 1"},
    ID,
    MISSING,
    MISSING_VALUE,
    {"raw", 0, NULL, KM_OPTION_FLAG, AT(raw), 0, 0, NULL, NULL,
     "take numbers as they are stored, whatever the file declares (_FillValue, missing_value, "
     "valid_range, scale_factor, add_offset and the like)"},
    {"fill-is-missing", 0, NULL, KM_OPTION_FLAG, AT(fill_is_missing), 0, 0, NULL, NULL,
     "HDF5's own fill value, where the file's author set one, is a missing value"},
    TRANSPOSE,
    FOLLOW_EXTERNAL,
    {"scale", 0, "HOW", KM_OPTION_CHOICE, AT(scale), 0, 0, scalings, "none",
     "'standard' (mean 0, variance 1), 'minmax' (0 to 1) or 'none'"},
    {"seeding", 0, "HOW", KM_OPTION_TEXT, AT(seeding), 0, 0, NULL, "kmeans++",
     "'kmeans++', 'kmeans-parallel', 'random', or a file with the first centers in the units of "
     "the features: a "
     "result, HDF5 with one array (or FILE:/path), or text, a center a line"},
    {"seeding-rows", 0, "N", KM_OPTION_ROWS, AT(seeding_rows), 1, INT64_MAX, NULL, NULL,
     "rows that kmeans++ draws from, or 'all'; default: max(100 000, 16 K)"},
    {"random-seed", 0, "S", KM_OPTION_UINT, AT(random_seed), 0, 0, NULL, "0",
     "start of the random numbers"},
    {"restarts", 0, "R", KM_OPTION_INT, AT(restarts), 1, 1000000, NULL, "1",
     "fits from R seedings on one read; the lowest inertia wins, and the result says how well the "
     "others agree with it"},
    {"tolerance", 0, "T", KM_OPTION_REAL, AT(tolerance), 0, 0, NULL, "1e-4",
     "stop when the sum of squared shifts of the centers is at most T times the mean variance of "
     "the features; 0: only when no label changes"},
    {"max-iterations", 0, "N", KM_OPTION_INT, AT(max_iterations), 1, INT64_MAX, NULL, "300",
     "stop after N iterations"},
    {"algorithm", 0, "NAME", KM_OPTION_TEXT, AT(algorithm), 0, 0, NULL, "auto",
     "'lloyd' compares every row with every center, 'tree' (best with few features) and 'bounds' "
     "(with many) only with those that can win; 'auto' takes the fastest; never changes the "
     "result"},
    {"kernel", 0, "NAME", KM_OPTION_TEXT, AT(kernel), 0, 0, NULL, "auto",
     "for tests: 'auto', 'reference', 'avx2', 'avx512vl', 'avx512' or 'neon'; never changes the "
     "result"},
    THREADS,
    {"checkpoint", 0, "FILE", KM_OPTION_TEXT, AT(checkpoint), 0, 0, NULL, NULL,
     "save the fit there now and then, and when asked to stop (SIGTERM, SIGINT, SIGUSR1, SIGUSR2, "
     "SIGHUP, SIGXCPU, "
     "or the time is up: exit code 75); the same command goes on from it; removed in the end; one "
     "run at a time (FILE.lock)"},
    {"checkpoint-interval", 0, "MIN", KM_OPTION_REAL, AT(checkpoint_interval), 0, 0, NULL, "10",
     "minutes between two checkpoints"},
    {"max-hours", 0, "H", KM_OPTION_REAL, AT(max_hours), 0, 0, NULL, NULL,
     "stop cleanly before H hours have passed; default: before SLURM_JOB_END_TIME"},
    METRICS,
    {"verify", 0, "HOW", KM_OPTION_MODE, AT(verify), 0, 0, verifications, NULL,
     "after the fit read all rows (--verify=sample: some blocks) again by another road, derive "
     "labels, centers and sums again, the plain way, and compare"},
    {"dry-run", 0, NULL, KM_OPTION_FLAG, AT(dry_run), 0, 0, NULL, NULL,
     "only read headers, and print shape, plan and memory a rank"},
    {"ranks", 0, "N", KM_OPTION_INT, AT(ranks), 1, INT32_MAX, NULL, NULL,
     "with --dry-run: plan for N ranks; default: those that run"},
    DISTANCES,
    OVERWRITE,
    QUIET,
    VERBOSE,
    END,
};

const km_option km_predict_options[] = {
    {"output", 'o', "FILE", KM_OPTION_TEXT, AT(output), 0, 0, NULL, NULL,
     "file of the labels (required); refused if it exists, unless --overwrite"},
    DATASET,
    ID,
    MISSING,
    MISSING_VALUE,
    TRANSPOSE,
    FOLLOW_EXTERNAL,
    THREADS,
    METRICS,
    DISTANCES,
    OVERWRITE,
    QUIET,
    VERBOSE,
    END,
};

const km_option km_info_options[] = {
    {"json", 0, NULL, KM_OPTION_FLAG, AT(json), 0, 0, NULL, NULL,
     "all that is known of the file as JSON, for programs"},
    DATASET,
    {"columns", 'c', "LIST", KM_OPTION_TEXT, AT(columns), 0, 0, NULL, NULL,
     "columns to look for, as fit takes them: which table has them, and where they are"},
    {"raw", 0, NULL, KM_OPTION_FLAG, AT(raw), 0, 0, NULL, NULL,
     "numbers as they are stored, without what the file declares of them"},
    TRANSPOSE,
    END,
};

const char *km_options_scale(const km_options *options)
{
    return scalings[options->scale];
}

bool km_scaling_parse(const char *text, km_scaling *scaling)
{
    for (int i = 0; scalings[i] != NULL; i++)
        if (strcmp(text, scalings[i]) == 0) {
            *scaling = (km_scaling)i;
            return true;
        }
    return false;
}

const char *km_options_missing(const km_options *options)
{
    return missings[options->missing];
}
