"""The documentation keeps to what is there: the page of options is that of the program, links lead
somewhere, and the files and make targets that are named exist."""
import glob
import importlib.util
import pathlib
import re
import sys
import unittest
import urllib.parse

sys.dont_write_bytecode = True

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("data/*.md")])

LINK = re.compile(r"\[[^][]*\]\(([^()\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
NAMED = re.compile(r"\b(?:src|tests|tools|docs|jobs|data|findings|include)/[\w./*-]*\w")
USERS_FILES = {"jobs/site.sh"}  # that a user makes
TARGET = re.compile(r"(?<!can't )\bmake ((?!it\b|sure\b|a\b|the\b)[a-z][a-z-]*)\b(?![=/])")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


def read(path):
    return path.read_text(encoding="utf-8")


def anchors(page):
    """What links can name in a page, as GitHub makes it of headings."""
    text = re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in HEADING.findall(text)}


def code_of(page):
    """Texts in code, and lines that are indented as such."""
    text = read(page)
    return CODE.findall(text) + re.findall(r"^ {4,}\S.*$", text, re.MULTILINE)


def load_script(path):
    """A script whose name is none of a module."""
    spec = importlib.util.spec_from_file_location("script", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


class Docs(unittest.TestCase):

    def test_options(self):
        """docs/options.md is what `make docs` writes."""
        made = load_script(ROOT / "docs" / "make-options.py").render()
        self.assertEqual(read(ROOT / "docs" / "options.md"), made, "run make docs")
        self.assertIn("`--max-iterations N`", made)

    def test_links(self):
        for page in PAGES:
            for link in LINK.findall(CODE.sub("", read(page))):
                file, _, anchor = urllib.parse.unquote(link).partition("#")
                target = page.parent / file if file else page
                with self.subTest(page=page.name, link=link):
                    if "://" in link:
                        continue
                    self.assertTrue(target.exists(), "no such file")
                    if anchor:
                        self.assertIn(anchor, anchors(target))

    def test_map(self):
        """docs/README.md leads to every page."""
        folder = ROOT / "docs"
        linked = {(folder / link.partition("#")[0]).resolve()
                  for link in LINK.findall(read(folder / "README.md"))}
        missing = set(folder.glob("*.md")) - linked - {folder / "README.md"}
        self.assertEqual(missing, set())

    def test_files(self):
        """Files that code in the text names, wild cards included."""
        for page in PAGES:
            for name in sorted(set(NAMED.findall("\n".join(code_of(page)))) - USERS_FILES):
                with self.subTest(page=page.name, name=name):
                    self.assertTrue(glob.glob(str(ROOT / name)), "no such file")

    def test_targets(self):
        makefiles = [ROOT / "Makefile", *ROOT.glob("**/*.mk")]
        text = "\n".join(map(read, makefiles))
        targets = set(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))
        for page in PAGES:
            for target in sorted(set(TARGET.findall("\n".join(code_of(page))))):
                with self.subTest(page=page.name, target=target):
                    self.assertIn(target, targets)


if __name__ == "__main__":
    unittest.main()
