"""Checks that every block of code in docs/clients is part of a tested recipe: `quoted.py DOCS RECIPES`."""
import pathlib
import re
import sys

docs, recipes = map(pathlib.Path, sys.argv[1:])
texts = [path.read_text() for path in recipes.rglob("*") if path.is_file()]
pages = sorted(docs.glob("*.md"))
assert pages, f"{docs} has no pages"
for page in pages:
    # Commands for a shell are not parts of a recipe.
    blocks = re.findall(r"(?ms)^```(?!sh$)\w+\n(.*?)^```", page.read_text())
    assert blocks, f"{page} quotes nothing"
    for block in blocks:
        assert any(block in text for text in texts), f"{page} quotes what no recipe has:\n{block}"
