"""What git prints, read back for any paths; and what git never prints is one kind of error."""

from hypothesis import example, given
from hypothesis import strategies as st

from workflows.diff_output import Counts, changed_entries, counts, shown_path
from workflows.scratch import refusals

PATHS = st.binary(min_size=1, max_size=20).filter(lambda path: b"\0" not in path)
NUMBERS = st.integers(0, 10**6)
BLOB, MODE = b"a" * 40, b"100644"
LETTERS = st.sampled_from("AMDT")


@given(st.dictionaries(PATHS, st.tuples(NUMBERS, NUMBERS, st.booleans(), PATHS), max_size=5))
def test_numbers_of_lines_are_read_for_any_paths(
    files: dict[bytes, tuple[int, int, bool, bytes]],
) -> None:
    printed = b""
    for path, (added, removed, renamed, before) in files.items():
        printed += b"%d\t%d\t" % (added, removed)
        printed += b"\0%b\0%b\0" % (before, path) if renamed else path + b"\0"

    assert counts(printed) == {
        path: Counts(added, removed, False) for path, (added, removed, _, _) in files.items()
    }


def test_a_binary_file_has_no_lines() -> None:
    assert counts(b"-\t-\tlogo.png\0") == {b"logo.png": Counts(0, 0, True)}


@given(st.lists(st.tuples(LETTERS, PATHS), max_size=5), st.tuples(PATHS, PATHS))
def test_changes_are_read_for_any_paths(
    files: list[tuple[str, bytes]], renamed: tuple[bytes, bytes]
) -> None:
    about = b":%b %b %b %b " % (MODE, MODE, BLOB, BLOB)
    printed = b"".join(about + b"%b\0%b\0" % (letter.encode(), path) for letter, path in files)
    printed += about + b"R087\0%b\0%b\0" % renamed

    entries = changed_entries(printed, {})

    assert [entry.path for entry in entries] == [
        shown_path(path) for path in (*(path for _, path in files), renamed[1])
    ]
    assert entries[-1].kind == "renamed"


WORDS = st.sampled_from((b"1\t2\t", b"1\t2\ta", b":1 2 3 4 R1", b":1 2 3 4 ", b"a", b"-\t-\t"))


@given(st.lists(st.binary(max_size=8) | WORDS, max_size=6).map(b"\0".join))
@example(b"1\t2\t")
@example(b":1 2 3 4 ")
def test_what_git_does_not_print_is_one_kind_of_error(printed: bytes) -> None:
    for read in (counts, lambda output: changed_entries(output, {})):
        try:
            read(printed)
        except ValueError:
            continue


@given(st.text(max_size=80))
def test_any_answer_to_a_push_gives_a_sentence(porcelain: str) -> None:
    assert refusals(porcelain)
