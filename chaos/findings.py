"""What the checker found: numbers that must be zero, and a sentence for each finding."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["lost", "doubled", "skipped", "differing", "wrong"]
"""`wrong` is what breaks another promise: a bad status, a part that does not come back."""

MOST_SENTENCES = 40


@dataclass
class Findings:
    counts: Counter[str] = field(default_factory=Counter)
    sentences: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    """How often the harmless happened, so that a run shows what it was about."""

    def add(self, kind: Kind, sentence: str) -> None:
        self.counts[kind] += 1
        if self.counts[kind] <= MOST_SENTENCES:
            self.sentences.append(f"{kind}: {sentence}")

    @property
    def clean(self) -> bool:
        return not self.counts.total()
