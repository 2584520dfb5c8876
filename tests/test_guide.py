"""The user guide and README: every snippet runs, and prints what stands below it."""

import re
import shutil
from pathlib import Path

import pytest

import sklstm

TOP = Path(__file__).parents[1]
README = TOP / "README.md"
GUIDE = TOP / "examples" / "guide"
PAGES = [README, *sorted(GUIDE.glob("*.md"))]
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?!\w)")


def name_of(page):
    """Return a page and the folder that it lies in."""
    return f"{page.parent.name}-{page.stem}" if page.parent != TOP else page.stem


def words_and_numbers(text):
    """Return a text with its numbers taken out, space by space alike, and these."""
    numbers = [float(number) for number in NUMBER.findall(text)]
    return NUMBER.sub("#", text).split(), numbers


def check_printed(printed, promised):
    """Words are those that are promised, numbers within 2 % of them."""
    words, numbers = words_and_numbers(printed)
    promised_words, promised_numbers = words_and_numbers(promised)
    assert words == promised_words, printed
    assert numbers == pytest.approx(promised_numbers, rel=0.02, abs=0.01), printed


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_snippets_of_a_page(page, capsys, tmp_path, monkeypatch):
    """They run one after another; a text block is what the one above it printed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").mkdir()
    shutil.copy(TOP / "examples" / "shop.csv", tmp_path / "examples")
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("Agg")
    names = {"__name__": page.stem}
    printed = None
    for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind == "python":
            exec(compile(text, page.name, "exec"), names)
            printed = capsys.readouterr().out
        elif printed is not None:
            check_printed(printed, text)
            printed = None
    plt.close("all")


def test_other_words_and_other_numbers_are_seen():
    """What is printed may differ in the last digits alone."""
    check_printed("MAE  10.01\nlog", "MAE 10.0\nlog")
    for printed in ["MAE 10.5 log", "RMSE 10.0 log", "MAE 10.0 log 1", "MAE -10.0 log"]:
        with pytest.raises(AssertionError):
            check_printed(printed, "MAE 10.0 log")


def test_the_index_knows_every_page():
    """The first page of the guide links to all others, and README to it."""
    index = (GUIDE / "README.md").read_text(encoding="utf-8")
    linked = re.findall(r"\((\w+\.md)\)", index)
    assert {*linked, "README.md"} == {page.name for page in PAGES}
    assert "examples/guide/README.md" in README.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    """Every relative link of a page is a file."""
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_map_names_every_room():
    """README's map of the house lists each file in its wing, and no other."""
    house = README.read_text(encoding="utf-8").split("## The house\n")[1]
    house = house.split("\n## ")[0].split("From `fit`")[0]
    package = Path(sklstm.__file__).parent
    for part in house.split("\n**")[1:]:
        wing = part.split("/`**")[0].strip("`") if "/`**" in part else ""
        found = {path.stem for path in (package / wing).glob("*.py")}
        named = set(re.findall(r"`(__init__|_\w+|datasets|metrics)`", part))
        assert named == found - ({"__init__"} if wing else set())
