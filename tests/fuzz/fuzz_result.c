/* Results in which datasets and attributes are others, as whole files of HDF5: model, labels and
 * centers are read from them, and described, or refused with one message. The files that KM_RESULTS
 * names, with blanks between, are results of the program. */
#include "fuzz.h"

#include "catalogue/first_centers.h"
#include "report/report.h"
#include "result/result.h"

enum { MOST_ITEMS = 400, MOST_FILES = 4, MOST_BYTES = 1 << 20, NAME_SIZE = 200 };

/* Datasets, and attributes of an object. */
typedef struct item {
    char object[NAME_SIZE], attribute[NAME_SIZE]; /* empty: the object is a dataset */
} item;

static struct {
    char *bytes;
    size_t size;
    item items[MOST_ITEMS];
    int n_items;
} results[MOST_FILES], *current = results;
static int n_results;

static void add_item(const char *object, const char *attribute)
{
    if (current->n_items < MOST_ITEMS) {
        item *new = &current->items[current->n_items++];
        snprintf(new->object, NAME_SIZE, "%s", object);
        snprintf(new->attribute, NAME_SIZE, "%s", attribute);
    }
}

static herr_t add_attribute(hid_t object, const char *name, const H5A_info_t *about, void *path)
{
    (void)object;
    (void)about;
    add_item(path, name);
    return 0;
}

static herr_t add_object(hid_t file, const char *name, const H5O_info_t *about, void *context)
{
    char path[NAME_SIZE];
    (void)context;
    snprintf(path, sizeof path, "%s", name);
    if (about->type == H5O_TYPE_DATASET)
        add_item(path, "");
    H5Aiterate_by_name(file, path, H5_INDEX_NAME, H5_ITER_INC, NULL, add_attribute, path,
                       H5P_DEFAULT);
    return 0;
}

static void load_result(const char *path)
{
    FILE *from = fopen(path, "rb");
    ck_assert_msg(from != NULL && n_results < MOST_FILES, "can't take %s\n", path);
    current = &results[n_results++];
    current->bytes = mock_memory(MOST_BYTES, 1);
    current->size = fread(current->bytes, 1, MOST_BYTES, from);
    fclose(from);
    const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, add_object, NULL);
    H5Fclose(file);
    ck_assert(current->n_items > 20 && current->size < MOST_BYTES);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *names = getenv("KM_RESULTS");
    fuzz_start(argc, argv);
    ck_assert_msg(names != NULL, "KM_RESULTS names no results\n");
    char *list = strdup(names), *rest = list;
    for (const char *name; (name = strtok_r(rest, " ", &rest)) != NULL;)
        load_result(name);
    free(list);
    ck_assert(freopen("/dev/null", "w", stdout) != NULL); /* what `info` prints */
    return 0;
}

/* Other values in a dataset, for each of some words. */
static void change_values(draw *d, hid_t file, const char *name)
{
    static const uint64_t odd[] = {
        0,          1,         UINT64_MAX, 0x7ff0000000000000, 0x7ff8000000000000,
        1ull << 63, INT32_MAX, 1ull << 31, 0x3ff0000000000000, 1ull << 40};
    const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    const hid_t type = dataset >= 0 ? H5Dget_type(dataset) : H5I_INVALID_HID;
    const int64_t size = dataset >= 0 ? (int64_t)H5Dget_storage_size(dataset) : 0;
    if (size >= 8 && size < MOST_BYTES && H5Tdetect_class(type, H5T_VLEN) == 0 &&
        !H5Tis_variable_str(type)) {
        char *bytes = mock_memory(size + 8, 1);
        H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes);
        for (uint64_t n = 1 + draw_below(d, 3); n > 0; n--)
            memcpy(bytes + draw_below(d, (uint64_t)size / 4) * 4, &odd[draw_below(d, 10)], 8);
        H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes);
        free(bytes);
    }
    if (type >= 0)
        H5Tclose(type);
    if (dataset >= 0)
        H5Dclose(dataset);
}

static void change_item(draw *d, hid_t file)
{
    const item *it = &current->items[draw_below(d, (uint64_t)current->n_items)];
    const uint64_t kind = draw_below(d, 6);
    if (it->attribute[0] != '\0') {
        const hid_t object = H5Oopen(file, it->object, H5P_DEFAULT);
        if (object < 0)
            return;
        H5Adelete(object, it->attribute);
        if (kind > 0)
            hostile_attribute_named(d, object, it->attribute);
        H5Oclose(object);
    } else if (kind < 3) {
        change_values(d, file, it->object);
    } else {
        H5Ldelete(file, it->object, H5P_DEFAULT);
        if (kind == 3)
            hostile_dataset(d, file, it->object, hostile_type(d, 3));
        else if (kind == 4)
            hostile_dataset(d, file, it->object, H5Tcopy(H5T_NATIVE_DOUBLE));
    }
}

static void read_model(draw *d, const char *path)
{
    km_model model = {0};
    km_recorded recorded = {0};
    km_error error = {0};
    if (km_model_read(&model, path, (int64_t)draw_below(d, 4), MPI_COMM_WORLD, &error) != KM_OK) {
        check_error(0, &error);
    } else {
        ck_assert(model.n_clusters > 0 && model.n_features > 0);
        if (km_recorded_read(&recorded, path, &model, MPI_COMM_WORLD, &error) != KM_OK)
            check_error(0, &error);
        km_recorded_free(&recorded);
    }
    km_model_free(&model);
}

static void read_as_centers(draw *d, const char *path)
{
    double centers[16 * 4];
    km_error error = {0};
    const km_first_centers asked = {.file = path,
                                    .n_clusters = 1 + (int64_t)draw_below(d, 16),
                                    .n_features = 1 + (int64_t)draw_below(d, 4)};
    if (km_first_centers_read(&asked, centers, MPI_COMM_WORLD, &error) != KM_OK)
        check_error(0, &error);
}

static void describe(draw *d, const char *path)
{
    const km_catalogue_name asked = {MOCK_PATH(path)};
    km_error error = {0};
    if (km_info_print(&asked, draw_below(d, 2) == 0, &error) != KM_OK)
        check_error(0, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    draw d = fuzz_draw(data, size);
    const char *path = mock_path(&folder, "result.h5");
    current = &results[draw_below(&d, (uint64_t)n_results)];
    mock_write_file(path, current->bytes, current->size);
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    for (uint64_t n = 1 + draw_below(&d, 4); n > 0; n--)
        change_item(&d, file);
    if (draw_below(&d, 8) > 0) /* it would refuse nearly all changes of the model */
        H5Adelete_by_name(file, "model", "checksum", H5P_DEFAULT);
    H5Fclose(file);
    const int64_t n_handles = count_handles();
    read_model(&d, path);
    read_as_centers(&d, path);
    describe(&d, path);
    ck_assert_msg(count_handles() == n_handles, "handles of HDF5 are left open\n");
    return 0;
}
