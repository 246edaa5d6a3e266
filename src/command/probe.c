/* The steps of `probe`, and the figures of a machine that other commands take. */
#include "command/command.h"

#include "base/threads.h"
#include "process/output.h"

km_code km_check_probe_output(km_story *s)
{
    const km_outputs *outputs = &s->options.outputs;
    if (s->log.is_speaker && outputs->result != NULL)
        km_output_check(outputs->result, outputs->may_replace, &s->error);
    return km_agree(s->comm, &s->error);
}

km_code km_measure_machine(km_story *s)
{
    const km_kernel *kernel = km_kernel_choose("auto", km_kernels_of_all_ranks("auto", s->comm));
    if (km_setting_gather(&s->setting, s->comm, &s->error) != KM_OK)
        return s->error.code;
    s->machine = (km_machine){.n_ranks = s->setting.n_ranks,
                              .n_nodes = s->setting.n_nodes,
                              .n_threads = s->setting.max_threads};
    if (km_machine_measure(&s->machine, kernel, s->comm, &s->error) == KM_OK && km_is_heard(s))
        km_probe_print(&s->machine, &s->setting, kernel);
    if (s->log.is_speaker && s->error.code == KM_OK && s->options.outputs.result != NULL) {
        km_output output = {0};
        const km_probed probed = {&s->machine, &s->setting, kernel, s->command};
        if (km_probe_write(&output, s->options.outputs.result, &probed, &s->error) == KM_OK)
            km_output_publish(&output, s->options.outputs.may_replace, &s->error);
        km_output_discard(&output);
    }
    return km_agree(s->comm, &s->error);
}

km_code km_take_machine(km_story *s)
{
    const km_texts *files = &s->options.machines;
    if (files->count == 0)
        return KM_OK;
    for (int64_t i = 0; i < files->count && s->log.is_speaker && s->error.code == KM_OK; i++)
        km_machine_read(&s->machine, files->texts[i], &s->error);
    if (km_agree(s->comm, &s->error) == KM_OK)
        km_broadcast(s->comm, 0, &s->machine, sizeof s->machine);
    return s->error.code;
}
