# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The profile that holds now: the newest of a file or folder that others write, or a schedule played back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from .profile import Profile, ProfileError
from .readers import read_profiles


class ProfileWatch:
    """path: a profile file, or a folder whose most recently written file counts (names that start with a dot
    do not); it need not exist yet. max_age: hours after which a profile no longer speaks of now; by its own
    time, else by that of the file. Raises ValueError.
    """

    def __init__(self, path: str | Path, max_age: float = 24.0, elevation: float = 0.0) -> None:
        if not 0 < max_age < float("inf"):
            raise ValueError(f"max_age is {max_age:g} h, expected more than 0")
        self._path = Path(path)
        if not self._path.parent.is_dir():
            raise ValueError(f"{path}: expected a profile file or a folder of them, in a folder that exists")
        self._max_age, self._elevation = 3600 * max_age, elevation
        self._seen: tuple[Path, float, int] | None = None
        self._profile: Profile | None = None
        self._written = 0.0
        self._outdated = False

    def poll(self) -> tuple[Profile | None, bool]:
        """The profile that holds now, if any, and whether it is new. Raises ProfileError once for a file that
        cannot be read (the one before stays in force) and once when the profile has become too old."""
        newest = self._newest()
        if newest is not None and newest != self._seen:
            self._seen = newest
            self._profile = read_profiles(newest[0], self._elevation)[-1]
            self._written, self._outdated = newest[1], False
            if not self._too_old():
                return self._profile, True
        if self._profile is not None and self._too_old():
            if not self._outdated:
                self._outdated = True
                hours = self._max_age / 3600
                raise ProfileError(
                    f"{self._path}: {self._profile.describe()}: more than {hours:g} h old, not used"
                )
            return None, False
        return self._profile, False

    def _too_old(self) -> bool:
        when = self._profile.time.timestamp() if self._profile.time else self._written
        return time.time() - when > self._max_age

    def _newest(self) -> tuple[Path, float, int] | None:
        if not self._path.is_dir():
            return _stamp(self._path)
        stamps = (_stamp(file) for file in self._path.iterdir() if not file.name.startswith("."))
        return max((s for s in stamps if s), key=lambda s: (s[1], s[0].name), default=None)


class ProfileSchedule:
    """Every profile of a file, or of all files of a folder in the order of their names, over and over."""

    def __init__(self, path: str | Path, elevation: float = 0.0) -> None:
        path = Path(path)
        files = sorted(f for f in path.iterdir() if f.is_file()) if path.is_dir() else [path]
        self._profiles = [profile for file in files for profile in read_profiles(file, elevation)]
        if not self._profiles:
            raise ProfileError(f"{path}: expected a folder with profiles, found no file")

    def __iter__(self) -> Iterator[Profile]:
        while True:
            yield from self._profiles


def _stamp(file: Path) -> tuple[Path, float, int] | None:
    try:
        status = file.stat()
    except OSError:  # not yet there, or gone again
        return None
    return (file, status.st_mtime, status.st_size) if file.is_file() else None
