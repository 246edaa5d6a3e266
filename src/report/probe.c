/* `probe`: what the machine can do, for people, and as JSON for --machine. */
#include "json.h"

#include "base/text.h"
#include "report/report.h"

#include <stdio.h>

void km_probe_print(const km_machine *machine, const km_setting *setting, const km_kernel *kernel)
{
    printf("\nskymeans: what this machine can do\n\n");
    printf("  run         %lld rank%s of %lld thread%s on %lld node%s\n",
           (long long)machine->n_ranks, km_plural(machine->n_ranks), (long long)machine->n_threads,
           km_plural(machine->n_threads), (long long)machine->n_nodes, km_plural(machine->n_nodes));
    printf("  arithmetic  %.4g G FMA/s per node in float32, %.4g in float64, %s kernel\n",
           1e-9 * machine->fma[KM_FLOAT32], 1e-9 * machine->fma[KM_FLOAT64], kernel->name);
    const km_comparing *comparing = machine->comparing;
    printf(
        "  comparing   a sample with a center takes a thread %.3f + %.4f d ns in float32, %.3f + "
        "%.4f d ns\n              in float64, with d features\n",
        1e9 * comparing[KM_FLOAT32].fixed, 1e9 * comparing[KM_FLOAT32].per_feature,
        1e9 * comparing[KM_FLOAT64].fixed, 1e9 * comparing[KM_FLOAT64].per_feature);
    printf("  memory      %.4g GB/s per node, reading\n", 1e-9 * machine->memory);
    if (machine->n_messages == 0)
        puts("  sums        not measured: they need several ranks (mpirun, srun)");
    for (int64_t i = 0; i < machine->n_messages; i++)
        printf("  %-11s %8.0f bytes over all ranks in %.4g us\n", i == 0 ? "sums" : "",
               machine->messages[i].bytes, 1e6 * machine->messages[i].seconds);
    if (setting->ranks_per_node * setting->max_threads > setting->min_cores &&
        !km_setting_is_new(setting, setting->n_ranks - 1, offsetof(km_rank_setting, cpus)))
        puts("\n  hint: several ranks may run on the same cores, so this may be less than the node "
             "can do");
}

static void put_comparing(km_json *json, const char *name, const km_comparing *comparing)
{
    km_json_open(json, name, '{');
    km_json_real(json, "fixed", comparing->fixed);
    km_json_real(json, "per_feature", comparing->per_feature);
    km_json_close(json, '}');
}

static void put_probed(FILE *file, const void *what)
{
    const km_probed *probed = what;
    const km_machine *machine = probed->machine;
    km_json json = {.file = file, .is_first = true};
    km_json_open(&json, NULL, '{');
    km_json_int(&json, "version", 1);
    km_json_text(&json, "command", probed->command);
    km_json_put_setting(&json, probed->setting);
    km_json_text(&json, "kernel", probed->kernel->name);
    km_json_int(&json, "ranks", machine->n_ranks);
    km_json_int(&json, "threads", machine->n_threads);
    km_json_open(&json, "fma_per_second", '{');
    km_json_real(&json, "float32", machine->fma[KM_FLOAT32]);
    km_json_real(&json, "float64", machine->fma[KM_FLOAT64]);
    km_json_close(&json, '}');
    km_json_open(&json, "comparing_seconds", '{');
    put_comparing(&json, "float32", &machine->comparing[KM_FLOAT32]);
    put_comparing(&json, "float64", &machine->comparing[KM_FLOAT64]);
    km_json_close(&json, '}');
    km_json_real(&json, "memory_bytes_per_second", machine->memory);
    km_json_open(&json, "allreduce", '[');
    for (int64_t i = 0; i < machine->n_messages; i++) {
        km_json_open(&json, NULL, '{');
        km_json_real(&json, "bytes", machine->messages[i].bytes);
        km_json_real(&json, "seconds", machine->messages[i].seconds);
        km_json_close(&json, '}');
    }
    km_json_close(&json, ']');
    km_json_close(&json, '}');
    fputc('\n', file);
}

km_code km_probe_write(km_output *output, const char *path, const km_probed *probed,
                       km_error *error)
{
    return km_json_write(output, path, "the figures of the machine", put_probed, probed, error);
}
