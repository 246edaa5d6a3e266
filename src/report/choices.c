/* The table of the numbers of clusters that a fit compared, at its end and for `info`. */
#include "choices.h"

#include "base/memory.h"
#include "info.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first column has more digits, since it falls slowly. */
static void print_criterion_of(const km_criterion *criterion, const km_criteria *of)
{
    const bool is_first = criterion == km_criteria_table;
    if (of == NULL)
        printf(" %*s", is_first ? 17 : 11, criterion->title);
    else
        printf(" %*.*g", is_first ? 17 : 11, is_first ? 10 : 5, km_criterion_value(criterion, of));
}

/* A line of a number of clusters; NULL: of titles. */
static void print_criteria(const km_choices *choices, const km_criteria *of)
{
    for (const km_criterion *c = km_criteria_table; c->name != NULL; c++)
        if (km_choice_knows(choices, c))
            print_criterion_of(c, of);
}

/* Is the gap at least that of the next number of clusters less the error of that? */
static bool is_enough_by_gap(const km_criteria *of)
{
    return of[0].gap >= of[1].gap - of[1].gap_error;
}

/* The rule of Tibshirani et al.: the lowest number of clusters that is enough. */
static void print_choice_by_gap(const km_choices *choices)
{
    int64_t i = km_choice_next(choices) + 1;
    if (!km_choice_knows(choices, km_criterion_named("gap")))
        return;
    while (i + 1 < choices->count && !is_enough_by_gap(&choices->rows[i]))
        i++;
    if (i + 1 < choices->count)
        printf("  by the gap  %lld: the fewest with a gap of at least that of the next, less its "
               "error\n",
               (long long)choices->rows[i].n_clusters);
    else
        printf("  by the gap  none: no gap is at least that of the next, less its error\n");
}

void km_choices_print(const km_choices *choices)
{
    if (choices->n_done == 0)
        return;
    printf("  clusters");
    print_criteria(choices, NULL);
    printf("  iterations\n");
    for (int64_t i = km_choice_next(choices) + 1; i < choices->count; i++) {
        printf("  %8lld", (long long)choices->rows[i].n_clusters);
        print_criteria(choices, &choices->rows[i]);
        printf("  %10lld%s\n", (long long)choices->rows[i].n_iterations,
               i == choices->best ? "  (kept)" : "");
    }
    print_choice_by_gap(choices);
    putchar('\n');
}

/* ---- of a result ----------------------------------------------------------------------------- */

/* Reads a dataset with a value for each number of clusters to the field at `offset` of all rows. */
static bool read_field_of_rows(hid_t group, const char *name, hid_t type, size_t offset,
                               km_choices *choices)
{
    const hid_t dataset = H5Dopen2(group, name, H5P_DEFAULT);
    const hid_t space = dataset >= 0 ? H5Dget_space(dataset) : H5I_INVALID_HID;
    const bool is_right = space >= 0 && H5Sget_simple_extent_npoints(space) == choices->count;
    km_error none = {0};
    double *values =
        km_allocate(is_right ? choices->count : 0, sizeof *values, "numbers of clusters", &none);
    const bool is_read = is_right && values != NULL &&
                         H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
    for (int64_t i = 0; i < choices->count && is_read; i++)
        memcpy((char *)&choices->rows[i] + offset, &values[i], sizeof *values);
    free(values);
    if (space >= 0)
        H5Sclose(space);
    if (dataset >= 0)
        H5Dclose(dataset);
    return is_read;
}

static bool read_choices(hid_t group, km_choices *choices)
{
    double best;
    bool is_read = km_h5_read_number(group, "best", &best) && best >= 0 &&
                   best < (double)choices->count &&
                   read_field_of_rows(group, "k", H5T_NATIVE_INT64,
                                      offsetof(km_criteria, n_clusters), choices) &&
                   read_field_of_rows(group, "n_iterations", H5T_NATIVE_INT64,
                                      offsetof(km_criteria, n_iterations), choices);
    for (const km_criterion *c = km_criteria_table; c->name != NULL && is_read; c++)
        is_read = read_field_of_rows(group, c->name, H5T_NATIVE_DOUBLE, c->offset, choices);
    choices->best = is_read ? (int64_t)best : 0;
    return is_read;
}

km_code km_info_print_choices(const char *path, hid_t file, km_error *error)
{
    enum { MAX_NUMBERS = 1 << 16 }; /* more than any fit has */
    km_h5_array numbers;
    if (H5Lexists(file, "choice", H5P_DEFAULT) <= 0)
        return KM_OK;
    if (km_h5_open_array(file, "choice/k", &numbers, error) != KM_OK)
        return error->code;
    km_choices choices = {.count = numbers.n_rows, .n_done = numbers.n_rows};
    km_h5_close_array(&numbers);
    const hid_t group = H5Gopen2(file, "choice", H5P_DEFAULT);
    if (choices.count < MAX_NUMBERS)
        choices.rows =
            km_allocate_zeroed(choices.count, sizeof *choices.rows, "numbers of clusters", error);
    if (choices.rows != NULL && group >= 0 && read_choices(group, &choices)) {
        putchar('\n');
        km_choices_print(&choices);
    } else if (error->code == KM_OK) {
        km_fail(error, KM_DATA,
                "not a whole result (%s, choice): its numbers of clusters can't be read; copy it "
                "again",
                path);
    }
    if (group >= 0)
        H5Gclose(group);
    free(choices.rows);
    return error->code;
}
