/* Everything in a file with a mock catalogue but its rows. What is written is compared later by the
 * same walk. */
#include "mock/file.h"

#include "base/fault.h"
#include "base/memory.h"
#include "base/version.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool put_text(const km_h5_verbs *verbs, hid_t object, const char *name, const char *text)
{
    const hid_t type = km_h5_text_type();
    const bool is_good = verbs->attribute(object, name, type, &text);
    H5Tclose(type);
    return is_good;
}

static bool put_int(const km_h5_verbs *verbs, hid_t object, const char *name, int64_t value)
{
    return verbs->attribute(object, name, H5T_NATIVE_INT64, &value);
}

/* What the catalogue is, as attributes of the root. */
static bool put_question(const km_h5_verbs *verbs, hid_t handle, const km_mock_file *file)
{
    const km_mock_asked *asked = &file->layout->mock->asked;
    return put_text(verbs, handle, KM_MOCK_MARK, asked->kind) &&
           put_text(verbs, handle, "skymeans_version", KM_VERSION) &&
           verbs->attribute(handle, "random_seed", H5T_NATIVE_UINT64, &asked->random_seed) &&
           put_int(verbs, handle, "n_rows", asked->n_rows) &&
           put_int(verbs, handle, "first_row", file->first_row);
}

static bool put_truths(const km_h5_verbs *verbs, hid_t handle, const km_mock *mock)
{
    char path[64];
    for (int i = 0; i < KM_MOCK_MAX_TRUTHS; i++) {
        const km_mock_truth *truth = &mock->truths[i];
        const hsize_t shape[2] = {(hsize_t)truth->n_rows, (hsize_t)truth->n_columns};
        if (truth->name == NULL)
            continue;
        snprintf(path, sizeof path, "/truth/%s", truth->name);
        if (!verbs->array(handle, path, H5T_NATIVE_DOUBLE, truth->n_columns > 0 ? 2 : 1, shape,
                          truth->values))
            return false;
    }
    return true;
}

/* A list of texts as an attribute of a dataset. */
static bool put_texts_of(const km_h5_verbs *verbs, hid_t handle, const char *path, const char *name,
                         const char *const *texts, int64_t count)
{
    const hid_t dataset = H5Dopen2(handle, path, H5P_DEFAULT);
    const bool is_good = km_h5_note(dataset) && verbs->texts(dataset, name, texts, count);
    if (dataset >= 0)
        H5Dclose(dataset);
    return is_good;
}

/* Names of the columns that centers are about, and of the classes that labels stand for. */
static bool put_names(const km_h5_verbs *verbs, hid_t handle, const km_mock *mock)
{
    const int64_t n_features = mock->truths[0].n_columns;
    const char **names = calloc((size_t)n_features, sizeof *names);
    bool is_good = names != NULL;
    for (int64_t j = 0; j < n_features && names != NULL; j++)
        names[j] = mock->columns[mock->first_feature + j].name;
    is_good = is_good &&
              put_texts_of(verbs, handle, "/truth/centers", "features", names, n_features) &&
              (mock->classes[0] == NULL || put_texts_of(verbs, handle, "/truth/labels", "classes",
                                                        mock->classes, KM_MOCK_MAX_CLASSES));
    free(names);
    return is_good;
}

static bool put_mock_column(const km_h5_verbs *verbs, hid_t dataset, const km_mock_column *column)
{
    return (column->units == NULL || put_text(verbs, dataset, "units", column->units)) &&
           (column->description == NULL ||
            put_text(verbs, dataset, "description", column->description));
}

static bool put_mock_columns(const km_h5_verbs *verbs, hid_t handle, const km_mock_layout *layout)
{
    bool is_good = true;
    for (int64_t f = 0; f < layout->n_fields && is_good; f++) {
        const km_mock_field *field = &layout->fields[f];
        if (field->column == NULL)
            continue;
        const hid_t dataset = H5Dopen2(handle, field->path, H5P_DEFAULT);
        is_good = km_h5_note(dataset) && put_mock_column(verbs, dataset, field->column);
        if (dataset >= 0)
            H5Dclose(dataset);
    }
    return is_good;
}

static bool put_mock_contents(const km_h5_verbs *verbs, hid_t handle, const km_mock_file *file)
{
    return put_question(verbs, handle, file) && put_truths(verbs, handle, file->layout->mock) &&
           put_names(verbs, handle, file->layout->mock) &&
           put_mock_columns(verbs, handle, file->layout);
}

static bool add_fields_to_file(hid_t handle, const km_mock_layout *layout)
{
    bool is_good = true;
    for (int64_t f = 0; f < layout->n_fields && is_good; f++) {
        const km_h5_storage storage = km_mock_storage(layout, &layout->fields[f]);
        const hid_t dataset = km_h5_add_storage(handle, layout->fields[f].path, &storage);
        is_good = dataset >= 0 && km_h5_note(H5Dclose(dataset));
    }
    return is_good;
}

hid_t km_mock_contents_create(const km_mock_file *file, km_error *error)
{
    const hid_t empty = km_h5_create_in_memory();
    if (empty < 0 || !km_h5_save(empty, file->beside) || km_fault("create the mock"))
        km_mock_cannot_write(file, strerror(errno), error);
    if (empty >= 0)
        H5Fclose(empty);
    if (error->code != KM_OK)
        return H5I_INVALID_HID;
    const hid_t handle = km_h5_open_to_add(file->beside);
    if (handle < 0 || !add_fields_to_file(handle, file->layout) ||
        !put_mock_contents(&km_h5_write, handle, file) || km_fault("write contents of the mock"))
        km_mock_cannot_write(file, km_h5_reason(), error);
    return handle;
}

km_code km_mock_contents_compare(const km_mock_file *file, km_error *error)
{
    km_error why = {0};
    hid_t handle;
    if (km_h5_open(file->beside, &handle, &why) != KM_OK)
        km_mock_cannot_write(file, why.text, error);
    else if (!put_mock_contents(&km_h5_compare, handle, file) ||
             km_fault("compare contents of the mock"))
        km_mock_cannot_write(file, "its contents read back differently", error);
    if (handle >= 0)
        H5Fclose(handle);
    return error->code;
}

bool km_mock_find_offsets(const km_mock_layout *layout, hid_t handle, int64_t *offsets)
{
    bool is_good = true;
    for (int64_t f = 0; f < layout->n_fields && is_good; f++) {
        const km_h5_storage storage = km_mock_storage(layout, &layout->fields[f]);
        const hid_t dataset = H5Dopen2(handle, layout->fields[f].path, H5P_DEFAULT);
        is_good = km_h5_note(dataset) &&
                  km_h5_find_storage(dataset, &storage, offsets + f * layout->n_chunks);
        if (dataset >= 0)
            H5Dclose(dataset);
    }
    return is_good;
}
