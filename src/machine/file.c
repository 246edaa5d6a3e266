/* The description of a machine in a file: of `probe`, or the record of a run. */
#include "base/memory.h"
#include "machine/machine.h"
#include "members.h"

#include <errno.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The text of a file, which the caller frees; NULL if it can't be read. */
static char *read_text(const char *path, km_error *error)
{
    enum { MAX_BYTES = 1 << 28 };
    FILE *file = fopen(path, "r");
    char *text = NULL;
    int64_t size = 0;
    struct stat status;
    if (file == NULL || fstat(fileno(file), &status) != 0)
        km_fail(error, KM_SYSTEM, "can't read the figures of the machine (%s): %s; check --machine",
                path, strerror(errno));
    else if (!S_ISREG(status.st_mode) || status.st_size > MAX_BYTES)
        km_fail(error, KM_DATA,
                "no figures of a machine (%s): it is no file, or too large; check --machine", path);
    else if ((text = km_allocate_zeroed((size = status.st_size) + 1, 1, "figures of the machine",
                                        error)) != NULL &&
             fread(text, 1, (size_t)size, file) != (size_t)size)
        km_fail(error, KM_SYSTEM, "can't read the figures of the machine (%s): %s; check --machine",
                path, ferror(file) ? strerror(errno) : "it has become shorter");
    if (file != NULL)
        fclose(file);
    return text;
}

/* A number that must be there and be at least so large. */
static double at_least(double least, const char *json, const char *name, const char *path,
                       km_error *error)
{
    double number = 0;
    if ((!km_json_number(json, name, &number) || !(number >= least)) && error->code == KM_OK)
        km_fail(error, KM_DATA,
                "no figures of a machine (%s): it has no number %s%s; use a file that "
                "skymeans probe -o or fit --metrics wrote",
                path, name, least > 0 ? " above 0" : "");
    return number;
}

static double positive(const char *json, const char *name, const char *path, km_error *error)
{
    return at_least(DBL_MIN, json, name, path, error);
}

/* Ranks, nodes, threads; as small whole numbers. */
static int64_t count_of(const char *json, const char *name, const char *path, km_error *error)
{
    const double number = positive(json, name, path, error);
    return number < 1 ? 1 : number > INT32_MAX ? INT32_MAX : (int64_t)number;
}

static void take_messages(km_machine *machine, const char *json, const char *path, km_error *error)
{
    const char *message = km_json_first(km_json_find(json, "allreduce"));
    for (; message != NULL && machine->n_messages < KM_MAX_MESSAGES;
         message = km_json_next(message)) {
        km_message_time *next = &machine->messages[machine->n_messages++];
        next->bytes = positive(message, "bytes", path, error);
        next->seconds = positive(message, "seconds", path, error);
        if (machine->n_messages > 1 && next->bytes <= next[-1].bytes && error->code == KM_OK)
            km_fail(error, KM_DATA,
                    "bad figures of a machine (%s): the sizes in allreduce must grow; sort them",
                    path);
    }
}

static km_comparing comparing_of(const char *json, const char *path, km_error *error)
{
    /* A disturbed machine may seem to have no fixed part, or only that. */
    return (km_comparing){at_least(0, json, "fixed", path, error),
                          at_least(0, json, "per_feature", path, error)};
}

static void take_limits(km_machine *machine, const char *json, const char *path, km_error *error)
{
    static const char *const names[] = {[KM_FLOAT32] = "float32", [KM_FLOAT64] = "float64"};
    machine->n_ranks = count_of(json, "ranks", path, error);
    machine->n_nodes = count_of(json, "nodes", path, error);
    machine->n_threads = count_of(json, "threads", path, error);
    machine->memory = positive(json, "memory_bytes_per_second", path, error);
    for (int p = KM_FLOAT32; p <= KM_FLOAT64 && error->code == KM_OK; p++) {
        char name[64];
        snprintf(name, sizeof name, "fma_per_second.%s", names[p]);
        machine->fma[p] = positive(json, name, path, error);
        snprintf(name, sizeof name, "comparing_seconds.%s", names[p]);
        const char *comparing = km_json_find(json, name);
        machine->comparing[p] = comparing_of(comparing != NULL ? comparing : "", path, error);
    }
    if (km_json_find(json, "read_bytes_per_second") != NULL)
        machine->reading = positive(json, "read_bytes_per_second", path, error);
    if (machine->n_ranks == 1) /* its messages go nowhere */
        return;
    machine->n_messages = 0; /* those of a run are fewer */
    machine->message_ranks = machine->n_ranks;
    take_messages(machine, json, path, error);
}

/* The mean of what a fit added up in an iteration. */
static void take_reductions(km_machine *machine, const char *json, int64_t n_ranks,
                            const char *path, km_error *error)
{
    const double reductions = positive(json, "reductions", path, error);
    if (n_ranks == 1 || machine->n_messages > 0 || error->code != KM_OK)
        return;
    machine->message_ranks = n_ranks;
    machine->messages[machine->n_messages++] = (km_message_time){
        positive(json, "bytes_reduced", path, error) / reductions / (double)n_ranks,
        positive(json, "phases.reduce.mean", path, error) / reductions};
}

/* What a fit took. Each thread assigned its part of the samples. */
static void take_figures_of_run(km_machine *machine, const char *json, const char *path,
                                km_error *error)
{
    if (km_json_find(json, "choice") != NULL)
        km_fail(error, KM_DATA,
                "no figures of a machine (%s): it is the record of a fit with several numbers of "
                "clusters, whose times are not told apart; take that of a fit with one -k",
                path);
    const int64_t n_ranks = count_of(json, "plan.ranks", path, error);
    const double n_threads = (double)n_ranks * positive(json, "plan.threads", path, error);
    const double work =
        positive(json, "assignments", path, error) * positive(json, "result.n_used", path, error) *
        positive(json, "plan.clusters", path, error) * positive(json, "plan.features", path, error);
    const double assigning = positive(json, "phases.assign.mean", path, error);
    const double bytes = positive(json, "bytes_read", path, error);
    const double reading = positive(json, "phases.read.max", path, error);
    take_reductions(machine, json, n_ranks, path, error);
    if (error->code != KM_OK)
        return;
    machine->pair_seconds = assigning * n_threads / work;
    if (machine->reading == 0)
        machine->reading = bytes / reading;
    km_json_string(json, "plan.algorithm", machine->algorithm, sizeof machine->algorithm);
}

km_code km_machine_read(km_machine *machine, const char *path, km_error *error)
{
    char *json = read_text(path, error);
    if (error->code == KM_OK && km_json_find(json, "plan") != NULL)
        take_figures_of_run(machine, json, path, error);
    else if (error->code == KM_OK)
        take_limits(machine, json, path, error);
    free(json);
    return error->code;
}
