"""Archives for the intake's tests: friendly ones, as platforms export them, and hostile ones."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

APP = {"app/__init__.py": b"", "app/main.py": b"app = None\n"}


def work(prefix: str = "", files: Mapping[str, bytes] = APP) -> dict[str, bytes]:
    """A submission's files below a folder."""
    return {f"{prefix}{name}": content for name, content in files.items()}


def zip_of(path: Path, files: Mapping[str, bytes], compress: bool = True) -> Path:
    """A zip file with these entries."""
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return path


def zipped(files: Mapping[str, bytes]) -> bytes:
    """The bytes of such a file."""
    with io.BytesIO() as buffer:
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return buffer.getvalue()


def add_zip_link(path: Path, name: str, target: str) -> Path:
    """Add a symbolic link to a zip file."""
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(info, target)
    return path


def tar_of(path: Path, files: Mapping[str, bytes], *members: tarfile.TarInfo, mode: str = "w:gz") -> Path:
    """A tar file with these files, then these further members."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for member in members:
            archive.addfile(member)
    return path


def member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """A tar member that is no file: a link, a device, a pipe."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info
