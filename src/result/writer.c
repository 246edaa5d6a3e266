/* Attributes and small arrays of a result, one per call. */
#include "writer.h"
#include "base/error.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void put_attribute(km_writer *w, const char *name, hid_t type, const void *value)
{
    w->is_ok = w->is_ok && w->verbs->attribute(w->group, name, type, value);
}

void km_put_int(km_writer *w, const char *name, int64_t value)
{
    put_attribute(w, name, H5T_NATIVE_INT64, &value);
}

void km_put_uint(km_writer *w, const char *name, uint64_t value)
{
    put_attribute(w, name, H5T_NATIVE_UINT64, &value);
}

void km_put_real(km_writer *w, const char *name, double value)
{
    put_attribute(w, name, H5T_NATIVE_DOUBLE, &value);
}

void km_put_text(km_writer *w, const char *name, const char *text)
{
    const hid_t type = km_h5_text_type();
    put_attribute(w, name, type, &text);
    H5Tclose(type);
}

void km_put_hash(km_writer *w, const char *name, uint64_t hash)
{
    char text[17];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)hash);
    km_put_text(w, name, text);
}

void km_put_time(km_writer *w, const char *name, double seconds)
{
    char text[32];
    const time_t whole = (time_t)seconds;
    struct tm parts;
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&whole, &parts));
    km_put_text(w, name, text);
}

static void put_array(km_writer *w, const char *name, hid_t type, const char *const *dimensions,
                      const int64_t *sizes, int n_dimensions, const void *values)
{
    hsize_t shape[3];
    for (int i = 0; i < n_dimensions; i++)
        shape[i] = (hsize_t)sizes[i];
    w->is_ok = w->is_ok && w->verbs->array(w->file, name, type, n_dimensions, shape, values);
    const hid_t dataset = w->is_ok ? H5Dopen2(w->file, name, H5P_DEFAULT) : H5I_INVALID_HID;
    w->is_ok =
        dataset >= 0 && w->verbs->texts(dataset, KM_H5_DIMENSION_LABELS, dimensions, n_dimensions);
    if (dataset >= 0)
        H5Dclose(dataset);
}

void km_put_list(km_writer *w, const char *name, const char *dimension, hid_t type, int64_t count,
                 const void *values)
{
    put_array(w, name, type, &dimension, &count, 1, values);
}

void km_put_matrix(km_writer *w, const char *name, int64_t k, int64_t d, const double *values)
{
    const char *const dimensions[2] = {"cluster", "feature"};
    const int64_t sizes[2] = {k, d};
    put_array(w, name, H5T_NATIVE_DOUBLE, dimensions, sizes, 2, values);
}

void km_put_values(km_writer *w, const char *name, const char *const *dimensions,
                   const int64_t *sizes, int n_dimensions, const double *values)
{
    put_array(w, name, H5T_NATIVE_DOUBLE, dimensions, sizes, n_dimensions, values);
}

static bool is_ascii(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text > 127)
            return false;
    return true;
}

void km_put_names(km_writer *w, const char *name, const char *dimension, const char *const *texts,
                  int64_t count, km_error *error)
{
    size_t longest = 1;
    bool are_ascii = true;
    for (int64_t i = 0; i < count; i++) {
        longest = strlen(texts[i]) > longest ? strlen(texts[i]) : longest;
        are_ascii = are_ascii && is_ascii(texts[i]);
    }
    char *padded = km_allocate_zeroed(count, longest, "names in the result", error);
    if (padded == NULL)
        return;
    for (int64_t i = 0; i < count; i++)
        memcpy(padded + (size_t)i * longest, texts[i], strlen(texts[i]));
    const hid_t type = km_h5_fixed_text_type(longest, are_ascii);
    km_put_list(w, name, dimension, type, count, padded);
    H5Tclose(type);
    free(padded);
}

void km_writer_open(km_writer *w, const char *name)
{
    w->is_ok = w->is_ok && w->verbs->group(w->file, name);
    w->group = w->is_ok ? H5Gopen2(w->file, name, H5P_DEFAULT) : H5I_INVALID_HID;
}

void km_writer_close(km_writer *w)
{
    if (w->group >= 0)
        H5Gclose(w->group);
    w->group = w->file;
}
