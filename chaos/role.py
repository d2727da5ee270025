"""What each of the crowd acts with."""

from dataclasses import dataclass
from random import Random

from chaos.records import Book
from chaos.system import System
from chaos.town import Person, Town


@dataclass(frozen=True, kw_only=True)
class Role:
    """What one of the crowd is given: as whom it acts, where and on what, its book, and its source of chance."""

    system: System
    town: Town
    person: Person
    book: Book
    random: Random
