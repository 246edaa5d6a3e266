/* Turns messages of the engine into the words of the command line. */
#include "command/command.h"

#include <stdio.h>
#include <string.h>

/* "bad value (seeding_rows 3): ..." becomes "bad value (--seeding-rows 3): ...". */
void km_say_option(km_error *error)
{
    static const char beginning[] = "bad value (";
    const size_t length = sizeof beginning - 1;
    km_error said = *error;
    if (strncmp(error->text, beginning, length) != 0)
        return;
    for (char *at = said.text + length; *at != '\0' && *at != ' '; at++)
        if (*at == '_')
            *at = '-';
    snprintf(error->text, sizeof error->text, "%s--%.*s", beginning,
             (int)(sizeof error->text - length - 3), said.text + length);
}

/* "WHAT: WHY" becomes "WHAT (FILE, TABLE): WHY", and "WHAT (row 3): WHY" becomes "WHAT (FILE,
 * TABLE, row 3): WHY". */
void km_say_place(km_error *error, const char *path, const char *table)
{
    const km_error said = *error;
    const size_t end = strcspn(said.text, ":");
    const size_t open = strcspn(said.text, "(");
    const bool has_place = open < end;
    const size_t what = has_place ? open : end;
    const bool has_table = table != NULL;
    snprintf(error->text, sizeof error->text, "%.*s%s(%s%s%s%s%s", (int)what, said.text,
             has_place ? "" : " ", path, has_table ? ", " : "", has_table ? table : "",
             has_place ? ", " : ")", said.text + what + has_place);
}
