"""Columns computed row by row from others: NAME=EXPRESSION."""
import ast
import collections
import re

import numpy as np

from command import DATA, USAGE, Failure, reason

FUNCTIONS = {
    "where": np.where, "isfinite": np.isfinite, "isnan": np.isnan,
    "log10": np.log10, "ln": np.log, "log": np.log, "exp": np.exp, "sqrt": np.sqrt,
    "abs": np.absolute, "floor": np.floor,
    "minimum": np.minimum, "min": np.minimum, "maximum": np.maximum, "max": np.maximum,
    "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "arcsin": np.arcsin, "arccos": np.arccos, "arctan2": np.arctan2,
    "radians": np.radians, "degrees": np.degrees,
}
CONSTANTS = {"pi": np.pi, "nan": np.nan, "inf": np.inf}
ARITHMETIC = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Load,
    ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Mod, ast.Pow, ast.BitAnd, ast.BitOr,
    ast.UAdd, ast.USub, ast.Invert,
)

Derivation = collections.namedtuple("Derivation", "name code columns formula")


class RowWise(ast.NodeTransformer):
    """Lets through arithmetic on columns only, and makes it work on all rows at once.

    Numbers become floats, so that no integer overflows. Functions get names that no column can
    have, and exactly their arguments: one more would be NumPy's output array.
    """

    def __init__(self, braced):
        self.braced = braced
        self.columns = set()

    def generic_visit(self, node):
        if not isinstance(node, ARITHMETIC):
            hints = {ast.BitXor: "power is **", ast.BoolOp: "use & and |", ast.Not: "use ~",
                     ast.In: "`in` compares no numbers", ast.NotIn: "`in` compares no numbers",
                     ast.Is: "use ==", ast.IsNot: "use !="}
            raise ValueError(hints.get(type(node), f"{type(node).__name__} is not arithmetic"))
        return super().generic_visit(node)

    def visit_Compare(self, node):
        """Python's chains are none for arrays; `a > 1 & b > 1` is one."""
        if len(node.ops) > 1:
            raise ValueError("a chain of comparisons; put each in parentheses: (a > 1) & (b > 1)")
        return self.generic_visit(node)

    def visit_Constant(self, node):
        if type(node.value) not in (int, float):
            raise ValueError(f"{node.value!r} is not a number")
        return ast.copy_location(ast.Constant(float(node.value)), node)

    def visit_Name(self, node):
        node.id = self.braced.get(node.id, node.id)
        self.columns.add(node.id)
        return node

    def visit_Call(self, node):
        function = FUNCTIONS.get(node.func.id) if isinstance(node.func, ast.Name) else None
        if function is None or node.keywords:
            raise ValueError("the functions are " + " ".join(FUNCTIONS))
        n_arguments = getattr(function, "nin", 3)
        if len(node.args) != n_arguments:
            raise ValueError(f"{node.func.id} takes {n_arguments} arguments")
        node.func.id += "()"
        node.args = [self.visit(argument) for argument in node.args]
        return node

    def visit_Subscript(self, node):
        """NAME[2] is element 2 of an array column in every row."""
        index = node.slice
        if not isinstance(index, ast.Constant) or type(index.value) is not int:
            raise ValueError("an index is one whole number")
        every_row_of = ast.Tuple([ast.Slice(), index], ast.Load())
        return ast.fix_missing_locations(
            ast.copy_location(ast.Subscript(self.visit(node.value), every_row_of, node.ctx), node))


def parse_derivation(text):
    """NAME=EXPRESSION compiled; column names that are not Python's stand in {braces}."""
    name, _, expression = (part.strip() for part in text.partition("="))
    if not name or not expression or "/" in name:
        raise Failure(USAGE, f"bad --derive ({text}): it is not NAME=EXPRESSION; try --help")
    braced, prefix = {}, "braced"
    while prefix in expression:  # it must be no name of a column
        prefix += "_"

    def stand_in(match):
        braced[f"{prefix}{len(braced)}"] = match[1]
        return f"{prefix}{len(braced) - 1}"

    row_wise = RowWise(braced)
    try:
        tree = ast.parse(re.sub(r"\{([^{}]+)\}", stand_in, expression), mode="eval")
        code = compile(row_wise.visit(tree), "--derive", "eval")
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        why = error.msg if isinstance(error, SyntaxError) else reason(error)
        raise Failure(USAGE, f"bad expression (--derive {name}): {why}; try --help") from error
    return Derivation(name, code, row_wise.columns, expression)


def check_derivations(derivations, names):
    """New names must be new, and the others must exist."""
    known = list(names)
    for derivation in derivations:
        if derivation.name in known:
            raise Failure(USAGE, f"column exists (--derive {derivation.name}): the input has a "
                                 "column of this name; choose another")
        for absent in sorted(derivation.columns - CONSTANTS.keys() - set(known)):
            raise Failure(DATA, f"no such column (--derive {derivation.name}, {absent}): the "
                                f"columns are {' '.join(known)}; correct the name")
        known.append(derivation.name)


def derive(derivation, columns):
    """The values of a new column out of arrays by name. What has no finite value is missing."""
    names = {**CONSTANTS, **columns,
             **{f"{key}()": function for key, function in FUNCTIONS.items()}}
    n_rows = len(next(iter(columns.values())))
    try:
        with np.errstate(all="ignore"):
            values = np.array(eval(derivation.code, {"__builtins__": {}}, names))
            values = np.broadcast_to(values, (n_rows,))
            if values.dtype.kind == "f":
                values = np.where(np.isfinite(values), values, values.dtype.type(np.nan))
    except MemoryError:
        raise
    except Exception as error:  # NumPy's and Python's ways to refuse a sum are many
        raise Failure(DATA, f"cannot compute (--derive {derivation.name}): {reason(error)}; "
                            "check the types of its columns") from error
    return values
