"""What several of the lab's own tests share."""

from __future__ import annotations

import signal

import pytest

from graders.selftests.small_lab import SmallLab

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as `nohup` and a script's `&` leave it to every child
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def small_lab(tmp_path_factory: pytest.TempPathFactory) -> SmallLab:
    """A copy of the lab with a small and quick course; made once."""
    return SmallLab(tmp_path_factory.mktemp("small_lab"))
