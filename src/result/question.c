/* The question that a run answers: what decides its result, and whether a checkpoint is its own. */
#include "base/fault.h"
#include "checkpoint.h"

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

static void put_other(FILE *file, const char *path)
{
    struct stat status = {0};
    const bool is_there = stat(path, &status) == 0;
    fprintf(file, "other file: %s\nits size in bytes: %lld\nits last change: %lld\n", path,
            is_there ? (long long)status.st_size : -1, (long long)status.st_mtim.tv_sec);
}

char *km_question_text(const km_record *record)
{
    const km_options *o = record->options;
    const km_catalogue *c = record->catalogue;
    char *text = NULL;
    size_t size;
    FILE *file = km_fault_of_allocation() ? NULL : open_memstream(&text, &size);
    if (file == NULL)
        return NULL;
    put_files(file, c);
    for (int64_t i = 0; i < c->n_others; i++)
        put_other(file, c->others[i]);
    fprintf(file, "table: %s\n", c->table);
    for (int64_t i = 0; i < o->missing_values.count; i++)
        fprintf(file, "missing-value: %s\n", o->missing_values.texts[i]);
    for (int64_t j = 0; j < c->n_features; j++)
        fprintf(file, "feature %lld: %s\n", (long long)j, c->names[j]);
    fprintf(file, "weights: %s\nmissing: %s\nscale: %s\nclusters: %lld\n",
            o->weights != NULL ? o->weights : "", km_options_missing(o), km_options_scale(o),
            (long long)o->clusters);
    fprintf(file, "raw: %d\nfill-is-missing: %d\ntranspose: %d\n", o->raw, o->fill_is_missing,
            o->transpose);
    fprintf(file, "seeding: %s\nseeding-rows: %lld\nrandom-seed: %llu\nrestarts: %lld\n",
            o->seeding, (long long)record->plan->seeding_rows, (unsigned long long)o->random_seed,
            (long long)o->restarts);
    if (record->plan->seeding == NULL) /* from a file, whatever its name and time are */
        fprintf(file, "hash of the first centers: %016llx\n",
                (unsigned long long)record->seeding_hash);
    fprintf(file, "tolerance: %.17g\n", o->tolerance);
    if (o->restarts > 1) /* fits that are done had this limit, and those to come need the same */
        fprintf(file, "max-iterations: %lld\n", (long long)o->max_iterations);
    if (fclose(file) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
