"""Write a file in one step, or leave what was there as it was."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path


def checked_path(path: str | os.PathLike[str]) -> Path:
    """Return a path as a Path, once it is the name of a file."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            "path must be a str or path-like, the name of a file. Got "
            f"{type(path).__name__}; pass the name of a file."
        )
    try:
        has_null = b"\0" in os.fsencode(path)
    except UnicodeEncodeError:
        has_null = True
    if has_null:
        raise ValueError(
            "path must hold no null byte, and no letter that names of files cannot "
            f"have. Got {str(path)!r}; name another file."
        )
    return Path(path)


def check_regular(path: Path) -> None:
    """Raise where something that is no regular file stands at a path."""
    if path.exists() and not path.is_file():
        raise FileExistsError(
            f"path must lead to a regular file, or to none yet. Got {str(path)!r}, "
            "which is a folder or a device; name another file."
        )


def write_file(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write a file such that an interruption leaves no half of it.

    The content goes into a new file beside it, which then takes its place; what a
    symbolic link points to is replaced, not the link.
    """
    target = checked_path(path).resolve()
    if not target.parent.is_dir():
        raise FileNotFoundError(
            "The folder of path must exist. Got "
            f"{str(target.parent)!r}, which is no folder; make it, or name another."
        )
    check_regular(target)
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
            raise type(error)(error.errno, error.strerror, str(target)) from error
        raise
    return Path(path)
