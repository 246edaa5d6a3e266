"""Scikit-learn's own tests, with the KMeans of the module in place of its own: all that do not pass
are in docs/python.md, with the reason and their number."""
import os
import re
import sys
import unittest
import warnings
from importlib.util import find_spec

sys.dont_write_bytecode = True

from module import ROOT, ModuleTest, skymeans

try:
    import sklearn
    from sklearn.utils.estimator_checks import check_estimator
except ImportError:
    sklearn = None

VERSION = "1.2.1"  # others have other tests
SPARSE = "A sparse matrix was passed"


def described():
    """By docs/python.md: numbers, and tests that do not pass."""
    with open(f"{ROOT}/docs/python.md", encoding="utf-8") as file:
        text = file.read()
    numbers = re.search(r"Of its (\d+) tests that\s+fit a KMeans (\d+) pass, (\d+) are of sparse\s+matrices, "
                        r"and (\d+)", text)
    return [int(number) for number in numbers.groups()], re.findall(r"^\| `(\w+)(?:\[.*\])?` \|", text, re.M)


@unittest.skipIf(getattr(sklearn, "__version__", None) != VERSION or find_spec("pytest") is None,
                 f"pytest and scikit-learn {VERSION} are not installed")
class Sklearn(ModuleTest):

    def test_k_means(self):
        code, out, err = self.python(
            "-m", "pytest", "-q", "--tb=no", "-p", "in_sklearn", "-p", "no:cacheprovider",
            "-k", "not MiniBatch and not minibatch", "--pyargs", "sklearn.cluster.tests.test_k_means",
            FITTED=os.path.abspath("fitted"))
        self.assertEqual((code, err), (1, ""), out)
        with open("fitted", encoding="utf-8") as file:
            tests = dict(line.rstrip("\n").split("\t") for line in file)
        failed = {name: error for name, error in tests.items() if error}
        sparse = [name for name, error in failed.items() if error.startswith(SPARSE)]
        others = sorted(name for name in failed if name not in sparse)
        numbers = [len(tests), len(tests) - len(failed), len(sparse), len(others)]
        print(f"{numbers[1]} of {numbers[0]} tests pass, {numbers[2]} are of sparse matrices; not:", others)
        expected, names = described()
        self.assertEqual(numbers, expected, failed)
        self.assertEqual({name.partition("[")[0] for name in others},
                         {name for name in names if name.startswith("test_")})

    def test_check_estimator(self):
        """For NaNs that are dropped, too."""
        for estimator in (skymeans.KMeans(), skymeans.KMeans(missing="drop")):
            failed, n = set(), 0
            for each, check in check_estimator(estimator, generate_only=True):
                n += 1
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        check(each)
                except unittest.SkipTest:
                    n -= 1
                except AssertionError:
                    failed.add(check.func.__name__)
            self.assertGreater(n, 30)
            self.assertEqual(failed, {name for name in described()[1] if name.startswith("check_")})


if __name__ == "__main__":
    unittest.main()
