"""What each of the crowd acts with."""

from dataclasses import dataclass
from random import Random

from chaos.records import Book
from chaos.system import System
from chaos.town import Person, Town


@dataclass(frozen=True, kw_only=True)
class Role:
    """As whom, where, and on what; the book that tells of it; and what chance is drawn from."""

    system: System
    town: Town
    person: Person
    book: Book
    random: Random
