"""Write a file as a whole, or leave what was there as it was."""

from __future__ import annotations

import os
import tempfile
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
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(beside, _usual_mode(path))
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
    return path


def _usual_mode(path: Path) -> int:
    """Return the rights of the file that is replaced, or those of any new file."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
