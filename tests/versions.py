"""Run the tests on the oldest and the newest versions that the package allows.

    python tests/versions.py oldest newest
    python tests/versions.py prerelease --folder /tmp/envs -- tests/test_labels.py -x

``oldest`` installs the lower bounds of pyproject.toml, ``newest`` what there is now,
``prerelease`` the same with scikit-learn's release candidate, where there is one. Each
gets a fresh virtual environment of the interpreter that runs this file. What stands
behind ``--`` goes to pytest. Exits with 1 if any of the runs failed.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Newer than the oldest matplotlib, and more than it can bear.
OLD_COMPANIONS = ["pyparsing<3.3"]

# What the project's bounds are about, for the line that says what ran.
SHOWN = ["numpy", "pandas", "scikit-learn", "tensorflow", "keras", "matplotlib"]


def lower_bounds():
    """Return ``name==version`` for each lower bound in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["plot"], *extras["test"]]
    return [
        re.sub(">=", "==", requirement)
        for requirement in wanted
        if re.fullmatch(r"[\w.-]+>=[\w.]+", requirement)
    ]


def install(which, folder):
    """Make a virtual environment, install the package in it, return its python."""
    venv.create(folder, clear=True, with_pip=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    package = f"{ROOT}[test]"
    if which == "oldest":
        constraints = folder / "constraints.txt"
        constraints.write_text("\n".join([*lower_bounds(), *OLD_COMPANIONS]), "utf-8")
        subprocess.run([*pip, "-c", constraints, "-e", package], check=True)
    else:
        subprocess.run([*pip, "-e", package], check=True)
    if which == "prerelease":
        subprocess.run([*pip, "--upgrade", "--pre", "scikit-learn"], check=True)
    return python


def main():
    """Run the tests in the environments that the command line names."""
    own, behind = sys.argv[1:], []
    if "--" in own:
        at = own.index("--")
        own, behind = own[:at], own[at + 1 :]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = ["oldest", "newest", "prerelease"]
    parser.add_argument("which", nargs="+", choices=kinds)
    parser.add_argument("--folder", type=Path, help="where the environments are made")
    options = parser.parse_args(own)
    folder = options.folder or Path(tempfile.mkdtemp(prefix="sklstm-versions-"))
    failed = []
    for which in options.which:
        python = install(which, folder / which)
        code = (
            "from importlib.metadata import version; import platform; "
            "print('python', platform.python_version(), "
            f"*(n + ' ' + version(n) for n in {SHOWN}), sep=', ')"
        )
        print(f"{which}: ", end="", flush=True)
        subprocess.run([python, "-c", code], check=True)
        done = subprocess.run([python, "-m", "pytest", "-q", *behind], cwd=ROOT)
        if done.returncode:
            failed.append(which)
    if failed:
        sys.exit(f"The tests failed on: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
