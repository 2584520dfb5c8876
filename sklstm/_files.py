"""Write a file as a whole, or leave what was there as it was."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from pathlib import Path
from typing import Any

__all__ = ["check_path", "check_place", "write_whole"]

# What a path may lead to, other than a regular file.
_KINDS = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a FIFO",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
    stat.S_ISSOCK: "a socket",
}


def check_path(path: Any) -> Path:
    """Return a path to a file as a Path, once it is one.

    Raises
    ------
    TypeError
        If it is neither a str nor path-like.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            "path must be a str or path-like, the name of a file. Got "
            f"{type(path).__name__}; pass the name of a file."
        )
    return Path(path)


def check_place(path: Path) -> None:
    """Raise unless a regular file is at a path, or may be made there.

    Raises
    ------
    OSError
        If its folder is not there, or something else than a regular file is.
    """
    target = path.resolve()
    folder = target.parent
    if not folder.is_dir():
        raise FileNotFoundError(
            "The folder of path must be there already. Got "
            f"{str(folder)!r}, which is no folder; make it, or name another."
        )
    if target.exists() and not target.is_file():
        mode = target.stat().st_mode
        came = next((kind for is_kind, kind in _KINDS.items() if is_kind(mode)), "none")
        raise FileExistsError(
            "path must lead to a regular file, or to none yet. Got "
            f"{str(target)!r}, which is {came}; name another file."
        )


def write_whole(path: str | os.PathLike, content: bytes) -> Path:
    """Write a file such that an interruption leaves no half of it.

    The content goes into a new file beside it, which then takes its place in one step.

    Parameters
    ----------
    path : str or path-like
        Where to; a file that is there is replaced.
    content : bytes
        All of it.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    TypeError
        If ``path`` is neither a str nor path-like.
    OSError
        If it cannot be written there, or something else than a regular file is there;
        what was there before is still there.
    """
    path = check_path(path)
    check_place(path)
    target = path.resolve()  # what a symbolic link points to
    # A name of its own: one made of the target's could be too long for a file.
    beside = target.with_name(f".sklstm-{secrets.token_hex(8)}")
    try:
        with open(beside, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, beside)
        os.replace(beside, target)
    except BaseException as error:
        beside.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename == str(beside):
            error.filename, error.filename2 = str(target), None
        raise
    return path
