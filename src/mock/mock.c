/* Mock catalogues: the table of their kinds, and what all kinds have in common. */
#include "mock/kinds.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* A new kind is a file with a row like km_mock_mixture, declared in kinds.h, and a place here. */
static const km_mock_kind *const kinds[] = {&km_mock_mixture, &km_mock_survey};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

const char *const km_mock_kind_names[] = {"mixture", "survey", NULL};
const char *const km_mock_layout_names[] = {"array", "columns", NULL};
const char *const km_mock_type_names[] = {"float32", "float64", NULL};

static const km_mock_kind *find_kind(const char *name)
{
    for (int i = 0; i < N_KINDS; i++)
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    return NULL;
}

km_code km_mock_add_truth(km_mock *mock, int i, const char *name, int64_t n_rows, int64_t n_columns,
                          km_error *error)
{
    km_mock_truth *truth = &mock->truths[i];
    *truth = (km_mock_truth){.name = name, .n_rows = n_rows, .n_columns = n_columns};
    const int64_t count = n_columns > 0 ? n_rows * n_columns : n_rows;
    truth->values = km_allocate(count, sizeof *truth->values, "truth of the mock", error);
    return error->code;
}

km_mock *km_mock_create(const km_mock_asked *asked, km_error *error)
{
    km_mock *mock = km_allocate_zeroed(1, sizeof *mock, "mock", error);
    if (mock == NULL)
        return NULL;
    mock->asked = *asked;
    mock->kind = find_kind(asked->kind);
    if (asked->n_files > asked->n_rows)
        km_fail(error, KM_USAGE,
                "bad value (--files %lld): there are fewer rows; ask for fewer files",
                (long long)asked->n_files);
    if (error->code != KM_OK || mock->kind->check(&mock->asked, error) != KM_OK ||
        mock->kind->create(mock, error) != KM_OK) {
        km_mock_free(mock);
        return NULL;
    }
    mock->is_array = strcmp(mock->asked.layout, "array") == 0;
    mock->is_double = strcmp(mock->asked.type, "float64") == 0;
    return mock;
}

void km_mock_free(km_mock *mock)
{
    if (mock == NULL)
        return;
    for (int i = 0; i < KM_MOCK_MAX_TRUTHS; i++)
        free(mock->truths[i].values);
    free(mock->columns);
    free(mock->model);
    free(mock);
}
