"""Long texts without facts worth asking for: sentences of a small grammar, each drawn anew. No two are likely to be the
same, none names a city or has a digit."""

from __future__ import annotations

import random

_WHO = [
    "The old gardener",
    "A young clerk",
    "My neighbour",
    "The ferry captain",
    "An apprentice baker",
    "The librarian",
    "A retired teacher",
    "The postman",
    "A travelling musician",
    "The night watchman",
    "Her cousin",
    "The innkeeper",
    "A quiet painter",
    "The beekeeper",
    "His grandmother",
    "The clockmaker",
    "A student of law",
    "The stable boy",
    "A glass blower",
    "The village doctor",
]
_DID = [
    "repaired",
    "carried home",
    "forgot",
    "admired",
    "described",
    "borrowed",
    "polished",
    "sketched",
    "lost",
    "returned",
    "wrapped",
    "examined",
    "sold",
    "hid",
    "painted",
    "weighed",
    "washed",
    "unpacked",
    "counted again",
    "talked about",
]
_WHAT = [
    "a wooden ladder",
    "the blue teapot",
    "a basket of apples",
    "two pairs of gloves",
    "the broken lantern",
    "a letter without a stamp",
    "an unfinished map",
    "the copper kettle",
    "a bundle of reeds",
    "the chess board",
    "a jar of honey",
    "the torn umbrella",
    "a sack of flour",
    "the brass key",
    "a woollen blanket",
    "the rusty bicycle",
    "an empty birdcage",
    "the violin",
    "a loaf of rye bread",
    "some dried herbs",
]
_WHERE = [
    "behind the mill",
    "near the harbour",
    "in the narrow street",
    "at the edge of the orchard",
    "by the stone bridge",
    "in the attic",
    "under the chestnut tree",
    "beside the canal",
    "on the market square",
    "in the back of the shop",
    "along the river path",
    "at the foot of the hill",
    "in the waiting room",
    "outside the chapel",
    "between the two barns",
    "on the upper deck",
]
_WHEN = [
    "before the rain began",
    "late in the afternoon",
    "on a windy morning",
    "after the long winter",
    "while the bells were ringing",
    "as the lamps were lit",
    "during the harvest",
    "shortly before dawn",
    "when the fog had lifted",
    "at the end of the holidays",
    "once the guests had left",
    "in the first days of spring",
]
_HOW = [
    "slowly",
    "without a word",
    "with great care",
    "in a hurry",
    "almost by accident",
    "cheerfully",
    "for no clear reason",
    "with a sigh",
    "rather clumsily",
    "as usual",
    "with some pride",
    "against all advice",
]
_SHAPES = (
    "{who} {did} {what} {where} {when}.",
    "{when}, {who} {how} {did} {what}.",
    "{how}, {who} {did} {what} {where}.",
    "{where}, {who} {did} {what}, and {who2} {did2} {what2}.",
    "It was said that {who} {did} {what} {when}, though {who2} never believed it.",
    "{who} {did} {what} {where}; {when}, {who2} {how} {did2} {what2}.",
)


def sentence(draw: random.Random) -> str:
    """One sentence, of about 90 characters."""
    who, who2 = (_inside(w) for w in draw.sample(_WHO, 2))
    what, what2 = draw.sample(_WHAT, 2)
    did, did2 = draw.sample(_DID, 2)
    text = draw.choice(_SHAPES).format(
        who=who, who2=who2, what=what, what2=what2, did=did, did2=did2,
        where=draw.choice(_WHERE), when=draw.choice(_WHEN), how=draw.choice(_HOW),
    )  # fmt: skip
    return text[0].upper() + text[1:]


def _inside(who: str) -> str:
    """As within a sentence: all of them begin with an article or a pronoun."""
    return who[0].lower() + who[1:]


def sentences(draw: random.Random, characters: int) -> list[str]:
    """As many as fit into so many characters, with one character between each two."""
    found: list[str] = []
    left = characters
    while True:
        one = sentence(draw)
        left -= len(one) + bool(found)
        if left < 0:
            return found
        found.append(one)
