/* What a machine can do: members of JSON files, and times between what was measured. */
#include "machine/machine.h"
#include "machine/members.h"
#include "mpi_check.h"

#include <math.h>
#include <string.h>

static double number_at(const char *json, const char *path)
{
    double number = 0;
    return km_json_number(json, path, &number) ? number : -1;
}

START_TEST(members_are_found)
{
    const char *json =
        " {\"a\" : 1.5e1, \"b\":{\"x\\\"}\": [1, {\"a\":2}], \"c\" :{ \"a\": 3 } },\n"
        "\"text\": \"{\\\"a\\\": 4}\", \"e\": {}, \"f\": [], \"last\": -7}";
    char text[16], few[4];
    ck_assert(number_at(json, "a") == 15);
    ck_assert(number_at(json, "b.c.a") == 3);
    ck_assert(number_at(json, "last") == -7);
    ck_assert(number_at(json, "c") == -1 && number_at(json, "b.a") == -1);
    ck_assert(number_at(json, "text") == -1 && number_at(json, "e") == -1);
    ck_assert(number_at(json, "a.b") == -1 && number_at(json, "e.a") == -1);
    ck_assert(km_json_string(json, "text", text, sizeof text));
    ck_assert_str_eq(text, "{\\\"a\\\": 4}");
    ck_assert(km_json_string(json, "text", few, sizeof few) && strlen(few) == 3);
    ck_assert(!km_json_string(json, "a", text, sizeof text));
}
END_TEST

START_TEST(elements_are_found)
{
    const char *json =
        "{\"list\": [ {\"n\": 1}, {\"n\": [2, 3], \"m\": \"]\"} , {\"n\": 4} ], \"no\": []}";
    const char *element = km_json_first(km_json_find(json, "list"));
    ck_assert(element != NULL && number_at(element, "n") == 1);
    element = km_json_next(element);
    ck_assert(element != NULL && number_at(element, "n") == -1);
    element = km_json_next(element);
    ck_assert(element != NULL && number_at(element, "n") == 4);
    ck_assert(km_json_next(element) == NULL);
    ck_assert(km_json_first(km_json_find(json, "no")) == NULL);
    ck_assert(km_json_first(km_json_find(json, "list2")) == NULL);
    ck_assert(km_json_first(json) == NULL);
}
END_TEST

/* Every beginning of a file, and every byte of it replaced. */
START_TEST(damaged_files_are_survived)
{
    const char *whole = "{\"a\": [1, {\"b\\n\": \"\\\\\"}], \"c\": {\"d\": 1e5}, \"z\": 2}";
    static const char others[] = "\"\\{}[]:,x \n";
    char json[64];
    for (size_t n = 0; n < strlen(whole); n++) {
        memcpy(json, whole, n);
        json[n] = '\0';
        ck_assert(number_at(json, "z") == -1 || n + 1 == strlen(whole));
        ck_assert(km_json_first(km_json_find(json, "a.b")) == NULL);
        for (size_t i = 0; i < sizeof others; i++) {
            strcpy(json, whole);
            json[n] = others[i];
            const double found = number_at(json, "z");
            ck_assert(found == 2 || found == -1);
        }
    }
    ck_assert(number_at("{\"a\": 1e999}", "a") == -1 && number_at("{\"a\": nan}", "a") == -1);
}
END_TEST

START_TEST(sums_between_what_was_measured)
{
    const km_machine machine = {
        .n_messages = 2, .message_ranks = 8, .messages = {{100, 3}, {300, 5}}};
    ck_assert(km_machine_sum_seconds(&machine, 200, 8) == 4);
    ck_assert(km_machine_sum_seconds(&machine, 1, 8) == 3);
    ck_assert(km_machine_sum_seconds(&machine, 300, 8) == 5);
    ck_assert(km_machine_sum_seconds(&machine, 600, 8) == 10);
    ck_assert(km_machine_sum_seconds(&machine, 300, 4096) == 20);
    ck_assert(km_machine_sum_seconds(&machine, 300, 1) == 0);
    const km_machine alone = {.message_ranks = 1};
    ck_assert(km_machine_sum_seconds(&alone, 300, 1) == 0);
    ck_assert(km_machine_sum_seconds(&alone, 300, 2) < 0);
}
END_TEST

/* Every kernel that this processor has. */
START_TEST(kernels_count_their_fmas)
{
    const uint64_t available = km_kernels_available("auto");
    for (int i = 0; km_kernels[i] != NULL; i++)
        for (int p = 0; p < 2 && (available >> i & 1) != 0; p++) {
            double sum = 0;
            const double done = km_kernels[i]->peak[p](100, &sum);
            ck_assert(done >= 100 && fmod(done, 100) == 0);
            ck_assert(fabs(sum / (done > 100 ? 20 : 2) - 1) < 1e-6); /* each goes to 2 */
        }
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        members_are_found,          elements_are_found,
        damaged_files_are_survived, sums_between_what_was_measured,
        kernels_count_their_fmas,
    };
    return SUITE_OF("machine", tests);
}
