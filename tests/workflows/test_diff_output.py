from hypothesis import given
from hypothesis import strategies as st

from workflows.diff_output import PatchSplitter

lines = st.sampled_from([b"diff --git a/x b/x", b"", b"@@", b"x" * 30, "ü".encode()])
patch = st.lists(lines.map(lambda line: b"+" + line), max_size=4).map(
    lambda body: b"diff --git a/f b/f\n" + b"".join(line + b"\n" for line in body)
)


@given(st.lists(st.lists(patch, min_size=1, max_size=2), max_size=4), st.integers(1, 40))
def test_patches_come_apart_where_they_were_put_together_however_they_arrive(
    files: list[list[bytes]], size: int
) -> None:
    splitter = PatchSplitter([len(patches) for patches in files], each=10_000, total=10_000)
    output = b"".join(b"".join(patches) for patches in files)

    for start in range(0, len(output), size):
        splitter.feed(output[start : start + size])

    assert splitter.finish() == [b"".join(patches).decode() for patches in files]


@given(st.lists(patch, min_size=1, max_size=4), st.integers(1, 40), st.integers(0, 200))
def test_a_patch_is_kept_whole_or_not_at_all(files: list[bytes], size: int, each: int) -> None:
    splitter = PatchSplitter([1] * len(files), each=each, total=10_000)
    output = b"".join(files)

    for start in range(0, len(output), size):
        splitter.feed(output[start : start + size])

    assert splitter.finish() == [file.decode() if len(file) <= each else None for file in files]


def test_all_patches_together_have_a_bound_and_later_short_ones_still_fit() -> None:
    splitter = PatchSplitter([1, 1, 1], each=100, total=40)

    splitter.feed(b"diff --git 1\n+123456\ndiff --git 2\n+1234567890\ndiff --git 3\n")

    assert splitter.finish() == ["diff --git 1\n+123456\n", None, "diff --git 3\n"]
