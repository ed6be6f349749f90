"""English sentences from a small grammar, made when they are asked for: no network, no files."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, islice
from typing import Any, Literal

import numpy as np

from zoo.data.arrays import check_split
from zoo.data.forms import TextForm
from zoo.data.texts import ArrayTexts, text_splits

TRAIN_COUNT, TEST_COUNT = 6_000, 800
FEWEST_WORDS, MOST_WORDS = 4, 12

Tense = Literal["present", "past", "future"]
Draw = Callable[[Sequence[Any]], Any]  # one of several, all equally likely


@dataclass(frozen=True, kw_only=True)
class Being:
    """Who can do something.

    Args:
        singular: One of them.
        plural: Several.
        group: Decides what they do, have, and where.
        pronoun: Of one.
        possessive: Of one.
    """

    singular: str
    plural: str
    group: str
    pronoun: str
    possessive: str


def _pairs(group: str, *words: str) -> list[Being]:
    """Return beings, each of `words` "him hims her hers", male and female of one sort."""
    beings = []
    for male, males, female, females in map(str.split, words):
        beings.append(
            Being(singular=male, plural=males, group=group, pronoun="he", possessive="his")
        )
        beings.append(
            Being(singular=female, plural=females, group=group, pronoun="she", possessive="her")
        )
    return beings


PEOPLE = (
    *_pairs("royal", "king kings queen queens"),
    *_pairs("heir", "prince princes princess princesses"),
    *_pairs("grown", "man men woman women"),
    *_pairs("child", "boy boys girl girls"),
    *_pairs("family", "father fathers mother mothers", "brother brothers sister sisters"),
    *_pairs("family", "uncle uncles aunt aunts"),
)
ANIMALS = tuple(
    Being(singular=name, plural=f"{name}s", group="animal", pronoun="it", possessive="its")
    for name in ("dog", "cat", "horse", "bird")
)
PLACES = {
    "royal": ("in the palace",),
    "heir": ("near the castle",),
    "grown": ("at the market", "on the farm"),
    "child": ("at the school", "in the park"),
    "family": ("in the house", "in the garden"),
    "animal": ("in the forest", "by the river"),
}
ADJECTIVES = {
    "royal": ("old", "proud"),
    "heir": ("young", "brave"),
    "grown": ("old", "young", "tired", "kind"),
    "child": ("small", "happy", "tired", "brave"),
    "family": ("kind", "happy", "tired", "old"),
    "animal": ("small", "big", "old", "hungry"),
}
NUMBERS = ("two", "three", "four", "five")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY_OF: dict[Tense, str] = {"past": "yesterday", "present": "today", "future": "tomorrow"}
MASSES = ("bread", "soup", "water", "tea", "milk")  # nobody has a bread
COLOURS = ("red", "blue", "new")

VERBS = {  # of one, of several, past
    name: tuple(forms.split())
    for name, forms in {
        "rule": "rules rule ruled",
        "wear": "wears wear wore",
        "buy": "buys buy bought",
        "like": "likes like liked",
        "find": "finds find found",
        "see": "sees see saw",
        "eat": "eats eat ate",
        "drink": "drinks drink drank",
        "ride": "rides ride rode",
        "read": "reads read read",
        "write": "writes write wrote",
        "play": "plays play played",
        "work": "works work worked",
        "sleep": "sleeps sleep slept",
        "run": "runs run ran",
        "walk": "walks walk walked",
        "sing": "sings sing sang",
        "wait": "waits wait waited",
    }.items()
}
MEANWHILE = ("walk", "wait", "sing", "work", "run")  # what can be done besides
DEEDS = {  # what each group does; those said twice are done twice as often
    "royal": ("rule", "rule", "wear", "wear", "see", "walk", "write", "drink", "wait"),
    "heir": ("ride", "ride", "ride", "see", "see", "wear", "sing", "write", "find"),
    "grown": ("work", "work", "buy", "buy", "wear", "eat", "walk", "read", "find", "like"),
    "child": ("play", "play", "read", "read", "find", "eat", "run", "sing", "see", "like"),
    "family": ("eat", "drink", "drink", "read", "write", "sleep", "like", "buy", "wait", "wear"),
    "animal": ("run", "run", "sleep", "sleep", "eat", "drink", "wait", "find"),
}
OBJECTS = {
    "wear": ("hat", "coat"),
    "buy": ("hat", "coat", "book", "cake", "bread", "kite"),
    "like": ("book", "cake", "soup", "tea", "kite"),
    "find": ("ball", "book", "hat", "kite"),
    "eat": ("bread", "soup", "cake"),
    "drink": ("water", "tea", "milk"),
    "read": ("book", "letter"),
    "write": ("letter", "book"),
}
OBJECTS_OF = {  # of one group alone
    ("royal", "wear"): ("crown",),
    ("heir", "wear"): ("ring",),
    ("royal", "drink"): ("wine", "tea"),
    ("animal", "eat"): ("bread",),
    ("animal", "drink"): ("water", "milk"),
    ("animal", "find"): ("ball", "bread"),
}


def load_sentences(*, split: str, form: TextForm | None = None) -> ArrayTexts:
    """Return sentences of 4 to 12 words and a full stop, in lower case: a word is one token.

    Verbs agree with their subjects, pronouns with who they stand for, times with tenses; who does
    what, and where, goes by groups: kings and queens wear crowns, boys and girls play in the park.
    6,000 sentences to train and 800 others to test.
    """
    check_split("sentences", split, ("train", "test"))
    return _splits(form or TextForm())[split]


@lru_cache(maxsize=2)  # `train` and `test` share their vocabulary
def _splits(form: TextForm) -> dict[str, ArrayTexts]:
    sentences = list(islice(_distinct(), TRAIN_COUNT + TEST_COUNT))
    is_test = [number % 17 in (0, 8) for number in range(len(sentences))]
    passages = {
        split: [text for text, chosen in zip(sentences, is_test, strict=True) if chosen == wanted]
        for split, wanted in (("train", False), ("test", True))
    }
    return text_splits("sentences", passages, form)


def _distinct() -> Iterator[str]:
    """Yield sentences of the right length, each once."""
    raw = _raw_integers()

    def draw(options: Sequence[Any]) -> Any:
        return options[next(raw) % len(options)]

    seen = set()
    while True:
        words = _sentence(draw)
        text = " ".join(words)
        if FEWEST_WORDS <= len(words) <= MOST_WORDS and text not in seen:
            seen.add(text)
            yield f"{text}."


def _raw_integers() -> Iterator[int]:
    # Raw integers of PCG64: NumPy promises those to stay the same in all versions.
    generator = np.random.PCG64(2016)
    for _ in count():
        yield from generator.random_raw(4096).tolist()


def _sentence(draw: Draw) -> list[str]:
    tense = draw(("present", "present", "past", "past", "future"))
    being = draw(draw((PEOPLE, PEOPLE, PEOPLE, ANIMALS)))
    is_one = draw((True, True, False))
    words = _subject(draw, being, is_one)
    if draw((True, False, False, False)) and being.group != "animal":
        is_one = False
        words += ["and", *_subject(draw, _counterpart(being), draw((True, True, False)))]
    words += _deed(draw, being, is_one, tense)
    ending = draw(("place", "place", "time", "both", "while", "with", "none"))
    if ending in ("place", "both"):
        words += draw(PLACES[draw((being.group, being.group, *PLACES))]).split()
    if ending in ("time", "both"):
        words += draw((DAY_OF[tense], f"on {draw(DAYS)}")).split()
    if ending == "with" and "with" not in words:
        words += ["with", being.possessive if is_one else "their", draw(ANIMALS).singular]
    if ending == "while":  # "will" is not said after "while"
        meanwhile: Tense = "present" if tense == "future" else tense
        words += ["while", being.pronoun if is_one else "they"]
        others = [verb for verb in MEANWHILE if VERBS[verb][0] not in words and verb not in words]
        words += [_form(draw(others), is_one, meanwhile)]
    return words


def _counterpart(being: Being) -> Being:
    """Return the woman who goes with a man, or the man with a woman."""
    place = PEOPLE.index(being)
    return PEOPLE[place + 1 if place % 2 == 0 else place - 1]


def _subject(draw: Draw, being: Being, is_one: bool) -> list[str]:
    adjective = draw(((), (), (draw(ADJECTIVES[being.group]),)))
    noun = [*adjective, being.singular if is_one else being.plural]
    if being.group == "family":
        return [draw(("my", "our", "the")), *noun]
    if is_one:
        return [draw(("the", "the", _article(noun[0]))), *noun]
    return [draw(("the", draw(NUMBERS))), *noun]


def _deed(draw: Draw, being: Being, is_one: bool, tense: Tense) -> list[str]:
    verb = draw(DEEDS[being.group])
    words = ["will"] * (tense == "future") + [_form(verb, is_one, tense)]
    possessive = being.possessive if is_one else "their"
    if verb == "rule":
        return [*words, *draw((("the", "country"), (possessive, "country")))]
    if verb in ("see", "ride"):
        animal = "horse" if verb == "ride" else draw(ANIMALS).singular
        return [*words, draw((possessive, "the")), animal]
    if verb == "play":
        return [*words, "with", draw((possessive, "the")), draw(("ball", "kite", "dog", "cat"))]
    if verb not in OBJECTS:
        return words
    thing = draw(OBJECTS_OF.get((being.group, verb), OBJECTS[verb]))
    if thing in (*MASSES, "wine"):
        return [*words, *draw(((), (possessive,), ("the",))), thing]
    coloured = draw(([thing], [thing], [draw(COLOURS), thing]))
    return [*words, draw((possessive, possessive, "the", _article(coloured[0]))), *coloured]


def _form(verb: str, is_one: bool, tense: Tense) -> str:
    of_one, of_several, past = VERBS[verb]
    if tense == "past":
        return past
    return of_one if is_one and tense == "present" else of_several


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"
