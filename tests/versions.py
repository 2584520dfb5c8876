"""Run the tests on the oldest and the newest versions that the package allows.

    python tests/versions.py oldest newest
    python tests/versions.py prerelease tests/test_labels.py -x

``oldest`` installs the lower bounds of pyproject.toml, ``newest`` what there is now,
``prerelease`` the same with scikit-learn's release candidate, where there is one. Each
gets a fresh virtual environment of the interpreter that runs this file. What else is
given goes to pytest. It exits with 1 at the first version on which tests fail.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("oldest", "newest", "prerelease")

# Newer than the oldest matplotlib, and more than it can bear.
OLD_COMPANIONS = ["pyparsing<3.3"]


def lower_bounds():
    """Return ``name==version`` for each lower bound in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["plot"], *extras["test"]]
    bounds = [each for each in wanted if re.fullmatch(r"[\w.-]+>=[\w.]+", each)]
    return [bound.replace(">=", "==") for bound in bounds]


def python_of(which, folder):
    """Make a virtual environment, install the package in it, return its python."""
    venv.create(folder, clear=True, with_pip=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    own = ["-e", f"{ROOT}[test]"]
    if which == "oldest":
        constraints = folder / "constraints.txt"
        constraints.write_text("\n".join([*lower_bounds(), *OLD_COMPANIONS]), "utf-8")
        own += ["-c", constraints]
    subprocess.run([*pip, "install", "-q", *own], check=True)
    if which == "prerelease":
        upgrade = ["--upgrade", "--pre", "scikit-learn"]
        subprocess.run([*pip, "install", "-q", *upgrade], check=True)
    subprocess.run([*pip, "freeze"], check=True)  # for the record what ran
    return python


def main():
    """Run the tests in the environments that the command line names."""
    wanted = [each for each in sys.argv[1:] if each in KINDS]
    rest = [each for each in sys.argv[1:] if each not in KINDS]
    if not wanted:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="sklstm-versions-") as folder:
        for which in wanted:
            print(f"{which}:", flush=True)
            python = python_of(which, Path(folder) / which)
            done = subprocess.run([python, "-m", "pytest", "-q", *rest], cwd=ROOT)
            if done.returncode:
                sys.exit(f"The tests failed on: {which}.")


if __name__ == "__main__":
    main()
