"""The user guide and README: every snippet runs, and prints what stands below it."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
PAGES = [TOP / "README.md", *sorted((TOP / "examples" / "guide").glob("*.md"))]
# One block of README is about callbacks, which came with scikit-learn 1.9.
HAS_CALLBACKS = find_spec("sklearn.callback") is not None
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def name_of(page):
    """Return a page and the folder that it lies in."""
    return f"{page.parent.name}-{page.stem}" if page.parent != TOP else page.stem


def blocks_of(page):
    """Return (kind, text) of the code blocks of a page."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_snippets_of_a_page(page, capsys, tmp_path, monkeypatch):
    """They run one after another; a text block is what the one above it printed."""
    monkeypatch.chdir(tmp_path)
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("Agg")
    names = {"__name__": page.stem}
    printed = None
    for kind, text in blocks_of(page):
        if kind == "python":
            if "sklearn.callback" in text and not HAS_CALLBACKS:
                pytest.skip("the rest builds on scikit-learn's callbacks")
            exec(compile(text, page.name, "exec"), names)
            printed = capsys.readouterr().out
        elif printed is not None:
            assert printed.strip() == text.strip()
            printed = None
    plt.close("all")


def test_the_index_knows_every_page():
    """The first page of the guide links to all others, and README to it."""
    index = (TOP / "examples" / "guide" / "README.md").read_text(encoding="utf-8")
    linked = re.findall(r"\((\w+\.md)\)", index)
    assert {*linked, "README.md"} == {page.name for page in PAGES}
    assert "examples/guide/README.md" in (TOP / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    """Every relative link of a page is a file."""
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
