"""What is handed in is found, unpacked into clean folders, or refused with a reason; the rest goes on."""

from __future__ import annotations

import os
import socket
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from graders.classroom.intake.names import safe_parts, slug, student_of
from graders.classroom.intake.unpack import HandedIn, take_in
from graders.selftests.archives import APP, add_zip_link, member, tar_of, work, zip_of, zipped

Taken = dict[str, HandedIn]


def intake(tmp_path: Path, *paths: Path, warnings: list[str] | None = None) -> Taken:
    """Take paths in; students to what became of them."""
    warn: Callable[[str], object] = (warnings if warnings is not None else []).append
    found = list(take_in(paths, tmp_path / "work", warn))
    assert len({given.slug for given in found}) == len(found)
    everything = [p for p in (tmp_path / "work").rglob("*") if p.is_symlink() or not (p.is_file() or p.is_dir())]
    assert everything == []
    return {given.student: given for given in found}


def files(given: HandedIn) -> list[str]:
    """The files of a clean folder."""
    assert given.folder is not None, given.trouble
    return sorted(p.relative_to(given.folder).as_posix() for p in given.folder.rglob("*") if p.is_file())


def test_a_folder_with_app_is_one_submission(tmp_path: Path) -> None:
    """The folder's name is the student's."""
    for name, content in work("alice/").items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)

    taken = intake(tmp_path, tmp_path / "alice")

    assert list(taken) == ["alice"]
    assert files(taken["alice"]) == ["app/__init__.py", "app/main.py"]


def test_a_folder_of_folders_is_a_class(tmp_path: Path) -> None:
    """Who handed in nothing is in it too; nested folders and archives are looked into."""
    everybody = {
        **work("class/alice/"),
        **work("class/bob/some/where/lab-main/"),
        "class/carol/notes.txt": b"sorry",
        "class/dave.zip": zipped(work("dave-lab/")),
        "class/erin/final.tar.gz.zip": zipped(work()),
    }
    for name, content in everybody.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)

    taken = intake(tmp_path, tmp_path / "class")

    assert sorted(taken) == ["alice", "bob", "carol", "dave", "erin"]
    assert "nothing to grade" in taken["carol"].trouble
    assert [s for s in taken if taken[s].folder] == ["alice", "bob", "dave", "erin"]


@pytest.mark.parametrize("pack", [zip_of, tar_of], ids=["zip", "tar"])
def test_one_archive_of_many(tmp_path: Path, pack: Callable[..., Path]) -> None:
    """A class in one archive, with a folder around it."""
    suffix = "zip" if pack is zip_of else "tgz"
    archive = pack(tmp_path / f"hw1.{suffix}", {**work("hw1/alice/"), **work("hw1/bob/deep/er/")})

    taken = intake(tmp_path, archive)

    assert sorted(taken) == ["alice", "bob"]
    assert files(taken["bob"]) == files(taken["alice"]) == ["app/__init__.py", "app/main.py"]


def test_each_of_several_paths_is_one_submission(tmp_path: Path) -> None:
    """A wildcard of the shell gives each student's folder or archive; what else lies in it is no other student."""
    for name, content in {**work("alice/lab/"), "alice/notes/a.txt": b"x"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    bob = zip_of(tmp_path / "bob.zip", {**work("project-main/"), "report/text.md": b"x"})

    assert sorted(intake(tmp_path, tmp_path / "alice", bob)) == ["alice", "bob"]


@pytest.mark.parametrize(
    ("entry", "student"),
    [
        ("Jane Doe_1234567_assignsubmission_file_", "Jane Doe (1234567)"),
        ("doejane_LATE_4711_90210_lab-2.zip", "doejane (4711)"),
        ("doejane_4711_90210_lab.zip", "doejane (4711)"),
        ("Lab 1_jdoe_attempt_2026-01-05-10-11-12_lab.zip", "jdoe"),
        ("123456-7890 - Jane Doe - Sep 1, 2026 1200 PM", "Jane Doe (123456-7890)"),
        ("submission_104", "submission_104"),
        ("alice.tar.gz", "alice"),
    ],
)
def test_names_of_platforms(entry: str, student: str) -> None:
    """A platform's own marks are taken off a name; its number stays, because names are not unique."""
    assert student_of(entry).name == student


def test_a_platform_export_with_one_student(tmp_path: Path) -> None:
    """Even alone, a platform's folder names the student and not the archive."""
    archive = zip_of(tmp_path / "export.zip", work("Jane Doe_7_assignsubmission_file_/lab/"))

    assert list(intake(tmp_path, archive)) == ["Jane Doe (7)"]


def test_the_latest_attempt_counts(tmp_path: Path) -> None:
    """Of several attempts that a platform exports, the latest is graded; a text beside the file is no second one."""
    early, late = "Lab_jdoe_attempt_2026-01-05-10-11-12_a.zip", "Lab_jdoe_attempt_2026-02-05-10-11-12_a.zip"
    archive = zip_of(
        tmp_path / "export.zip",
        {
            early: zipped(work()),
            late: zipped(work(files={**APP, "app/late.py": b""})),
            **work("Al_1_assignsubmission_file_/"),
            "Al_1_assignsubmission_onlinetext_/onlinetext.html": b"",
        },
    )

    taken = intake(tmp_path, archive)

    assert sorted(taken) == ["Al (1)", "jdoe"]
    assert "app/late.py" in files(taken["jdoe"])
    assert taken["Al (1)"].folder is not None


HOSTILE_NAMES = {
    "../../../../tmp/lab-escaped": "leads out of its folder",
    "alice/../../lab-escaped": "leads out of its folder",
    "/tmp/lab-escaped": "absolute",
    "C:\\lab-escaped": "absolute",
    "..\\..\\lab-escaped": "leads out of its folder",
    "\\\\server\\share": "absolute",
}


@pytest.mark.parametrize("pack", [zip_of, tar_of], ids=["zip", "tar"])
def test_names_that_lead_out_are_left_out(tmp_path: Path, pack: Callable[..., Path]) -> None:
    """Traversal and absolute names write nothing anywhere; the submission itself is graded, with a note."""
    archive = pack(
        tmp_path / ("a.zip" if pack is zip_of else "a.tgz"), {**work(), **dict.fromkeys(HOSTILE_NAMES, b"!")}
    )
    before = set(tmp_path.rglob("*lab-escaped*"))

    taken = intake(tmp_path, archive)

    assert files(taken["a"]) == ["app/__init__.py", "app/main.py"]
    assert set(tmp_path.rglob("*lab-escaped*")) == before == set()
    assert not Path("/tmp/lab-escaped").exists()
    assert len([n for n in taken["a"].notes if "absolute" in n or "leads out" in n]) == len(HOSTILE_NAMES)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_names_are_told(name: str) -> None:
    """Each says why."""
    with pytest.raises(Exception, match=HOSTILE_NAMES[name]):
        safe_parts(name)


def test_hostile_entries_in_a_class_touch_nobody_else(tmp_path: Path) -> None:
    """One student's traversal is noted with that student, nobody's is told to the teacher, and all others are fine."""
    hostile = {"bob/../alice/app/main.py": b"evil", "../x": b"evil"}
    archive = zip_of(tmp_path / "class.zip", {**work("alice/"), **work("bob/"), **hostile})
    warnings: list[str] = []

    taken = intake(tmp_path, archive, warnings=warnings)

    assert taken["alice"].notes == ()
    assert (taken["alice"].folder or Path()).joinpath("app/main.py").read_bytes() == APP["app/main.py"]
    assert "leads out" in taken["bob"].notes[0]
    assert "'../x'" in warnings[0]


def test_links_are_left_out(tmp_path: Path) -> None:
    """No link is made or followed: symbolic, hard, to a file, to a folder, in a zip, in a tar, in a folder."""
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "folder/app").mkdir(parents=True)
    (tmp_path / "folder/app/main.py").write_text("")
    (tmp_path / "folder/app/link.py").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "folder/app/all").symlink_to("/")
    os.mkfifo(tmp_path / "folder/app/pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "folder/app/sock"))
    in_zip = add_zip_link(zip_of(tmp_path / "zip.zip", work()), "app/link.py", "/etc/passwd")
    in_tar = tar_of(
        tmp_path / "tar.tar",
        work(),
        member("app/link.py", tarfile.SYMTYPE, "/etc/passwd"),
        member("app/hard.py", tarfile.LNKTYPE, "../../secret.txt"),
        member("app/null", tarfile.CHRTYPE),
        member("app/pipe", tarfile.FIFOTYPE),
        mode="w",
    )

    taken = intake(tmp_path, tmp_path / "folder", in_zip, in_tar)

    assert files(taken["folder"]) == ["app/main.py"]
    assert files(taken["zip"]) == files(taken["tar"]) == ["app/__init__.py", "app/main.py"]
    assert [len(taken[name].notes) for name in ("folder", "zip", "tar")] == [4, 1, 4]


def test_a_link_as_app_is_no_submission(tmp_path: Path) -> None:
    """`app` that points elsewhere is not followed, and there is nothing to grade."""
    (tmp_path / "mallory").mkdir()
    (tmp_path / "mallory/app").symlink_to("/etc")

    taken = intake(tmp_path, tmp_path / "mallory")

    assert taken["mallory"].folder is None
    assert "nothing to grade" in taken["mallory"].trouble


def test_bombs_are_refused(tmp_path: Path) -> None:
    """A file that is too large is left out, many of them are a bomb; a tar bomb is not unpacked to its end."""
    zeros = bytes(8 * 2**20)
    one = zip_of(tmp_path / "one.zip", {**work(), "app/zeros.py": zeros + b"0"})
    many = zip_of(tmp_path / "many.zip", {**work(), **{f"app/{n}.py": zeros for n in range(9)}})
    tar = tar_of(tmp_path / "tar.tgz", {**work(), "app/zeros.bin": bytes(80 * 2**20)})

    taken = intake(tmp_path, one, many, tar)

    assert files(taken["one"]) == ["app/__init__.py", "app/main.py"]
    assert "larger than 8 MiB" in taken["one"].notes[0]
    assert "bomb" in taken["many"].trouble
    assert "bomb" in taken["tar"].trouble
    assert sum(p.stat().st_size for p in (tmp_path / "work").rglob("*") if p.is_file()) < 2**20


def test_a_lying_size_does_not_help(tmp_path: Path) -> None:
    """What counts is what comes out, not what a zip's table says."""
    path = zip_of(tmp_path / "liar.zip", {**work(), "app/zeros.py": bytes(30 * 2**20)})
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("app/zeros.py")
    true = struct.pack("<L", info.file_size)
    at = content.find(true)
    while at >= 0:
        content[at : at + 4] = struct.pack("<L", 10)
        at = content.find(true)
    path.write_bytes(content)

    taken = intake(tmp_path, path)

    assert not list((tmp_path / "work").rglob("zeros.py")) or "zeros" not in str(files(taken["liar"]))


def test_crowds_of_files_are_refused(tmp_path: Path) -> None:
    """Thousands of files are no submission."""
    path = zip_of(tmp_path / "crowd.zip", {**work(), **{f"app/{n}.py": b"" for n in range(2100)}})

    assert "more than 2000 files" in intake(tmp_path, path)["crowd"].trouble


def test_a_table_without_end_is_not_read(tmp_path: Path) -> None:
    """A zip that claims a table of a gigabyte is refused before anything reads it."""
    path = tmp_path / "table.zip"
    path.write_bytes(b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 65535, 65535, 2**30, 0, 0))

    assert "claims to hold" in intake(tmp_path, path)["table"].trouble


def test_archives_in_archives_end(tmp_path: Path) -> None:
    """An archive in an archive is looked into; one in one in one in one is not."""
    content = zipped(work())
    two = zip_of(tmp_path / "two.zip", {"inner.zip": content})
    for _ in range(4):
        content = zipped({"again.zip": content})
    five = zip_of(tmp_path / "five.zip", {"again.zip": content})

    taken = intake(tmp_path, two, five)

    assert files(taken["two"]) == ["app/__init__.py", "app/main.py"]
    assert "archive inside an archive" in taken["five"].trouble


def test_duplicates_are_refused(tmp_path: Path) -> None:
    """An entry that comes twice is kept once; a student that comes twice is graded once, and both are told."""
    path = tmp_path / "alice.zip"
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for name, content in {**work(), "app/main.py": b"first"}.items():
            archive.writestr(name, content)
        archive.writestr("app/main.py", b"second")
    again = tmp_path / "again" / "Alice.zip"
    again.parent.mkdir()
    zip_of(again, work())

    found = list(take_in([path, again], tmp_path / "work", print))

    assert (found[0].folder or Path()).joinpath("app/main.py").read_bytes() == b"first"
    assert "comes a second time" in found[0].notes[0]
    assert found[1].folder is None
    assert "second submission" in found[1].trouble


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 and then nothing", os.urandom(4000)], ids=["empty", "cut", "noise"]
)
@pytest.mark.parametrize("suffix", ["zip", "tgz", "tar.xz", "tar"])
def test_what_is_no_archive_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    """It says so, and the next submission is graded."""
    path = tmp_path / f"broken.{suffix}"
    path.write_bytes(content)
    fine = zip_of(tmp_path / "fine.zip", work())

    taken = intake(tmp_path, path, fine)

    assert taken["broken"].folder is None
    assert taken["broken"].trouble.startswith("broken.")
    assert taken["fine"].folder is not None


def test_a_damaged_entry_is_one_students_trouble(tmp_path: Path) -> None:
    """In a class's zip, who comes before and after is graded."""
    secret = os.urandom(3000)
    path = zip_of(
        tmp_path / "class.zip", {**work("a/"), **work("b/"), "b/app/x.py": secret, **work("c/")}, compress=False
    )
    content = path.read_bytes()
    path.write_bytes(content.replace(secret[:500], bytes(500)))

    taken = intake(tmp_path, path)

    assert "damaged" in taken["b"].trouble
    assert taken["a"].folder is not None
    assert taken["c"].folder is not None


def test_a_tar_that_was_cut_short_gives_what_came_before(tmp_path: Path) -> None:
    """Whose files had arrived is graded; the others read why they are not."""
    path = tar_of(tmp_path / "class.tar", {**work("a/"), **work("b/"), "b/app/x.py": os.urandom(40_000)}, mode="w")
    path.write_bytes(path.read_bytes()[:20_000])

    taken = intake(tmp_path, path)

    assert [s for s in taken if taken[s].folder] in ([], ["a"])
    assert all("tar archive" in given.trouble for given in taken.values() if given.folder is None)


def test_encrypted_entries_and_foreign_kinds_are_told(tmp_path: Path) -> None:
    """What the lab cannot open is named, with what to do."""
    path = zip_of(tmp_path / "locked.zip", {**work(), "app/secret.py": b"x = 1"}, compress=False)
    content = bytearray(path.read_bytes())
    for magic, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(magic)
        while at >= 0:
            if b"app/secret.py" in content[at : at + 70]:
                content[at + flags] |= 1
            at = content.find(magic, at + 1)
    path.write_bytes(content)
    rar = zip_of(tmp_path / "rar.zip", {"work.rar": b"Rar!"})

    taken = intake(tmp_path, path, rar)

    assert "is encrypted" in taken["locked"].notes[0]
    assert "use zip or tar" in taken["rar"].trouble


@pytest.mark.parametrize(
    "name",
    ["a/b", "..", "=1+1", "CON", "x" * 300, "\x1b[31m", "", "Ünï cødé 日本", ".hidden", "alice", "Alice", "a\nb"],
)
def test_report_folders_have_tame_names(name: str) -> None:
    """Whatever a student is called, the folder's name is short, relative, visible and its own."""
    made = slug(name)

    assert made
    assert len(made.encode()) <= 80
    assert not made.startswith((".", "-"))
    assert all(c.isalnum() or c in "._-" for c in made)
    assert len({slug(n) for n in ("alice", "Alice", "al ice", "al_ice", name)}) >= 4


def test_odd_names_are_made_visible(tmp_path: Path) -> None:
    """A name with control characters or in pieces of UTF-8 is unpacked under a name that can be shown."""
    path = zip_of(tmp_path / "odd.zip", {**work(), "app/\x1b[31mred\n.py": b"", "app/\u202eevil.py": b""})

    assert files(intake(tmp_path, path)["odd"]) == [
        "app/_[31mred_.py",
        "app/__init__.py",
        "app/_evil.py",
        "app/main.py",
    ]
