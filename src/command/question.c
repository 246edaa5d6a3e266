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

/* Files, table, columns, and what their numbers mean. */
static void put_inputs(FILE *file, const km_story *s)
{
    const km_catalogue *c = &s->catalogue;
    const km_catalogue_name *asked = &c->asked;
    put_files(file, c);
    for (int64_t i = 0; i < c->n_others; i++)
        put_file_of_columns(file, c->others[i]);
    fprintf(file, "table: %s\n", c->table);
    for (int64_t i = 0; i < asked->n_missing_values; i++)
        fprintf(file, "missing-value: %s\n", asked->missing_values[i]);
    for (int64_t j = 0; j < c->n_features; j++)
        put_feature(file, c, j);
    fprintf(file, "where: %s\nweights: %s\nraw: %d\nfill-is-missing: %d\ntranspose: %d\n",
            asked->where != NULL ? asked->where : "", asked->weights != NULL ? asked->weights : "",
            asked->is_raw, asked->fill_is_missing, asked->is_transposed);
}

char *km_question_text(const km_story *s)
{
    char *text = NULL;
    size_t size;
    FILE *file = km_fault_of_allocation() ? NULL : open_memstream(&text, &size);
    if (file == NULL)
        return NULL;
    put_inputs(file, s);
    km_problem_print(file, &s->options.problem, s->catalogue.n_features);
    if (fclose(file) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
