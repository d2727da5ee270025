"""What git prints, read back for any paths; and what git never prints is one kind of error."""

from hypothesis import example, given
from hypothesis import strategies as st

from workflows.diff_output import changed_entries, shown_path
from workflows.scratch import refusals

PATHS = st.binary(min_size=1, max_size=20).filter(lambda path: b"\0" not in path)
NUMBERS = st.integers(0, 10**6)
ABOUT = b":100644 100644 %b %b " % (b"a" * 40, b"a" * 40)
FILES = st.dictionaries(
    PATHS, st.tuples(st.sampled_from("AMDTR"), PATHS, NUMBERS, NUMBERS), max_size=5
)


@given(FILES)
def test_changes_and_their_numbers_are_read_for_any_paths(
    files: dict[bytes, tuple[str, bytes, int, int]],
) -> None:
    printed = b""
    for path, (letter, before, _, _) in files.items():
        printed += ABOUT + (b"R087\0%b\0" % before if letter == "R" else letter.encode() + b"\0")
        printed += path + b"\0"
    for path, (letter, before, added, removed) in files.items():
        printed += b"%d\t%d\t" % (added, removed)
        printed += b"\0%b\0%b\0" % (before, path) if letter == "R" else path + b"\0"

    entries = changed_entries(printed)

    assert [(one.path, one.added, one.removed) for one in entries] == [
        (shown_path(path), added, removed) for path, (_, _, added, removed) in files.items()
    ]
    assert [one.kind == "renamed" for one in entries] == [
        letter == "R" for letter, _, _, _ in files.values()
    ]


def test_a_binary_file_has_no_lines() -> None:
    (entry,) = changed_entries(ABOUT + b"M\0logo.png\0-\t-\tlogo.png\0")

    assert (entry.binary, entry.added, entry.removed) == (True, 0, 0)


WORDS = st.sampled_from((b"1\t2\t", b"1\t2\ta", b":1 2 3 4 R1", b":1 2 3 4 ", b"a", b"-\t-\t"))


@given(st.lists(st.binary(max_size=8) | WORDS, max_size=6).map(b"\0".join))
@example(b"1\t2\t")
@example(b":1 2 3 4 ")
@example(b":1 2\0a")
def test_what_git_does_not_print_is_one_kind_of_error(printed: bytes) -> None:
    try:
        changed_entries(printed)
    except ValueError:
        return


@given(st.text(max_size=80))
def test_any_answer_to_a_push_gives_a_sentence(porcelain: str) -> None:
    assert refusals(porcelain)
