/* Attributes in which a file's author describes columns and tables. */
#include "info.h"

#include <stdio.h>
#include <string.h>

static void read_remark(hid_t file, const char *path, const char *name, char *text)
{
    const hid_t object = H5Oopen(file, path, H5P_DEFAULT);
    text[0] = '\0';
    if (object < 0)
        return;
    km_h5_read_text(object, name, text, KM_REMARK_SIZE);
    H5Oclose(object);
}

/* A member of a compound has no attributes: those of the dataset describe all members. */
void km_remark_of_column(hid_t file, const km_column *column, const char *name, char *text)
{
    text[0] = '\0';
    if (column->values.other == 0 && column->values.member[0] == '\0')
        read_remark(file, column->values.dataset, name, text);
}

/* vaex has the columns in a group `columns`, inside the group that has the table's attributes. */
void km_remark_of_table(hid_t file, const km_table *table, const char *name, char *text)
{
    static const char INNER[] = "/columns";
    char path[KM_DATASET_SIZE];
    snprintf(path, sizeof path, "%s", table->path);
    const size_t length = strlen(path), inner = sizeof INNER - 1;
    if (length > inner && strcmp(path + length - inner, INNER) == 0)
        path[length - inner] = '\0';
    read_remark(file, path, name, text);
}
