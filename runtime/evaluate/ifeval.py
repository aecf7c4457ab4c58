"""lm-eval's checks of IFEval's instructions, without what they would download."""

from __future__ import annotations

from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from typing import Any

from smolc.runtime.jobs.errors import JobError

LETTERS = "keywords:letter_frequency"


@cache
def registry() -> dict[str, Any]:
    """The classes by instruction. Raises JobError where a package is missing.

    nltk's punkt_tab splits sentences and words; where it is not here, nltk's rules that need no data do, so that
    abbreviations may count as ends of sentences. langdetect draws: with one seed, it says the same each time.
    """
    try:
        import langdetect
        import nltk

        download, nltk.download = nltk.download, lambda *args, **kwargs: False
        try:
            # lm-eval says that it has downloaded what it has not.
            with redirect_stdout(StringIO()):
                from lm_eval.tasks.ifeval import instructions_registry, instructions_util
        finally:
            nltk.download = download
    except ImportError as error:
        raise JobError(
            f"IFEval's instructions cannot be checked: {error}", help="pip install 'lm-eval[ifeval]'"
        ) from error
    langdetect.DetectorFactory.seed = 0
    try:
        nltk.data.find("tokenizers/punkt_tab")
    except LookupError:
        print("nltk's punkt_tab is not here: abbreviations may count as ends of sentences")
        instructions_util._get_sentence_tokenizer = nltk.tokenize.punkt.PunktSentenceTokenizer
        instructions_util.nltk = _WithoutData(nltk)
    found: dict[str, Any] = instructions_registry.INSTRUCTION_DICT
    found[LETTERS] = _counting_what_is_asked(found[LETTERS])
    return found


def _counting_what_is_asked(checker: Any) -> Any:
    """lm-eval's check counts a letter drawn at random where the prompt asks for a mark, such as `#`."""

    class LetterFrequency(checker):  # type: ignore[misc]
        def build_description(self, *, letter: str | None = None, **how: Any) -> str:
            text = super().build_description(letter=letter, **how)
            if letter:
                self._letter = letter.strip().lower()
            return str(text)

    return LetterFrequency


class _WithoutData:
    """nltk, whose words are split without splitting sentences first."""

    def __init__(self, nltk: Any) -> None:
        self._nltk = nltk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._nltk, name)

    def word_tokenize(self, text: str) -> Any:
        return self._nltk.word_tokenize(text, preserve_line=True)
