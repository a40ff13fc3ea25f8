"""Sentences for the voices to say, from a small grammar of our own.

Statements, questions and exclamations of about eight to fifteen words, with every English
sound, rich in lips (p b m f v w), rounding and open vowels. Nothing here is quoted.
"""

from __future__ import annotations

import re

import numpy as np

CALIBRATION = (
    "We found four cheap maps above the old boathouse, didn't we?",
    "My father watches the big ship move through thick yellow fog.",
    "Joy hurried home, put up her feet, and measured five cups of pure water.",
)
"""Said by every voice, so that voices can be compared sound for sound."""

_PEOPLE = (
    "my mother|the baker|our neighbour|Poppy|Vivian|the young teacher|George|a farmer|the pilot|"
    "her brother|Mabel|the shy boy|his wife|the chief|Joseph|the nurse|Fiona|a fisherman|"
    "the whole family|that woman|Zoe|the judge|Walter|the queen|my best friend|Thea"
).split("|")
_DOES = (
    "bought|painted|moved|followed|found|brought back|washed|borrowed|measured|opened|showed us|"
    "forgot|threw away|picked up|wrapped|fixed|put down|watched|believed in|asked for|kept|"
    "carried|wanted|dropped|gave me|shook|pushed over|finished"
).split("|")
_THINGS = (
    "the blue umbrella|a warm apple pie|five purple flowers|the big wooden boat|her favourite book|"
    "an old map of the village|the brown leather shoes|a bowl of soup|the huge yellow balloon|"
    "two pairs of gloves|a small television|the paper lantern|that strange machine|"
    "a pound of butter|the garage door|his father's watch|a handful of pepper|the measuring cup|"
    "some fresh bread|the empty basket|a bunch of grapes|the white feather|fifty photographs|"
    "a jar of honey|my woollen jumper|the silver thimble|an awful noise|the other half|"
    "a good joke|the usual treasure|their puppy|the visitor's bicycle"
).split("|")
_PLACES = (
    "in the market|by the river|above the shop|behind the church|on the beach|near the bridge|"
    "under the table|at the farm|beyond the mountain|in our kitchen|at the top of the tower|"
    "in front of the museum|outside the theatre|along the path|over the wall|in the playground"
).split("|")
_TIMES = (
    "this morning|before lunch|every Friday|last February|after the storm|on Wednesday evening|"
    "at half past five|in the middle of the night|before breakfast|for the third time|"
    "once upon a time|most of the year|an hour ago|all through July"
).split("|")
_WEATHER = (
    "the wind blew from the west|the fog was thick|snow fell softly|the sun came up|"
    "it was far too warm|the rain would not stop|nobody else was there|the music began|"
    "the bus was very late|we heard a voice|the moon was full|both bells rang"
).split("|")
_SAYS = (
    "I think|we all know|people say|they told me|perhaps|of course|as far as I know|"
    "well, maybe|you see|to be fair|believe me|by the way"
).split("|")
_FEELS = (
    "I never knew that|what a beautiful view|that was a wonderful evening|move out of the way|"
    "please be careful with my things|we have to leave at once|look at what you have done|"
    "nobody asked for your opinion|give me back my boots|hurry up, both of you|"
    "you must be joking|this is the worst part|open the window, will you|stop pushing me about|"
    "how very thoughtful of you|we finally made it home|pay attention for a moment"
).split("|")
_WHYS = ("why would|how could|when did|where will|why should|how often does|what if").split("|")
_ACTS = (
    "buy|paint|move|follow|find|bring back|wash|borrow|measure|open|show us|forget|throw away|"
    "pick up|wrap|fix|put down|watch|believe in|ask for|keep|carry|want|drop|push over|finish"
).split("|")


def _pick(rng: np.random.Generator, words: list[str]) -> str:
    return words[int(rng.integers(len(words)))]


def sentence(rng: np.random.Generator) -> str:
    """One sentence of about 2.5 to 5.5 seconds, capitalised and with its mark."""
    who, does, what = _pick(rng, _PEOPLE), _pick(rng, _DOES), _pick(rng, _THINGS)
    where, when, other = _pick(rng, _PLACES), _pick(rng, _TIMES), _pick(rng, _PEOPLE)
    weather, says, feels = _pick(rng, _WEATHER), _pick(rng, _SAYS), _pick(rng, _FEELS)
    why, act = _pick(rng, _WHYS), _pick(rng, _ACTS)
    chosen = (
        f"{who} {does} {what} {where} {when}.",
        f"{weather}, so {who} {does} {what}.",
        f"{when}, {who} and {other} {does} {what}.",
        f"{says}, {who} {does} {what} {where}.",
        f"{feels}! {who} {does} {what}.",
        f"{why} {who} {act} {what} {where}?",
        f"{does.split()[0]} or not, {what} would be {where} {when}.",
        f"{who} said, {feels}!",
        f"did {who} {act} {what}, or was it {other}?",
        f"{feels}, {says}, because {weather}!",
    )[int(rng.choice(10, p=[0.18, 0.12, 0.12, 0.12, 0.1, 0.1, 0.03, 0.08, 0.08, 0.07]))]
    return re.sub(r"(^|[.!?] )([a-z])", lambda m: m[1] + m[2].upper(), chosen)


def sentences(count: int, rng: np.random.Generator) -> list[str]:
    """The calibration sentences, then different ones up to ``count``."""
    out = list(CALIBRATION)
    while len(out) < count:
        text = sentence(rng)
        if text not in out:
            out.append(text)
    return out[:count]
