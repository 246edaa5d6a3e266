"""JSON records against the schemas in docs/."""
import json
import os

import jsonschema

from program import ROOT


def resolve(part, whole):
    """What a part of a schema refers to within the whole."""
    if "$ref" in part:
        return whole["definitions"][part["$ref"].rsplit("/", 1)[1]]
    return part


def check_order(test, value, part, whole, where):
    """Objects have no members but those of the schema, in its order."""
    part = resolve(part, whole)
    if isinstance(value, dict) and "properties" in part:
        test.assertEqual(list(value), [name for name in part["properties"] if name in value], where)
        for name, member in value.items():
            check_order(test, member, part["properties"][name], whole, f"{where}.{name}")
    elif isinstance(value, list):
        for item in value:
            check_order(test, item, part["items"], whole, f"{where}[]")


def check_schema(test, record, name):
    """The record is valid, and the schema knows all that it has."""
    with open(os.path.join(ROOT, "docs", name), encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.Draft7Validator(schema).validate(record)
    check_order(test, record, schema, schema, name)
