"""Changes of a word problem that keep its answer: other names, small numerals as words, and a sentence of no effect
(as in GSM-NoOp, arXiv:2410.05229)."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from smolc.runtime.evaluate.fresh_problems import MEN, WOMEN

# Names that are neither words, months nor places: such are left alone.
KNOWN_WOMEN = (
    "Alice", "Amanda", "Amy", "Andrea", "Angela", "Ann", "Anna", "Anne", "Annie", "Barbara", "Betty",
    "Brenda", "Carla", "Carol", "Caroline", "Catherine", "Cindy", "Claire", "Clara", "Cynthia", "Deborah",
    "Diana", "Donna", "Elena", "Elizabeth", "Ella", "Ellen", "Emily", "Emma", "Erica", "Erin", "Eva",
    "Gina", "Hannah", "Helen", "Irene", "Jane", "Janet", "Janice", "Jasmine", "Jen", "Jenna", "Jennifer",
    "Jenny", "Jessica", "Joanna", "Judy", "Julia", "Julie", "Karen", "Kate", "Katie", "Kelly", "Kim",
    "Kristin", "Laura", "Lauren", "Leah", "Linda", "Lisa", "Lucy", "Marie", "Maria", "Marissa", "Martha",
    "Mary", "Megan", "Melanie", "Melissa", "Michelle", "Mia", "Molly", "Nancy", "Natalie", "Nina", "Olivia",
    "Pam", "Pamela", "Rachel", "Rebecca", "Rita", "Samantha", "Sandra", "Sara", "Sarah", "Sharon", "Sheila",
    "Sophia", "Sophie", "Stacy", "Stephanie", "Susan", "Tanya", "Tina", "Toula", "Vanessa", "Wendy",
)  # fmt: skip
KNOWN_MEN = (
    "Aaron", "Adam", "Alan", "Albert", "Alex", "Alfred", "Andrew", "Andy", "Anthony", "Arthur", "Ben",
    "Benjamin", "Bob", "Bobby", "Brad", "Brandon", "Brian", "Bruce", "Carl", "Carlos", "Charlie", "Chris",
    "Christopher", "Daniel", "Darren", "Dave", "David", "Dean", "Dennis", "Derek", "Donald", "Doug", "Ed",
    "Eddie", "Edward", "Eric", "Ethan", "Frank", "Fred", "Gary", "George", "Greg", "Harry", "Henry",
    "Howard", "Jack", "Jacob", "Jake", "James", "Jason", "Jeff", "Jeremy", "Jerry", "Jim", "Jimmy", "Joe",
    "John", "Johnny", "Jonathan", "Jose", "Joseph", "Josh", "Joshua", "Juan", "Justin", "Keith", "Ken",
    "Kenneth", "Kevin", "Kyle", "Larry", "Leo", "Liam", "Luke", "Marcus", "Mario", "Martin", "Matt",
    "Matthew", "Max", "Michael", "Mike", "Nathan", "Nick", "Noah", "Oliver", "Oscar", "Patrick", "Paul",
    "Peter", "Philip", "Randy", "Raymond", "Richard", "Rick", "Robert", "Roger", "Ron", "Ronald", "Roy",
    "Ryan", "Sam", "Samuel", "Scott", "Sean", "Simon", "Stephen", "Steve", "Steven", "Ted", "Thomas", "Tim",
    "Timothy", "Tom", "Tommy", "Tony", "Travis", "Tyler", "Victor", "Vincent", "Walter", "Wayne", "William",
    "Zach",
)  # fmt: skip
WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip

ASIDES = (
    "The clock on the wall is {n} years old.",
    "A sparrow has built its nest {n} metres above the street.",
    "The radio next door plays {n} songs an hour.",
    "The nearest lighthouse has {n} steps.",
    "A poster on the door shows a mountain of {n}00 metres.",
    "The old oak in the park has {n} branches.",
    "The valley had {n} days of rain last year.",
    "The town hall has {n} windows.",
    "A museum in another country owns {n} paintings of the sea.",
    "The bridge over the river was repaired {n} years ago.",
)

_NAME = re.compile(rf"\b({'|'.join((*KNOWN_WOMEN, *KNOWN_MEN))})\b(?!-)")
# One that stands alone: no price, percentage, fraction, time, ordinal, part of a sum or of a longer number.
_NUMERAL = re.compile(
    r"(?<![\w$€£#.,/:%+*×=^()\-–−])(?<![+*×=/\-–−÷x] )([0-9]|1[0-9]|20)"
    r"(?![\w%/:^()°\-–−]|[.,][0-9]| ?[%+*×=/÷°]| [-–−x] | [ap]\.?m\b| [0-9]| o'clock)"
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[\"“(]?[A-Z0-9$])")
_REFERS = re.compile(
    r"\b(?:it|its|they|them|their|theirs|this|that|these|those|there|one|ones|other|others)\b", re.I
)
_TITLE = r"\b(?:Mr|Mrs|Ms|Dr|St|Prof|Mt|Sir|Saint|Lake|Port|King|Queen|Fort|Mount)\.?"
_WORD = re.compile(r"[a-z]{4,}")

Change = Callable[[str, random.Random], str | None]


def rename(text: str, draw: random.Random) -> str | None:
    """With other names, of the same gender, for all known ones. None where there is none, or where who is who is not
    certain: Sam may be Samantha, and `Harry Potter` is no person of the problem."""
    names = list(dict.fromkeys(_NAME.findall(text)))
    if not names or any(a != b and b.startswith(a) for a in names for b in names):
        return None
    if any(re.search(rf"\b{name}(?: [A-Z]|,? Jr)|{_TITLE} {name}\b", text) for name in names):
        return None
    free = {
        known: [name for name in fresh if name not in text]
        for known, fresh in (("women", WOMEN), ("men", MEN))
    }
    for fresh in free.values():
        draw.shuffle(fresh)
    others = {}
    for name in names:
        fresh = free["women" if name in KNOWN_WOMEN else "men"]
        if not fresh:
            return None
        others[name] = fresh.pop()
    return _NAME.sub(lambda found: others[found[1]], text)


def numerals(text: str, draw: random.Random) -> str | None:
    """With whole numbers up to twenty as words. None where there is none that stands alone."""

    def word(found: re.Match[str]) -> str:
        said = WORDS[int(found[1])]
        begins = not (before := text[: found.start()].rstrip()) or before[-1] in ".!?"
        return said.capitalize() if begins else said

    changed = _NUMERAL.sub(word, text)
    return changed if changed != text else None


def distract(text: str, draw: random.Random) -> str | None:
    """With a sentence of no effect before the last one, which asks; or before all where the last one refers to things
    by a pronoun, which could be taken for those of the sentence. None where each speaks of what the problem does."""
    apart = [
        aside for aside in ASIDES if not set(_WORD.findall(aside.lower())) & set(_WORD.findall(text.lower()))
    ]
    if not apart:
        return None
    aside = draw.choice(apart).format(n=draw.randint(21, 97))
    sentences = _SENTENCE.split(text.strip())
    at = 0 if _REFERS.search(sentences[-1]) else len(sentences) - 1
    return " ".join([*sentences[:at], aside, *sentences[at:]])


CHANGES: dict[str, Change] = {"other names": rename, "numerals as words": numerals, "a distractor": distract}


def perturbed(text: str, draw: random.Random) -> tuple[str, str]:
    """Kind of change, and the text with it: one that is drawn from those that can be made. ValueError where none can."""
    can = {kind: new for kind, change in CHANGES.items() if (new := change(text, draw)) is not None}
    if not can:
        raise ValueError("no change can be made")
    kind = draw.choice(sorted(can))
    return kind, can[kind]
