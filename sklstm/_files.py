"""Write a file as a whole, or leave what was there as it was."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

__all__ = ["write_whole"]


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
    OSError
        If it cannot be written there; what was there before is still there.
    """
    path = Path(path)
    target = path.resolve()  # what a symbolic link points to
    beside = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        with open(beside, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, beside)
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return path
