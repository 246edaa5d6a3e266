/* What `verify` found. */
#include "report/verdict.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SAID_SIZE = 160 };

/* ---- the checks ------------------------------------------------------------------------------ */

/* Each says what it found, and returns whether that is as recorded. */

/* Does the result have as many rows that miss a feature, and each of them? The rows that it uses
 * and those that the condition leaves out are the same. */
static bool has_same_missing(const km_verdict *v)
{
    const km_recorded *r = v->recorded;
    bool is_same = r->n_missing == r->n_rows - r->n_used - r->n_excluded - r->n_undecided;
    for (int64_t j = 0; j < v->catalogue->n_features; j++)
        is_same = is_same && r->missing[j] == v->findings->n_missing[j];
    return is_same;
}

static bool judge_rows(const km_verdict *v, char *said)
{
    const km_recorded *r = v->recorded;
    const int64_t n_rows = v->catalogue->n_rows;
    if (v->answer == NULL) {
        snprintf(said, SAID_SIZE, "%" PRId64 " in the catalogue, %" PRId64 " in the result", n_rows,
                 r->n_rows);
        return false;
    }
    const int64_t n_used = v->answer->spread.n_used, n_excluded = v->findings->n_excluded;
    const int64_t n_undecided = v->findings->n_undecided;
    snprintf(said, SAID_SIZE, "%" PRId64 ", of which %" PRId64 " are used", n_rows, n_used);
    const bool is_same =
        n_used == r->n_used && n_excluded == r->n_excluded && n_undecided == r->n_undecided;
    if (!is_same)
        snprintf(said + strlen(said), SAID_SIZE - strlen(said),
                 " (where: not true for %" PRId64 ", undecided %" PRId64 "), not %" PRId64
                 " (%" PRId64 ", %" PRId64 ")",
                 n_excluded, n_undecided, r->n_used, r->n_excluded, r->n_undecided);
    else if (!has_same_missing(v))
        snprintf(said + strlen(said), SAID_SIZE - strlen(said),
                 "; counts of missing values are others");
    return is_same && has_same_missing(v);
}

/* The middle of the fingerprint, which covers weights, too; older results have only the other. */
static uint64_t recorded_values(const km_recorded *recorded)
{
    uint64_t values;
    return sscanf(recorded->fingerprint, "%*16[0-9a-f]-%16" SCNx64, &values) == 1
               ? values
               : recorded->features_hash;
}

static bool judge_values(const km_verdict *v, char *said)
{
    uint64_t found = v->values_hash, recorded = recorded_values(v->recorded);
    if (found == recorded) {
        found = v->answer->features_hash;
        recorded = v->recorded->features_hash;
    }
    snprintf(said, SAID_SIZE, "checksum %016" PRIx64, v->values_hash);
    if (found == recorded)
        return true;
    snprintf(said, SAID_SIZE, "checksum %016" PRIx64 ", not %016" PRIx64, found, recorded);
    return false;
}

static bool say_count(int64_t n_different, const char *what, const char *same, char *said)
{
    if (n_different == 0)
        snprintf(said, SAID_SIZE, "%s", same);
    else
        snprintf(said, SAID_SIZE, "%" PRId64 " %s", n_different, what);
    return n_different == 0;
}

static bool judge_labels(const km_verdict *v, char *said)
{
    return say_count(v->differences.labels, "rows are nearest to another center",
                     "every row is nearest to the center of its label", said);
}

static bool judge_sizes(const km_verdict *v, char *said)
{
    return say_count(v->differences.sizes + v->differences.weights,
                     "sizes or weights of clusters are others",
                     "clusters have as many rows, and their weight", said);
}

static bool judge_centers(const km_verdict *v, char *said)
{
    if (v->n_centers > 0)
        return say_count(v->n_centers, "coordinates are not those of the model", "", said);
    return say_count(v->differences.coordinates, "coordinates are not the mean of their rows",
                     v->differences.has_means
                         ? "they are the means of their rows"
                         : "those of the model (means of labels before the last iteration)",
                     said);
}

static bool judge_inertia(const km_verdict *v, char *said)
{
    if (!v->recorded->is_fit) {
        snprintf(said, SAID_SIZE, "predictions have none");
        return true;
    }
    snprintf(said, SAID_SIZE, "%.17g", v->differences.inertia);
    if (!v->differences.has_other_inertia)
        return true;
    snprintf(said + strlen(said), SAID_SIZE - strlen(said), ", not %.17g", v->recorded->inertia);
    return false;
}

static bool judge_checksum(const km_verdict *v, char *said)
{
    snprintf(said, SAID_SIZE, "%016" PRIx64, v->differences.checksum);
    if (v->differences.checksum == v->recorded->checksum)
        return true;
    snprintf(said + strlen(said), SAID_SIZE - strlen(said), ", not %016" PRIx64,
             v->recorded->checksum);
    return false;
}

static const struct {
    const char *name;
    bool (*check)(const km_verdict *verdict, char *said);
    bool needs_answer;
} checks[] = {
    {"rows", judge_rows, false},        {"values", judge_values, true},
    {"labels", judge_labels, true},     {"sizes", judge_sizes, true},
    {"centers", judge_centers, true},   {"inertia", judge_inertia, true},
    {"checksum", judge_checksum, true},
};
enum { N_CHECKS = sizeof checks / sizeof *checks };

/* ---- what is said ---------------------------------------------------------------------------- */

static bool is_made(const km_verdict *verdict, int i)
{
    return verdict->answer != NULL || !checks[i].needs_answer;
}

void km_verdict_print(const km_verdict *verdict)
{
    char path[KM_PATH_SIZE], catalogue[KM_PATH_SIZE], said[SAID_SIZE];
    printf("\nskymeans: %s against %s\n\n", km_printable(verdict->path, path, sizeof path),
           km_printable(verdict->catalogue->path, catalogue, sizeof catalogue));
    for (int i = 0; i < N_CHECKS; i++)
        if (is_made(verdict, i)) {
            const bool is_same = checks[i].check(verdict, said);
            printf("  %-11s %-6s %s\n", checks[i].name, is_same ? "same" : "OTHER", said);
        }
    if (verdict->recorded->fingerprint[0] != '\0')
        printf("  fingerprint        %s\n", verdict->recorded->fingerprint);
    putchar('\n');
}

void km_verdict_failed(const km_verdict *verdict, char *text, size_t size)
{
    char said[SAID_SIZE];
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < N_CHECKS && used < size; i++)
        if (is_made(verdict, i) && !checks[i].check(verdict, said))
            used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "",
                                     checks[i].name);
}
