/* The result file, written beside and compared with what it should be. */
#include "contents.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static km_seat own_seat(void)
{
    km_seat seat;
    km_cpus cpus;
    int length;
    memset(&seat, 0, sizeof seat); /* its padding is gathered, too */
    MPI_Get_processor_name(seat.host, &length);
    km_cpus_of_process(&cpus);
    km_cpus_text(&cpus, seat.cpus, sizeof seat.cpus);
    seat.n_cores = km_cores(&cpus);
    seat.n_threads = km_threads();
    return seat;
}

static km_code gather_setting(km_setting *setting, MPI_Comm comm, km_error *error)
{
    const km_seat seat = own_seat();
    setting->n_ranks = km_comm_size(comm);
    setting->ended = (double)time(NULL);
    setting->seats = km_allocate(setting->n_ranks, sizeof seat, "where ranks run", error);
    if (km_agree(comm, error) == KM_OK)
        km_gather(comm, &seat, sizeof seat, setting->seats);
    return error->code;
}

static km_code write_beside(km_output *output, const km_record *record, const km_setting *setting,
                            MPI_Comm comm, km_error *error)
{
    int64_t offsets[KM_ROW_DATASETS] = {0};
    if (km_comm_rank(comm) == 0 &&
        km_output_create(output, record->options->output, error) == KM_OK &&
        km_contents_write(output->beside, record, setting, error) == KM_OK)
        km_rows_reserve(output->beside, record, offsets, error);
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    /* All ranks open the file by its name until now; only one of them renames or removes it. */
    km_output shared = *output;
    km_broadcast(comm, 0, shared.beside, sizeof shared.beside);
    km_broadcast(comm, 0, offsets, sizeof offsets);
    if (km_has_text_ids(record) && km_text_ids_write(shared.beside, record, comm, error) != KM_OK)
        return error->code;
    if (km_rows_write(shared.beside, record, offsets, comm, error) == KM_OK)
        km_rows_compare(shared.beside, record, comm, error);
    return error->code;
}

km_code km_result_write(km_output *output, const km_record *record, MPI_Comm comm, km_error *error)
{
    km_setting setting = {0};
    if (gather_setting(&setting, comm, error) == KM_OK &&
        write_beside(output, record, &setting, comm, error) == KM_OK && km_comm_rank(comm) == 0)
        km_contents_compare(output->beside, record, &setting, error);
    free(setting.seats);
    return km_agree(comm, error);
}
