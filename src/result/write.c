/* The result file, written under a temporary name beside its final one, and read back. */
#include "base/error.h"
#include "contents.h"
#include "process/output.h"

static km_code write_beside(km_output *output, const km_record *record, MPI_Comm comm,
                            km_error *error)
{
    int64_t offsets[KM_ROW_DATASETS] = {0};
    if (km_comm_rank(comm) == 0 &&
        km_output_create(output, record->outputs->result, error) == KM_OK &&
        km_contents_write(output->beside, record, error) == KM_OK)
        km_rows_reserve(output->beside, record, offsets, error);
    if (km_agree(comm, error) != KM_OK)
        return error->code;
    /* All ranks open the file under its temporary name, but only rank 0 renames or removes it. */
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
    if (write_beside(output, record, comm, error) == KM_OK && km_comm_rank(comm) == 0)
        km_contents_compare(output->beside, record, error);
    return km_agree(comm, error);
}
