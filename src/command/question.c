/* The question of a run: a text with all that decides its result. A run goes on from a checkpoint
 * only if both have the same question. */
#include "command/command.h"

#include "base/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static void put_files(FILE *file, const km_catalogue *c)
{
    for (int64_t f = 0; f < c->n_files; f++) {
        if (!km_begins_file(c, f))
            continue;
        fprintf(file, "catalogue: %s\nsize of the catalogue in bytes: %lld\n", c->files[f].path,
                (long long)c->files[f].bytes);
        fprintf(file, "last change of the catalogue, in seconds since 1970: %lld\n",
                (long long)c->files[f].time);
    }
}

static void put_file_of_columns(FILE *file, const char *path)
{
    struct stat status = {0};
    const bool is_there = stat(path, &status) == 0;
    fprintf(file, "other file: %s\nits size in bytes: %lld\nits last change: %lld\n", path,
            is_there ? (long long)status.st_size : -1, (long long)status.st_mtim.tv_sec);
}

static void put_feature(FILE *file, const km_catalogue *c, int64_t j)
{
    const int64_t e = c->columns[j].expression;
    fprintf(file, "feature %lld: %s%s%s\n", (long long)j, c->names[j], e > 0 ? " = " : "",
            e > 0 ? c->expressions[e - 1].text : "");
}

static void put_places(FILE *file, const km_catalogue *c)
{
    put_files(file, c);
    for (int64_t i = 0; i < c->n_others; i++)
        put_file_of_columns(file, c->others[i]);
    fprintf(file, "table: %s\n", c->table);
}

/* Columns, rows, and what their numbers mean. */
static void put_inputs(FILE *file, const km_catalogue *c)
{
    const km_catalogue_name *asked = &c->asked;
    for (int64_t i = 0; i < asked->n_missing_values; i++)
        fprintf(file, "missing-value: %s\n", asked->missing_values[i]);
    for (int64_t j = 0; j < c->n_features; j++)
        put_feature(file, c, j);
    fprintf(file, "where: %s\nweights: %s\nraw: %d\nfill-is-missing: %d\ntranspose: %d\n",
            asked->where != NULL ? asked->where : "", asked->weights != NULL ? asked->weights : "",
            asked->is_raw, asked->fill_is_missing, asked->is_transposed);
}

/* Writes a text by a function. NULL if out of memory. */
static char *make_text(const km_story *s, void (*put)(FILE *file, const km_story *s), size_t *size)
{
    char *text = NULL;
    FILE *file = km_fault_of_allocation() ? NULL : open_memstream(&text, size);
    if (file == NULL)
        return NULL;
    put(file, s);
    if (fclose(file) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* ---- the question of a checkpoint ------------------------------------------------------------ */

static void put_checkpoint_question(FILE *file, const km_story *s)
{
    put_places(file, &s->catalogue);
    put_inputs(file, &s->catalogue);
    km_problem_print(file, &s->options.problem, s->catalogue.n_features);
}

char *km_question_text(const km_story *s)
{
    size_t size;
    return make_text(s, put_checkpoint_question, &size);
}

/* ---- the fingerprint ------------------------------------------------------------------------- */

/* What was asked, wherever the rows are. */
static void put_asked(FILE *file, const km_story *s)
{
    const skymeans_problem *problem = &s->options.problem;
    put_inputs(file, &s->catalogue);
    if (s->options.model != NULL) {
        fprintf(file, "labels by %lld centers of: %s\n", (long long)s->model.n_clusters,
                s->model.checksum);
        return;
    }
    km_problem_print(file, problem, s->catalogue.n_features);
    fprintf(file, "max-iterations: %lld\norder-by: %s\n", (long long)problem->max_iterations,
            s->options.order_by != NULL ? s->options.order_by : "");
}

km_code km_find_fingerprint(km_story *s)
{
    size_t size = 0;
    char *asked = make_text(s, put_asked, &size);
    if (asked == NULL)
        km_fail(&s->error, KM_MEMORY, "out of memory (fingerprint): use fewer features");
    else
        km_fingerprint_print(s->fingerprint, km_hash_bytes(asked, (int64_t)size), s->values_hash,
                             s->answer->checksum);
    free(asked);
    return km_agree(s->comm, &s->error);
}
