"""Checks that the blocks of code in docs/clients are the tested recipes: `quoted.py DOCS RECIPES`.

Every block is part of a recipe. One after another, the blocks of a page are the whole recipe to which it links
first, but for the comment at its beginning: so whoever copies them has everything, the imports too.
"""
import pathlib
import re
import sys

docs, recipes = map(pathlib.Path, sys.argv[1:])
texts = [path.read_text() for path in recipes.rglob("*") if path.is_file()]


def lines(text):
    return [line for line in text.splitlines() if line.strip()]


pages = sorted(docs.glob("*.md"))
assert pages, f"{docs} has no pages"
for page in pages:
    text = page.read_text()
    # Commands for a shell are not parts of a recipe.
    blocks = re.findall(r"(?ms)^```(?!sh$)\w+\n(.*?)^```", text)
    assert blocks, f"{page} quotes nothing"
    for block in blocks:
        assert any(block in recipe for recipe in texts), f"{page} quotes what no recipe has:\n{block}"
    recipe = (docs / re.search(r"\((\S+/recipes/\S+)\)", text)[1]).read_text()
    quoted = lines("".join(block for block in blocks if block in recipe))
    whole = lines(recipe)
    assert quoted and whole[-len(quoted) :] == quoted, f"the blocks of {page} are not its recipe from end to end"
    head = whole[: -len(quoted)]
    assert all(re.match('//|"""', line) for line in head), f"{page} does not quote\n" + "\n".join(head)
