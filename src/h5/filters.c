/* The names of filters. */
#include "base/text.h"
#include "h5/h5.h"

#include <stdio.h>

/* Names of filters by their numbers, those that HDF5 has and those that are registered:
 * https://github.com/HDFGroup/hdf5_plugins/blob/master/docs/RegisteredFilterPlugins.md */
static const struct filter_name {
    H5Z_filter_t id;
    const char *name;
} filter_names[] = {{H5Z_FILTER_DEFLATE, "deflate"},
                    {H5Z_FILTER_SHUFFLE, "shuffle"},
                    {H5Z_FILTER_FLETCHER32, "fletcher32"},
                    {H5Z_FILTER_SZIP, "szip"},
                    {H5Z_FILTER_NBIT, "nbit"},
                    {H5Z_FILTER_SCALEOFFSET, "scaleoffset"},
                    {305, "lzo"},
                    {307, "bzip2"},
                    {32000, "lzf"},
                    {32001, "blosc"},
                    {32003, "mafisc"},
                    {32004, "lz4"},
                    {32008, "bitshuffle"},
                    {32010, "sz"},
                    {32013, "zfp"},
                    {32015, "zstd"},
                    {32017, "sz"},
                    {32018, "fcidecomp"},
                    {32023, "granular bitround"},
                    {32024, "sz3"},
                    {32026, "blosc2"},
                    {32028, "sperr"}};

H5Z_filter_t km_h5_name_filter(hid_t creation, int number, char *text, size_t size)
{
    unsigned flags, config;
    size_t n_values = 0;
    char own[24] = "";
    const H5Z_filter_t id = H5Pget_filter2(creation, (unsigned)number, &flags, &n_values, NULL,
                                           sizeof own, own, &config);
    own[sizeof own - 1] = '\0';
    const char *name = own;
    for (size_t i = 0; i < sizeof filter_names / sizeof *filter_names; i++)
        if (filter_names[i].id == id)
            name = filter_names[i].name;
    snprintf(text, size, "%s", name[0] != '\0' ? name : "filter");
    km_make_printable(text);
    return id;
}
