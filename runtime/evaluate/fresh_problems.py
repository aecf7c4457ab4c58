"""Word problems that nobody has seen: templates of 2 to 5 steps, with names, things and numbers drawn, as GSM-Symbolic
has them (arXiv:2410.05229). The templates are our own. Each computes its answer, which is whole and positive."""

from __future__ import annotations

import random
from collections.abc import Callable

WOMEN = (
    "Alma", "Beatriz", "Carmen", "Dagny", "Elif", "Farida", "Greta", "Hana", "Ingrid", "Jana", "Kamala", "Leila",
    "Mirela", "Nadia", "Oksana", "Priya", "Rosalind", "Selma", "Thandi", "Ursula", "Valeria", "Wanda", "Yuki", "Zainab",
)  # fmt: skip
MEN = (
    "Anders", "Bruno", "Cedric", "Dmitri", "Emeka", "Farouk", "Gustav", "Hiroshi", "Ivan", "Jorge", "Kofi", "Lorenzo",
    "Mateo", "Nikhil", "Omar", "Pavel", "Rashid", "Stefan", "Tomas", "Umar", "Viktor", "Walter", "Yusuf", "Zoltan",
)  # fmt: skip
SMALL_THINGS = (
    "apples",
    "pencils",
    "marbles",
    "stickers",
    "buttons",
    "shells",
    "stamps",
    "beads",
    "plums",
    "coins",
)
GOODS = (
    "lamps",
    "scarves",
    "mugs",
    "candles",
    "notebooks",
    "umbrellas",
    "kites",
    "pillows",
    "clocks",
    "vases",
)

Template = Callable[[random.Random], tuple[str, int]]


def _people(r: random.Random, count: int) -> list[str]:
    return r.sample((*WOMEN, *MEN), count)


def shared_and_found(r: random.Random) -> tuple[str, int]:
    [a] = _people(r, 1)
    thing, each, friends, left, more = (
        r.choice(SMALL_THINGS),
        r.randint(3, 9),
        r.randint(3, 8),
        r.randint(4, 20),
        r.randint(5, 30),
    )
    text = (
        f"{a} has {each * friends + left} {thing}. {a} gives {each} {thing} to each of {friends} friends, and then finds "
        f"{more} more. How many {thing} does {a} have now?"
    )
    return text, left + more


def two_kinds_bought(r: random.Random) -> tuple[str, int]:
    [a] = _people(r, 1)
    one, two = r.sample(GOODS, 2)
    n, m, p, q = r.randint(2, 9), r.randint(2, 9), r.randint(3, 15), r.randint(3, 15)
    change = r.randint(1, 40)
    text = (
        f"At a shop, {one} cost ${p} each and {two} cost ${q} each. {a} buys {n} {one} and {m} {two} and has brought "
        f"${n * p + m * q + change}. How many dollars does {a} have left?"
    )
    return text, change


def weekly_savings(r: random.Random) -> tuple[str, int]:
    [a] = _people(r, 1)
    earn, spend, had, weeks = r.randint(20, 60), r.randint(3, 15), r.randint(10, 90), r.randint(3, 12)
    text = (
        f"{a} earns ${earn} a week and spends ${spend} of it. At the beginning {a} had ${had}. "
        f"How many dollars does {a} have after {weeks} weeks?"
    )
    return text, had + weeks * (earn - spend)


def times_as_many(r: random.Random) -> tuple[str, int]:
    a, b, c = _people(r, 3)
    thing, n, k, less = r.choice(SMALL_THINGS), r.randint(6, 30), r.randint(2, 6), r.randint(2, 5)
    text = (
        f"{a} has {n} {thing}. {b} has {k} times as many as {a}, and {c} has {less} fewer than {b}. "
        f"How many {thing} do the three have together?"
    )
    return text, n + 2 * n * k - less


def boxes_and_broken(r: random.Random) -> tuple[str, int]:
    thing, boxes, each, broken, price = (
        r.choice(GOODS),
        r.randint(4, 12),
        r.randint(6, 24),
        r.randint(2, 5),
        r.randint(2, 9),
    )
    text = (
        f"A shop receives {boxes} boxes with {each} {thing} each. In every box, {broken} of them are broken. The others "
        f"are sold for ${price} each. How many dollars does the shop take in?"
    )
    return text, boxes * (each - broken) * price


def two_speeds(r: random.Random) -> tuple[str, int]:
    [a] = _people(r, 1)
    h1, v1, h2, v2 = r.randint(2, 5), r.randint(8, 25), r.randint(2, 5), r.randint(8, 25)
    text = (
        f"{a} cycles for {h1} hours at {v1} kilometres an hour, rests for an hour, and cycles for {h2} more hours at "
        f"{v2} kilometres an hour. How many kilometres does {a} cycle in all?"
    )
    return text, h1 * v1 + h2 * v2


def reading_a_book(r: random.Random) -> tuple[str, int]:
    [a] = _people(r, 1)
    first, d1, rate, d2 = r.randint(8, 30), r.randint(2, 6), r.randint(10, 40), r.randint(2, 9)
    text = (
        f"{a} reads a book of {first * d1 + rate * d2} pages. For {d1} days {a} reads {first} pages a day, and after that "
        f"{rate} pages a day. How many days does {a} need for the whole book?"
    )
    return text, d1 + d2


def rows_of_seats(r: random.Random) -> tuple[str, int]:
    rows, seats, groups, size = r.randint(12, 25), r.randint(10, 24), r.randint(3, 9), r.randint(4, 12)
    text = (
        f"A hall has {rows} rows of {seats} seats. {groups} groups of {size} people each have taken their seats, and "
        f"nobody else has come. How many seats are still free?"
    )
    return text, rows * seats - groups * size


def half_sold(r: random.Random) -> tuple[str, int]:
    [a] = _people(r, 1)
    quarter, later = r.randint(6, 25), r.randint(2, 5)
    text = (
        f"{a} bakes {4 * quarter} rolls. Half of them are sold in the morning, and half of what is left in the afternoon. "
        f"In the evening {a} eats {later}. How many rolls are left?"
    )
    return text, quarter - later


def discount(r: random.Random) -> tuple[str, int]:
    [a] = _people(r, 1)
    percent, unit, n, thing = (
        r.choice((10, 20, 30, 40, 50)),
        r.randint(2, 12),
        r.randint(2, 8),
        r.choice(GOODS),
    )
    price = 10 * unit
    text = (
        f"A shop sells {thing} for ${price} each. Today everything is {percent}% cheaper. "
        f"How many dollars does {a} pay for {n} {thing} today?"
    )
    return text, n * (price - unit * percent // 10)


def ages(r: random.Random) -> tuple[str, int]:
    a, b, c = _people(r, 3)
    age, k, older, years = r.randint(5, 12), r.randint(2, 4), r.randint(2, 9), r.randint(3, 15)
    text = (
        f"{a} is {age} years old. {b} is {k} times as old as {a}, and {c} is {older} years older than {b}. "
        f"How old will {c} be in {years} years?"
    )
    return text, age * k + older + years


def tank(r: random.Random) -> tuple[str, int]:
    inflow, outflow, start, minutes = r.randint(12, 30), r.randint(2, 9), r.randint(20, 90), r.randint(5, 20)
    text = (
        f"A tank holds {start} litres of water. A pipe adds {inflow} litres a minute, while {outflow} litres a minute leak "
        f"out. How many litres are in the tank after {minutes} minutes?"
    )
    return text, start + minutes * (inflow - outflow)


def tickets(r: random.Random) -> tuple[str, int]:
    adults, children, price, kids = r.randint(2, 9), r.randint(3, 12), r.randint(6, 15), r.randint(2, 5)
    text = (
        f"A boat ride costs ${price} for an adult and ${kids} for a child. A party of {adults + children} goes on board, "
        f"and {children} of them are children. How many dollars do they pay together?"
    )
    return text, adults * price + children * kids


def eggs(r: random.Random) -> tuple[str, int]:
    [a] = _people(r, 1)
    cartons, extra, days, hens = r.randint(3, 9), r.randint(0, 5), r.choice((3, 5, 7)), r.randint(5, 14)
    while hens * days <= 6 * cartons:
        hens += 1
    sold = 6 * cartons
    text = (
        f"{a} has {hens} hens, each of which lays one egg a day. In {days} days, {a} sells {cartons} cartons of 6 eggs, and "
        f"is given {extra + 2} eggs by a neighbour. How many eggs does {a} have in the end?"
    )
    return text, hens * days - sold + extra + 2


def shared_bill(r: random.Random) -> tuple[str, int]:
    people, each, soup, tip = r.randint(3, 8), r.randint(9, 25), r.randint(2, 6), r.randint(4, 9)
    text = (
        f"{people} friends eat out. Each has a dish for ${each} and a soup for ${soup}. Together they add a tip of "
        f"${tip * people}, and share everything equally. How many dollars does each of them pay?"
    )
    return text, each + soup + tip


def fence(r: random.Random) -> tuple[str, int]:
    width, length, price, gate = r.randint(6, 20), r.randint(21, 40), r.randint(3, 12), r.randint(2, 4)
    text = (
        f"A garden is {length} metres long and {width} metres wide. A fence goes all around it, but for a gate of {gate} "
        f"metres. A metre of fence costs ${price}. How many dollars does the fence cost?"
    )
    return text, (2 * (length + width) - gate) * price


def stamps_in_albums(r: random.Random) -> tuple[str, int]:
    a, b = _people(r, 2)
    pages, per, albums, given = 2 * r.randint(4, 10), r.randint(6, 15), r.randint(2, 6), r.randint(5, 40)
    text = (
        f"{a} has {albums} albums of {pages} pages each, with {per} stamps on every page. {b} has half as many pages, "
        f"all in one album, with {2 * per} stamps on every page, and then gets {given} stamps from {a}. "
        f"How many stamps does {a} have left?"
    )
    return text, albums * pages * per - given


def work_days(r: random.Random) -> tuple[str, int]:
    a, b = _people(r, 2)
    fast, slow, days, need = r.randint(8, 20), r.randint(3, 7), r.randint(4, 12), r.randint(10, 40)
    text = (
        f"{a} makes {fast} baskets a day and {b} makes {slow} a day. They need {(fast + slow) * days + need} baskets for a "
        f"market. How many are still missing after both have worked for {days} days?"
    )
    return text, need


def fuel(r: random.Random) -> tuple[str, int]:
    [a] = _people(r, 1)
    per, hundreds, trips, price = r.randint(5, 9), r.randint(2, 6), r.randint(2, 6), r.randint(2, 4)
    text = (
        f"A van uses {per} litres of fuel for 100 kilometres. {a} drives {hundreds * 100} kilometres {trips} times, and a "
        f"litre costs ${price}. How many dollars does the fuel cost?"
    )
    return text, per * hundreds * trips * price


def trees(r: random.Random) -> tuple[str, int]:
    rows, per, dead, new = r.randint(6, 15), r.randint(8, 20), r.randint(2, 5), r.randint(3, 25)
    text = (
        f"An orchard has {rows} rows of {per} trees. In a storm, {dead} trees of each row fall. "
        f"In spring, {new} new trees are planted, and in autumn twice as many as in spring. "
        f"How many trees are there then?"
    )
    return text, rows * (per - dead) + 3 * new


def minutes_of_practice(r: random.Random) -> tuple[str, int]:
    a, b = _people(r, 2)
    n, more, weeks = r.randint(15, 50), r.randint(5, 20), r.randint(2, 6)
    text = (
        f"{a} practises the violin for {n} minutes on each of the 5 weekdays, and not at weekends. {b} practises "
        f"{more} minutes longer on each weekday. How many minutes do both practise together in {weeks} weeks?"
    )
    return text, 5 * weeks * (2 * n + more)


def bus_stops(r: random.Random) -> tuple[str, int]:
    start, off1, off2, on1, on2 = (
        r.randint(25, 50),
        r.randint(2, 9),
        r.randint(2, 9),
        r.randint(2, 12),
        r.randint(2, 12),
    )
    text = (
        f"A bus leaves with {start} passengers. At the first stop {off1} get off and {on1} get on. At the second stop "
        f"{off2} get off and {on2} get on. At the third stop nobody gets on, and {off1} get off. "
        f"How many passengers are on the bus then?"
    )
    return text, start - 2 * off1 + on1 - off2 + on2


def recipe(r: random.Random) -> tuple[str, int]:
    [a] = _people(r, 1)
    grams, people, k, had = r.randint(4, 20) * 10, r.randint(2, 6), r.randint(2, 5), r.randint(1, 6) * 10
    text = (
        f"A cake for {people} people takes {grams} grams of sugar. {a} bakes for {people * k} people and has {had} grams of "
        f"sugar at home. How many grams of sugar does {a} have to buy?"
    )
    return text, grams * k - had


def profit(r: random.Random) -> tuple[str, int]:
    [a] = _people(r, 1)
    thing, n, cost, gain, rent = (
        r.choice(GOODS),
        r.randint(8, 30),
        r.randint(3, 9),
        r.randint(3, 9),
        r.randint(3, 20),
    )
    text = (
        f"{a} buys {n} {thing} for ${cost} each, and sells all of them on a market for ${cost + gain} each. The stand costs "
        f"${rent}. How many dollars does {a} earn?"
    )
    return text, n * gain - rent


TEMPLATES: tuple[Template, ...] = (
    shared_and_found, two_kinds_bought, weekly_savings, times_as_many, boxes_and_broken, two_speeds, reading_a_book,
    rows_of_seats, half_sold, discount, ages, tank, tickets, eggs, shared_bill, fence, stamps_in_albums, work_days, fuel,
    trees, minutes_of_practice, bus_stops, recipe, profit,
)  # fmt: skip


def problems(count: int, refresh: int) -> list[tuple[str, str, int]]:
    """Template, text and answer of so many different problems, the templates in turn. More of them begin as fewer do."""
    found: list[tuple[str, str, int]] = []
    seen: set[str] = set()
    for i in range(count):
        draw = random.Random(f"fresh {refresh} {i}")
        template = TEMPLATES[i % len(TEMPLATES)]
        text, answer = template(draw)
        while text in seen:
            text, answer = template(draw)
        seen.add(text)
        found.append((template.__name__.replace("_", " "), text, answer))
    return found
