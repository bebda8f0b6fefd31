"""The samples: 1,500 short sentences, made here by a small grammar. The question: who chased?

`the small dog was chased by the cat` -> cat. To a model that only counts words, all animals of a
sentence look alike: who did it is in the order of the words.
"""

import random

import torch

CLASSES = ["cat", "dog", "fox", "goat"]
SCORE = "accuracy"
"""What is stated. Where a class is rare: "balanced_accuracy", in which all classes count alike."""

augment = None  # A word left out might be the one that counts.

SENTENCES, LONGEST = 1500, 17
PATTERNS = [
    "{chaser} chased {chased}",
    "{chased} was chased by {chaser}",
    "it was {chaser} that chased {chased}",
    "it was {chased} that {chaser} chased",
]
ASIDES = ["", "while {other} slept", "and {other} looked on"]
ADJECTIVES = ["", "", "big", "small", "old", "brown"]
TIMES = ["", "today", "again"]
WORDS = sorted(
    {*" ".join(PATTERNS + ASIDES + ADJECTIVES + TIMES).split(), "the", *CLASSES} - {"{chaser}"}
)
NUMBER = {word: number for number, word in enumerate(WORDS, start=1)}  # 0 fills up short sentences


def load() -> tuple[torch.Tensor, torch.Tensor]:
    """Return all inputs, (samples, 17) numbers of words, and all labels, (samples,) from 0 to 3."""
    made = sentences()
    return torch.stack([encode(text) for text in made]), torch.tensor(list(made.values()))


def sentences() -> dict[str, int]:
    """Return sentences, each with the number of its chaser: each time the same, and none twice."""
    chance = random.Random(0)
    made = {}
    while len(made) < SENTENCES:
        names = dict(zip(["chaser", "chased", "other"], chance.sample(CLASSES, 3), strict=True))
        phrases = {
            role: f"the {chance.choice(ADJECTIVES)} {animal}" for role, animal in names.items()
        }
        parts = [chance.choice(choices) for choices in (PATTERNS, ASIDES, TIMES)]
        text = " ".join(parts).format(**phrases)
        made[" ".join(text.split())] = CLASSES.index(names["chaser"])
    return made


def encode(text: str) -> torch.Tensor:
    """Return the numbers of the words of a sentence, (17,), filled up with 0."""
    numbers = [NUMBER[word] for word in text.split()]
    return torch.tensor(numbers + [0] * (LONGEST - len(numbers)))


def groups() -> list[str] | None:
    """Return a name for each sample, such as its patient, if a name may be in one part only."""
    return None


def counts(inputs: torch.Tensor) -> torch.Tensor:
    """Return what the baseline may see: (samples, words), how often each word is in a sentence."""
    return torch.stack([(inputs == number).sum(1) for number in NUMBER.values()], dim=1)
