/* choice.h - choosing columns by their names, shared by the files that do it. */
#ifndef SKYMEANS_CATALOGUE_CHOICE_H
#define SKYMEANS_CATALOGUE_CHOICE_H

#include "catalogue/tables.h"

/* A growing choice of columns. */
typedef struct km_choice {
    const km_table *table;
    km_names names;
    const km_scope *scope;
    const char *option; /* for messages */
    bool may_be_text;
    km_inputs *inputs; /* of expressions; NULL: there may be none */
    km_column *columns;
    int64_t count;
    km_error *error;
} km_choice;

/* Chooses what an item of a list means: a column, all or one of its values, or an expression. */
void km_choose_item(km_choice *choice, char *item);

/* Adds all values of a column to the choice. */
void km_choose_all_values(km_choice *choice, const km_column *column);

/* Chooses an expression, perhaps with a name for it: NAME=EXPRESSION. */
void km_choose_expression(km_choice *choice, const char *item, bool may_be_named);

#endif
