"""Valid recipes made at random: every construct, any spacing, and comments wherever the language takes one."""

from __future__ import annotations

import random

NAMES = [
    "a",
    "lr",
    "seed",
    "optim",
    "pick",
    "x1",
    "drop",
    "extends",
    "smolc",
    "a_rather_long_name_of_a_key",
    "and",
    "or",
    "in",
]
QUOTED = ['"a b"', '"OpenHermes_2.5"', '"#1"', '"\\u{e9}t\\"é"', '"中文"', '""']
NUMBERS = ["42", "2e-5", "64Ki", "3%", "128seq", "1.5Mtok", "90min", "80GiB", "1_000", "0", "4e3"]
TEXTS = [
    '"a text"',
    '"#1 {x}; = ("',
    '"tab\\tand \\\\ and \\""',
    '"""one line"""',
    '"""\n    a\n      b "c"\n    """',
    '"""\n# no comment\n  x = 1"""',
    '"' + "long " * 25 + '"',
    '"漢字と仮名"',
]
KINDS = ["recipe", "model", "dataset", "mixture", "template", "stage", "eval", "cluster"]
NESTED = ["sweep", "from smoltalk2", 'from "a b"', "where", "expect", "task words", "drop_in"]
COMMENTS = [
    "# a comment",
    "#",
    "#x",
    "##  two  #",
    "# 注释",
    "# a, b; c = (d] }",
    '# "quoted" """',
    "# " + "long " * 30,
]
LINT = [
    "# lint: allow(a-rule) -- why",
    "#lint:allow(P501, P502) -- why not",
    "# lint: allow(b) -- " + "long " * 25,
]


class Maker:
    """Writes one recipe; `comments` are those it holds, in order."""

    def __init__(self, rng: random.Random, lint: float = 0.2) -> None:
        self.rng = rng
        self.lint = lint
        self.untidy = rng.choice([0.0, 0.05, 0.15, 0.4])
        self.commented = rng.choice([0.0, 0.05, 0.2, 0.5])
        self.out: list[str] = []
        self.comments: list[str] = []

    def recipe(self) -> str:
        if self.rng.random() < 0.7:
            self.lines()
            self.put("smolc", " ", "1")
            self.end()
        if self.rng.random() < 0.4:
            self.lines()
            self.put("extends", " ", '"base.recipe"')
            self.end()
        for _ in range(self.rng.randint(0, 4)):
            self.lines()
            if self.rng.random() < 0.3:
                self.statement(0)
            else:
                self.block(f"{self.rng.choice(KINDS)} {self.rng.choice(NAMES)}", 0)
            self.end()
        self.lines()
        return "".join(self.out)

    # --- spaces and comments

    def put(self, *texts: str) -> None:
        self.out.extend(texts)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def spaces(self) -> str:
        return self.rng.choice(["", "  ", "\t", "   "]) if self.chance(self.untidy) else " "

    def comment(self) -> None:
        """Up to the end of the line."""
        text = self.rng.choice(LINT if self.chance(self.lint) else COMMENTS)
        self.comments.append(text.rstrip())
        self.put(text, self.rng.choice(["", " ", "\t"]) if self.chance(self.untidy) else "", "\n")

    def lines(self) -> None:
        """Empty lines and comments on lines of their own."""
        while self.chance(0.3 + self.untidy / 2):
            self.put(self.rng.choice(["\n", "\n", "  \n", "\r\n"]))
        while self.chance(self.commented):
            self.put(self.spaces())
            self.comment()
            while self.chance(0.3):
                self.put("\n")

    def end(self) -> None:
        """The end of a statement."""
        if self.chance(self.commented):
            self.put(self.rng.choice(["", " ", ";", " ; "]))
            self.comment()
        else:
            self.put(self.rng.choice(["\n", "\n", "\n", "\n\n", ";", "; ", " ;\n", "\r\n", "\n\n\n"]))

    def gap(self) -> None:
        """Between two tokens in brackets."""
        if self.chance(self.commented / 3):
            self.put(self.spaces())
            self.comment()
            self.put(self.spaces())
        elif self.chance(self.untidy):
            self.put(self.rng.choice(["\n", "\n\n", " \n  ", "\n\n\n\t", "  ", "\t"]))
        else:
            self.put(self.spaces())

    # --- what a recipe is made of

    def block(self, head: str, depth: int) -> None:
        kind, _, label = head.partition(" ")
        self.put(kind, " " if label else "", self.spaces() if label else "", label, self.spaces(), "{")
        count = self.rng.choice([0, 1, 1, 2, 3, 6])
        if self.chance(0.3):  # on one line, unless a value or a comment is not
            for number in range(count):
                self.put("; " if number else " ")
                self.item(depth)
            self.put(" }")
            return
        if self.chance(self.commented):
            self.put(self.spaces())
            self.comment()
        else:
            self.put(self.rng.choice(["\n", "\n", " ", ""]))
        for number in range(count):
            self.lines()
            self.put(" " * self.rng.randint(1, 4))
            self.item(depth)
            if number + 1 < count or self.chance(0.8):
                self.end()
        self.lines()
        self.put(" }")

    def item(self, depth: int) -> None:
        if depth < 3 and self.chance(0.2):
            self.block(self.rng.choice(NESTED), depth + 1)
        else:
            self.statement(depth)

    def statement(self, depth: int) -> None:
        roll = self.rng.random()
        if roll < 0.1:
            self.put("drop", " ", self.spaces(), "dataset", " ", self.rng.choice(["gsm", '"a b"']))
            return
        self.path()
        if roll < 0.3:
            self.put(self.spaces(), self.rng.choice(["==", "!=", "<=", ">=", "<", ">"]), self.spaces())
            self.value(0, inside=False)
            while self.chance(0.4):
                self.put(" ", self.rng.choice("+-"), self.spaces())
                self.value(0, inside=False)
            return
        self.put(self.spaces(), "=", self.spaces())
        if roll < 0.45:
            self.condition(0, inside=False)
        else:
            self.value(0, inside=False)

    def condition(self, depth: int, inside: bool) -> None:
        """Comparisons and what joins them."""
        gap = self.gap if inside else lambda: self.put(self.spaces())
        count = self.rng.choice([1, 1, 2, 3] if depth < 3 else [1])
        word = self.rng.choice(["and", "or"])
        for number in range(count):
            if number:
                self.put(" ")
                gap()
                self.put(word if self.chance(0.7) else "and", " ")
                gap()
            while self.chance(0.15):
                self.put("not", " ")
                gap()
            if depth < 3 and self.chance(0.35):
                self.put("(")
                self.gap()
                self.condition(depth + 1, inside=True)
                self.gap()
                self.put(")")
                continue
            self.path()
            self.put(" ")
            gap()
            operator = self.rng.choice(["==", "!=", "<", ">=", "in", "not in"])
            for part in operator.split():
                self.put(part, " ")
                gap()
            self.value(3, inside=inside)

    def path(self) -> None:
        # A keyword at the start of a statement must be followed by what only follows a key.
        self.put(self.rng.choice(NAMES if self.chance(0.8) else QUOTED))
        while self.chance(0.2):
            self.put(".", self.rng.choice(NAMES if self.chance(0.8) else QUOTED))

    def value(self, depth: int, inside: bool) -> None:
        """`inside` brackets, lines may end anywhere."""
        gap = self.gap if inside else lambda: self.put(self.spaces())
        roll = self.rng.random()
        if roll < 0.2:
            if self.chance(0.2):
                self.put("-")
                gap()
            self.put(self.rng.choice(NUMBERS))
        elif roll < 0.35:
            self.put(self.rng.choice(TEXTS))
        elif roll < 0.4:
            self.put(self.rng.choice(["true", "false"]))
        elif roll < 0.6 or depth > 3:
            self.put(self.rng.choice(NAMES))
            if self.chance(0.2):
                gap()
                self.put(".")
                gap()
                self.put(self.rng.choice(NAMES if self.chance(0.7) else QUOTED))
        else:
            call = roll < 0.8
            if call:
                self.put(self.rng.choice(NAMES))
                gap()
            self.put("(" if call else "[")
            self.gap()
            count = self.rng.choice([0, 1, 1, 2, 3, 5, 12 if depth == 0 else 1])
            for number in range(count):
                if call and self.chance(0.7):
                    self.put(self.rng.choice(NAMES))
                    self.gap()
                    self.put("=")
                    self.gap()
                self.value(depth + 1, inside=True)
                self.gap()
                if number + 1 < count or self.chance(0.2):
                    self.put(",")
                    self.gap()
            self.put(")" if call else "]")


def recipe(rng: random.Random, lint: float = 0.2) -> tuple[str, list[str]]:
    """A recipe and the comments in it; `lint` is the share of `# lint:` comments among them."""
    maker = Maker(rng, lint)
    return maker.recipe(), maker.comments
