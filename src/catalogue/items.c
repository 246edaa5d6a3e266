/* A list of columns, as -c and other options take it, item by item. */
#include "tables.h"

#include <string.h>

char *km_without_braces(char *item)
{
    const size_t length = strlen(item);
    if (length < 2 || item[0] != '{' || item[length - 1] != '}')
        return item;
    item[length - 1] = '\0';
    return item + 1;
}

/* An item without the blanks around it; those of a name stand in its braces. */
static char *without_blanks(char *item)
{
    item += strspn(item, " ");
    size_t length = strlen(item);
    while (length > 0 && item[length - 1] == ' ')
        item[--length] = '\0';
    return item;
}

/* Up to a comma outside parentheses and braces. Between braces stands a name, in which nothing else
 * counts. */
char *km_cut_item(char **rest)
{
    char *item = *rest, *c = item;
    bool is_name = false;
    for (int depth = 0; *c != '\0' && (*c != ',' || depth > 0 || is_name); c++) {
        is_name = is_name ? *c != '}' : *c == '{';
        if (!is_name)
            depth += (*c == '(') - (*c == ')');
    }
    *rest = *c == ',' ? c + 1 : NULL;
    *c = '\0';
    return without_blanks(item);
}
