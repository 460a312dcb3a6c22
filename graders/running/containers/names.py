"""Names of images: which are an official Python, and which version they pin."""

from __future__ import annotations

import re
from dataclasses import dataclass

OFFICIAL = frozenset(
    {
        "python",
        "library/python",
        "docker.io/python",
        "docker.io/library/python",
        "index.docker.io/library/python",
        "public.ecr.aws/docker/library/python",  # the two mirrors that carry Docker's official images as they are
        "mirror.gcr.io/library/python",
    }
)
OLDEST = (3, 11)
USUAL = "python:3.12-slim"


@dataclass(frozen=True, slots=True)
class ImageName:
    """An image's name in its parts; what is not given is empty."""

    repository: str
    tag: str
    digest: str

    @classmethod
    def of(cls, text: str) -> ImageName:
        """Take `registry:port/path:tag@digest` apart."""
        name, _, digest = text.partition("@")
        repository, colon, tag = name.rpartition(":")
        if not colon or "/" in tag:
            repository, tag = name, ""
        return cls(repository, tag, digest)

    @property
    def is_official_python(self) -> bool:
        """Whether it is Docker's official Python image, by whichever of its names."""
        return self.repository.lower() in OFFICIAL

    @property
    def version(self) -> tuple[int, ...]:
        """The version that the tag begins with: (3, 12) of 3.12-slim; empty where it begins with none."""
        found = re.match(r"\d+(\.\d+)*", self.tag)
        return tuple(int(part) for part in found[0].split(".")) if found else ()

    @property
    def is_slim(self) -> bool:
        """Whether it is a variant without curl and wget (Alpine's wget is BusyBox's)."""
        return "slim" in self.tag


def complaint(text: str) -> str:
    """What is wrong with an image as the base of this service; empty if nothing is."""
    name = ImageName.of(text)
    if not name.is_official_python:
        return "which is no official Python image"
    if not name.tag:
        return "which names no version" + (": the digest pins it, but nobody can read it" if name.digest else "")
    if not name.version:
        return f"which names no version: the tag {name.tag!r} means another Python every year"
    if len(name.version) < 2:
        return f"which pins only Python {name.version[0]}: the next minor version arrives unasked"
    if name.version < OLDEST:
        return f"which is Python {'.'.join(map(str, name.version))}, older than 3.11"
    return ""
