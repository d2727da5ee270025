"""The epoch names the code that made the rows."""

from projectors.catalog import PROJECTIONS
from projectors.epoch import code_digest, epoch_of
from projectors.file import SCHEMA

CODE = '''"""What it is for."""

def fold(a: int) -> int:
    """Add."""
    if a:
        return a + 1  # because
    return 0
'''

SAME_CODE = '''"""Another remark,
over two lines."""
# and one more
def fold(a: int) -> int:

    if a:
            return a + 1
    return 0
'''


def test_comments_docstrings_and_layout_do_not_count() -> None:
    assert code_digest(CODE) == code_digest(SAME_CODE)


def test_every_other_difference_counts() -> None:
    others = (
        CODE.replace("+ 1", "+ 2"),
        CODE.replace("return 0", "return None"),
        CODE.replace("    return 0", "        return 0"),
        CODE + 'NAME = "x"\n',
        CODE + '"x".join([])\n',
    )

    assert len({code_digest(code) for code in (CODE, *others)}) == len(others) + 1


def test_each_projection_has_an_epoch_of_its_own_that_stays_the_same() -> None:
    epochs = [epoch_of(projection, SCHEMA) for projection in PROJECTIONS]

    assert len(set(epochs)) == len(PROJECTIONS)
    assert epochs == [epoch_of(projection, SCHEMA) for projection in PROJECTIONS]
    assert all(len(epoch) == 10 and int(epoch, 16) >= 0 for epoch in epochs)


def test_another_schema_is_another_epoch() -> None:
    assert epoch_of(PROJECTIONS[0], SCHEMA) != epoch_of(PROJECTIONS[0], SCHEMA + " ")
