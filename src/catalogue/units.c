/* Compares the units of the files of a catalogue. Files are joined as they are, so a difference is
 * worth a warning. */
#include "opened.h"

#include <string.h>

void km_units_note(km_catalogue *catalogue, int64_t file, const km_column *columns)
{
    km_other_units *found = &catalogue->other_units;
    const int64_t n_measured = catalogue->n_columns - catalogue->has_ids;
    for (int64_t c = 0; c < n_measured && !found->is_found; c++) {
        const char *first = catalogue->columns[c].units, *here = columns[c].units;
        if (first[0] != '\0' && here[0] != '\0' && strcmp(first, here) != 0) {
            *found = (km_other_units){.is_found = true, .file = file, .column = c};
            strcpy(found->units, here);
        }
    }
}

void km_units_share(km_catalogue *catalogue, MPI_Comm comm)
{
    km_other_units *found = &catalogue->other_units;
    int64_t lowest = found->is_found ? -found->file : INT64_MIN;
    km_max_int64(comm, &lowest, 1);
    if (lowest == INT64_MIN)
        return;
    int64_t owner = found->is_found && found->file == -lowest ? km_comm_rank(comm) : -1;
    km_max_int64(comm, &owner, 1);
    km_broadcast(comm, (int)owner, found, sizeof *found);
}
