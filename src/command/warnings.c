/* Warnings of what is likely a mistake, but may be meant: one of each kind, before the fit. */
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "command/command.h"
#include "process/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* ---- files ----------------------------------------------------------------------------------- */

static void warn_of_units_of_files(const km_story *s)
{
    const km_catalogue *c = &s->catalogue;
    const km_other_units *other = &c->other_units;
    if (other->is_found)
        km_warn(&s->log,
                "other units (%s, column %s): %s, and %s in %s; files are joined as they are, so "
                "convert one of them before",
                c->files[other->file].path, c->columns[other->column].name, other->units,
                c->columns[other->column].units, c->files[0].path);
}

/* A file of the command line, known by device and inode, since two names may mean one file. */
typedef struct named_file {
    dev_t device;
    ino_t inode;
    int64_t number; /* on the command line */
} named_file;

static int compare_files(const void *a, const void *b)
{
    const named_file *p = a, *q = b;
    if (p->device != q->device)
        return p->device < q->device ? -1 : 1;
    if (p->inode != q->inode)
        return p->inode < q->inode ? -1 : 1;
    return p->number < q->number ? -1 : p->number > q->number;
}

static void warn_of_same_files(const km_story *s, km_error *error)
{
    const km_catalogue_name *asked = &s->catalogue.asked;
    int64_t count = 0;
    named_file *files = km_allocate(asked->n_paths, sizeof *files, "list of files", error);
    if (files == NULL)
        return;
    for (int64_t f = 0; f < asked->n_paths; f++) {
        struct stat status;
        if (stat(asked->paths[f], &status) == 0)
            files[count++] = (named_file){status.st_dev, status.st_ino, f};
    }
    qsort(files, (size_t)count, sizeof *files, compare_files);
    for (int64_t f = 1; f < count; f++)
        if (files[f].device == files[f - 1].device && files[f].inode == files[f - 1].inode) {
            km_warn(&s->log,
                    "the same file twice (%s): it is also file %lld of the command line, so its "
                    "rows count double; name it once",
                    asked->paths[files[f].number], (long long)files[f - 1].number + 1);
            break;
        }
    free(files);
}

static void warn_of_unused_hints(const km_story *s)
{
    if (s->options.hints.count > 0 && !s->catalogue.is_together)
        km_warn(&s->log,
                "no use for hints (%s): several files, and virtual datasets, are read by each rank "
                "without MPI-IO; leave --mpi-info out",
                s->catalogue.path);
}

/* ---- features by name ------------------------------------------------------------------------ */

static int compare_places(const void *a, const void *b)
{
    const km_column *const *x = a, *const *y = b;
    const km_place *p = &(*x)->values, *q = &(*y)->values;
    int order = strcmp(p->dataset, q->dataset);
    if (order == 0 && (*x)->expression > 0) /* which are stored nowhere */
        return strcmp((*x)->name, (*y)->name);
    if (order == 0)
        order = strcmp(p->member, q->member);
    if (order == 0)
        order = (p->other > q->other) - (p->other < q->other);
    if (order == 0)
        order = (p->position > q->position) - (p->position < q->position);
    return order;
}

static void warn_of_same_features(const km_story *s, km_error *error)
{
    const km_catalogue *c = &s->catalogue;
    const km_column **sorted = km_allocate(c->n_features, sizeof *sorted, "features", error);
    if (sorted == NULL)
        return;
    for (int64_t j = 0; j < c->n_features; j++)
        sorted[j] = &c->columns[j];
    qsort(sorted, (size_t)c->n_features, sizeof *sorted, compare_places);
    for (int64_t j = 1; j < c->n_features; j++)
        if (compare_places(&sorted[j - 1], &sorted[j]) == 0) {
            km_warn(&s->log,
                    "the same feature twice (%s, column %s): its differences count double in all "
                    "distances; name it once in -c",
                    c->path, sorted[j]->name);
            break;
        }
    free(sorted);
}

static bool is_in_list(const char *name, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcasecmp(name, *list) == 0)
            return true;
    return false;
}

static bool ends_with(const char *name, const char *end)
{
    const size_t length = strlen(name), n = strlen(end);
    return length >= n && strcasecmp(name + length - n, end) == 0;
}

/* Has the column a name that catalogues give to ids of rows? */
static bool is_called_like_an_id(const km_column *column)
{
    static const char *const names[] = {"id",    "hip",   "hd",     "tic",    "kic", "index",
                                        "objid", "recno", "rownum", "row_id", NULL};
    return is_in_list(column->name, names) || ends_with(column->name, "_id") ||
           ends_with(column->name, "objid") || ends_with(column->name, "sourceid");
}

static bool is_an_angle(const km_column *column)
{
    static const char *const units[] = {"deg", "degree", "degrees", "rad", "radian", "hourangle",
                                        "h",   "arcmin", "arcsec",  "mas", NULL};
    return is_in_list(column->units, units);
}

/* Has the column a name of a coordinate on the sky? Short names count only with units of angles. */
static bool is_called_like_a_position(const km_column *column)
{
    static const char *const names[] = {
        "ra",   "dec",  "raj2000", "dej2000", "decj2000", "ra_icrs",   "de_icrs",  "dec_icrs",
        "glon", "glat", "elon",    "elat",    "ecl_lon",  "ecl_lat",   "lon",      "lat",
        "_ra",  "_de",  "ra_deg",  "dec_deg", "degrees",  "longitude", "latitude", NULL};
    static const char *const angles[] = {"l",   "b",     "de",     "alpha", "delta",
                                         "phi", "theta", "lambda", "beta",  NULL};
    return is_in_list(column->name, names) ||
           (is_an_angle(column) && is_in_list(column->name, angles));
}

/* The names of the features that are meant, as "columns ra, dec"; cut after a few, and empty if
 * there are none. */
static const char *list_features(const km_catalogue *c, bool (*is_meant)(const km_column *column),
                                 char *text, size_t size)
{
    enum { MAX_NAMES = 4 };
    int64_t count = 0;
    char names[MAX_NAMES * (KM_NAME_SIZE + 2)] = "";
    for (int64_t j = 0; j < c->n_features; j++)
        if (is_meant(&c->columns[j]) && count++ < MAX_NAMES)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s",
                     count > 1 ? ", " : "", c->columns[j].name);
    snprintf(text, size, "column%s %s%s", km_plural(count), names,
             count > MAX_NAMES ? ", ..." : "");
    if (count == 0)
        text[0] = '\0';
    return text;
}

static void warn_of_default_features(const km_story *s)
{
    char ids[1024], positions[1024];
    const km_catalogue *c = &s->catalogue;
    if (list_features(c, is_called_like_an_id, ids, sizeof ids)[0] != '\0')
        km_warn(&s->log,
                "an id among the features (%s, %s): by default they are all floating-point "
                "columns, and clusters by numbers of rows say nothing; choose features with -c, "
                "and take ids along with --id",
                c->path, ids);
    if (list_features(c, is_called_like_a_position, positions, sizeof positions)[0] != '\0')
        km_warn(&s->log,
                "a position among the features (%s, %s): by default they are all floating-point "
                "columns, and clusters will be pieces of the sky, cut at 0 and 360 degrees; choose "
                "features with -c, or cluster positions with --sky",
                c->path, positions);
}

/* A column of measured numbers alone as condition: the shell may have taken a `>` for itself. */
static void warn_of_bare_condition(const km_story *s)
{
    const km_catalogue *c = &s->catalogue;
    if (c->asked.where == NULL || c->expressions[c->n_expressions - 1].n_operations > 0)
        return;
    const int32_t input = c->expressions[c->n_expressions - 1].result;
    if (input < 0 && c->columns[km_first_input(c) + km_input_of(input)].is_floating)
        km_warn(&s->log,
                "a condition without a comparison (--where %s): it is true wherever that is not 0; "
                "put a condition in quotes, as 'x > 1', since a shell takes > for itself",
                c->asked.where);
}

km_code km_warn_of_catalogue(km_story *s)
{
    if (s->log.is_speaker) {
        warn_of_bare_condition(s);
        warn_of_units_of_files(s);
        warn_of_same_files(s, &s->error);
        warn_of_unused_hints(s);
    }
    if (s->log.is_speaker && s->options.model == NULL) { /* predict has the features of the fit */
        warn_of_same_features(s, &s->error);
        if (s->options.inputs.columns == NULL && !s->catalogue.is_array)
            warn_of_default_features(s);
    }
    return km_agree(s->comm, &s->error);
}

/* ---- features by value ----------------------------------------------------------------------- */

km_code km_warn_of_counters(km_story *s)
{
    const km_catalogue *c = &s->catalogue;
    int64_t j = 0;
    if (s->options.inputs.columns != NULL)
        return KM_OK;
    bool *is_counter = km_allocate(c->n_features, sizeof *is_counter, "features", &s->error);
    if (km_agree(s->comm, &s->error) == KM_OK)
        km_samples_find_counters(&s->samples.memory, is_counter, s->comm, &s->error);
    while (s->error.code == KM_OK && j < c->n_features &&
           (!is_counter[j] || is_called_like_an_id(&c->columns[j])))
        j++;
    if (s->error.code == KM_OK && j < c->n_features)
        km_warn(&s->log,
                "a feature that counts rows (%s, column %s): by default features are all "
                "floating-point columns, or all of an array, and this one is 1 higher in each row; "
                "choose features with -c",
                c->path, c->names[j]);
    free(is_counter);
    return s->error.code;
}

void km_warn_of_constants(const km_story *s)
{
    const km_facts *facts = &s->samples.facts;
    int64_t j = s->options.sky != NULL ? KM_SPHERE_FEATURES : 0;
    while (j < s->catalogue.n_features && facts->lowest[j] < facts->highest[j])
        j++;
    if (j == s->catalogue.n_features || facts->n_samples < 2)
        return;
    km_warn(&s->log,
            "a constant feature (%s, column %s): all rows that count have %g there, so that it "
            "tells none apart; leave it out with -c",
            s->catalogue.path, s->catalogue.names[j],
            km_untransform_value(&s->samples.transform, j, facts->lowest[j]));
}
