"""Columns computed row by row from others, NAME=EXPRESSION, and rows chosen by an expression."""
import ast
import collections
import re

import numpy as np

from command import DATA, USAGE, Failure, reason, some_of

FUNCTIONS = {
    "where": np.where, "isfinite": np.isfinite, "isnan": np.isnan,
    "log10": np.log10, "ln": np.log, "log": np.log, "exp": np.exp, "sqrt": np.sqrt,
    "abs": np.absolute, "floor": np.floor,
    "minimum": np.minimum, "min": np.minimum, "maximum": np.maximum, "max": np.maximum,
    "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "arcsin": np.arcsin, "arccos": np.arccos, "arctan2": np.arctan2,
    "radians": np.radians, "degrees": np.degrees,
}
KEEP_TYPES = {"where", "isfinite", "isnan", "minimum", "min", "maximum", "max"}
CONSTANTS = {"pi": np.pi, "nan": np.nan, "inf": np.inf}
ARITHMETIC = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Load,
    ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Mod, ast.Pow, ast.BitAnd, ast.BitOr,
    ast.UAdd, ast.USub, ast.Invert,
)

# Expressions of --where know three truths: 1, 0, and NaN where a missing value leaves it open.
COMPARISONS = {"Lt": np.less, "LtE": np.less_equal, "Gt": np.greater, "GtE": np.greater_equal,
               "Eq": np.equal, "NotEq": np.not_equal}
LOGIC = {ast.BitAnd: "and", ast.BitOr: "or", ast.Invert: "not"}

# `option` says where the formula is from; `functions` are those that its code calls.
Formula = collections.namedtuple("Formula", "name option code columns text functions")


def number(values):
    """What arithmetic takes in place of values of integers, truths and half precision, which
    overflow, or have functions of few digits."""
    kind, size = getattr(values, "dtype", np.dtype(float)).kind, getattr(values, "itemsize", 8)
    return values.astype(float) if kind in "biu" or (kind == "f" and size == 2) else values


def call(node, name, *arguments):
    """A call of a function whose name no column can have, in the place of a node."""
    return ast.fix_missing_locations(ast.copy_location(ast.Call(
        ast.Name(f"{name}()", ast.Load()), list(arguments), []), node))


class RowWise(ast.NodeTransformer):
    """Lets through arithmetic on columns only, and makes it work on all rows at once.

    Numbers become floats, so that no integer overflows, and so do integers of columns. Functions
    have exactly their arguments: one more would be NumPy's output array.
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

    def visit_BinOp(self, node):
        node = self.generic_visit(node)
        if type(node.op) not in LOGIC:
            node.left, node.right = (call(side, "number", side) for side in (node.left, node.right))
        return node

    def visit_UnaryOp(self, node):
        node = self.generic_visit(node)
        if type(node.op) not in LOGIC:
            node.operand = call(node.operand, "number", node.operand)
        return node

    def visit_Constant(self, node):
        if type(node.value) not in (int, float):
            raise ValueError(f"{node.value!r} is not a number")
        if type(node.value) is int and node.value >= 2**53:
            raise ValueError(f"{node.value} is a whole number from 2^53 on, as long ids, which double precision "
                             "does not tell from its neighbours; write it rounded, as 1.2e18, or choose rows by "
                             "another column")
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
        values = [self.visit(argument) for argument in node.args]
        if node.func.id not in KEEP_TYPES:
            values = [call(value, "number", value) for value in values]
        return call(node, node.func.id, *values)

    def visit_Subscript(self, node):
        """NAME[2] is element 2 of an array column in every row."""
        index = node.slice
        if not isinstance(index, ast.Constant) or type(index.value) is not int:
            raise ValueError("an index is one whole number")
        every_row_of = ast.Tuple([ast.Slice(), index], ast.Load())
        return ast.fix_missing_locations(
            ast.copy_location(ast.Subscript(self.visit(node.value), every_row_of, node.ctx), node))


class ThreeTruths(ast.NodeTransformer):
    """Makes comparisons, and what joins them, functions that know missing values."""

    def visit_Compare(self, node):
        self.generic_visit(node)
        return call(node, type(node.ops[0]).__name__, node.left, node.comparators[0])

    def visit_BinOp(self, node):
        self.generic_visit(node)
        name = LOGIC.get(type(node.op))
        return call(node, name, node.left, node.right) if name else node

    def visit_UnaryOp(self, node):
        self.generic_visit(node)
        name = LOGIC.get(type(node.op))
        return call(node, name, node.operand) if name else node


def parse_derivation(text):
    """NAME=EXPRESSION compiled; column names that are not Python's stand in {braces}."""
    name, _, expression = (part.strip() for part in text.partition("="))
    if not name or not expression or "/" in name:
        raise Failure(USAGE, f"bad --derive ({text}): it is not NAME=EXPRESSION; try --help")
    return compile_formula(name, f"--derive {name}", expression, FUNCTIONS)


def parse_selection(text):
    """The expression of --where, compiled."""
    return compile_formula(None, "--where", text.strip(), {**FUNCTIONS, **TRUTHS}, ThreeTruths())


def compile_formula(name, option, expression, functions, transformer=None):
    braced, prefix = {}, "braced"
    while prefix in expression:  # it must be no name of a column
        prefix += "_"

    def stand_in(match):
        braced[f"{prefix}{len(braced)}"] = match[1]
        return f"{prefix}{len(braced) - 1}"

    row_wise = RowWise(braced)
    try:
        tree = row_wise.visit(ast.parse(re.sub(r"\{([^{}]+)\}", stand_in, expression), mode="eval"))
        code = compile(transformer.visit(tree) if transformer else tree, option, "eval")
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        why = error.msg if isinstance(error, SyntaxError) else reason(error)
        raise Failure(USAGE, f"bad expression ({option}): {why}; try --help") from error
    return Formula(name, option, code, row_wise.columns, expression, functions)


def check_formulas(formulas, names):
    """New names must be new, and the others must exist."""
    known = dict.fromkeys(names)
    for formula in formulas:
        if formula.name in known:
            raise Failure(USAGE, f"column exists ({formula.option}): the input has a column of this "
                                 "name; choose another")
        for absent in sorted(formula.columns - CONSTANTS.keys() - known.keys()):
            raise Failure(DATA, f"no such column ({formula.option}, {absent}): the columns are "
                                f"{some_of(known)}; correct the name")
        known[formula.name] = None


def evaluate(formula, columns):
    """A value for each row of some arrays by name."""
    names = {**CONSTANTS, **{name: columns[name] for name in formula.columns if name in columns},
             **{f"{key}()": function for key, function in formula.functions.items()},
             "number()": number}
    n_rows = len(next(iter(columns.values())))
    try:
        with np.errstate(all="ignore"):
            values = np.array(eval(formula.code, {"__builtins__": {}}, names))
            return np.broadcast_to(values, (n_rows,))
    except MemoryError:
        raise
    except Exception as error:  # NumPy's and Python's ways to refuse a sum are many
        raise Failure(DATA, f"cannot compute ({formula.option}): {reason(error)}; "
                            "check the types of its columns") from error


def derive(formula, columns):
    """The values of a new column. What has no finite value is missing."""
    values = evaluate(formula, columns)
    if values.dtype.kind == "f":
        return np.where(np.isfinite(values), values, values.dtype.type(np.nan))
    return values


# --- truths of --where --------------------------------------------------------------------------

def truth(values):
    """1 where a number is not 0, 0 where it is, NaN where it is missing."""
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        raise TypeError("texts are neither true nor false")
    is_open = np.isnan(values) if values.dtype.kind == "f" else False
    return np.where(is_open, np.nan, values != 0)


def comparing(compare):
    def compared(a, b):
        if not {np.asarray(a).dtype.kind, np.asarray(b).dtype.kind} <= set("biuf"):
            raise TypeError("texts can't be compared")
        return np.where(np.isnan(a) | np.isnan(b), np.nan, compare(a, b))
    return compared


def both(a, b):
    a, b = truth(a), truth(b)
    return np.where((a == 0) | (b == 0), 0, a * b)


def either(a, b):
    a, b = truth(a), truth(b)
    return np.where((a == 1) | (b == 1), 1, a + b)


def choose(condition, a, b):
    condition = truth(condition)
    return np.where(np.isnan(condition), np.nan, np.where(condition == 1, a, b))


TRUTHS = {**{name: comparing(compare) for name, compare in COMPARISONS.items()},
          "and": both, "or": either, "not": lambda a: 1 - truth(a), "where": choose}


class Selection:
    """The rows where an expression is true; how many were asked, and how many have no answer."""

    def __init__(self, formula):
        self.formula, self.n_rows, self.n_open = formula, 0, 0

    def choose(self, columns):
        """Those rows of some arrays by name."""
        values = evaluate(self.formula, columns)
        try:
            truths = truth(values)
        except TypeError as error:
            raise Failure(DATA, f"cannot compute (--where): {error}; compare numbers") from error
        self.n_rows += len(truths)
        self.n_open += np.count_nonzero(np.isnan(truths))
        return {name: values[truths == 1] for name, values in columns.items()}
