/* `info` of a result: which clusters run into each other, those with the most borderline rows
 * first.
 */
#include "base/memory.h"
#include "clusters.h"
#include "info.h"

#include <stdio.h>
#include <stdlib.h>

enum { SHOWN_PAIRS = 10, MAX_PAIRS = 1 << 28 };

/* Pairs of clusters as they are stored. */
typedef struct stored_pairs {
    int64_t count;
    double threshold;
    double *label, *second, *rows, *borderline, *share; /* [count] */
} stored_pairs;

static bool read_pairs(hid_t group, stored_pairs *p, km_error *error)
{
    km_h5_array array;
    km_error why = {0};
    if (!km_h5_read_number(group, "threshold", &p->threshold) ||
        km_h5_open_array(group, "label", &array, &why) != KM_OK)
        return false;
    p->count = array.n_rows;
    km_h5_close_array(&array);
    if (p->count >= MAX_PAIRS)
        return false;
    p->label = km_info_read_values(group, "label", p->count, error);
    p->second = km_info_read_values(group, "second", p->count, error);
    p->rows = km_info_read_values(group, "rows", p->count, error);
    p->borderline = km_info_read_values(group, "borderline", p->count, error);
    p->share = km_info_read_values(group, "share", p->count, error);
    return p->label != NULL && p->second != NULL && p->rows != NULL && p->borderline != NULL &&
           p->share != NULL;
}

static void free_pairs(stored_pairs *p)
{
    free(p->label);
    free(p->second);
    free(p->rows);
    free(p->borderline);
    free(p->share);
}

/* The pair that comes after `last`, by borderline rows, of equals by place; -1: the first, and that
 * there is none. */
static int64_t find_next_pair(const stored_pairs *p, int64_t last)
{
    int64_t next = -1;
    for (int64_t i = 0; i < p->count; i++) {
        const double n = p->borderline[i];
        const bool is_shown =
            last >= 0 && (n > p->borderline[last] || (n == p->borderline[last] && i <= last));
        if (n > 0 && !is_shown && (next < 0 || n > p->borderline[next]))
            next = i;
    }
    return next;
}

static void print_pairs(const stored_pairs *p)
{
    double n_borderline = 0;
    for (int64_t i = 0; i < p->count; i++)
        n_borderline += p->borderline[i];
    printf("  borderline: %.0f rows, whose distance to their center is more than %g of that to the "
           "second\n  cluster  second       rows  borderline  share of cluster\n",
           n_borderline, p->threshold);
    int64_t pair = find_next_pair(p, -1);
    for (int n_shown = 0; pair >= 0 && n_shown < SHOWN_PAIRS; n_shown++) {
        printf("  %7.0f %7.0f %10.0f  %10.0f %16.1f%%\n", p->label[pair], p->second[pair],
               p->rows[pair], p->borderline[pair], 100 * p->share[pair]);
        pair = find_next_pair(p, pair);
    }
    if (pair >= 0)
        printf("  ... and more pairs: /neighbours in the result\n");
    putchar('\n');
}

km_code km_info_print_borders(const char *path, hid_t file, km_error *error)
{
    stored_pairs pairs = {0};
    if (H5Lexists(file, "neighbours", H5P_DEFAULT) <= 0)
        return KM_OK;
    const hid_t group = H5Gopen2(file, "neighbours", H5P_DEFAULT);
    if (group >= 0 && read_pairs(group, &pairs, error))
        print_pairs(&pairs);
    else
        km_fail(error, KM_DATA,
                "not a whole result (%s, neighbours): its parts do not agree; copy it again", path);
    free_pairs(&pairs);
    if (group >= 0)
        H5Gclose(group);
    return error->code;
}
