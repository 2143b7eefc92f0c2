"""Dates as some 160 languages write them, by the CLDR data that Babel brings.

A `DateWriter` writes a date in a language and a format, and says of any string which
dates it may stand for: 03/04/2021 may be two. The format that CLDR calls short is left
out, as it is full of those.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from functools import cached_property
from itertools import product
from typing import Any

from babel.core import Locale
from babel.dates import DateTimeFormat, get_date_format
from babel.localedata import locale_identifiers

FORMATS = ("medium", "long", "full")
# how a field of a CLDR pattern is written in digits; all the other fields are words
DIGITS = {"y": "{y}", "d": "{d}", "dd": "{d:02}", "M": "{m}", "MM": "{m:02}"}
PATTERNS = {"y": r"(?P<y>\d+)", "d": r"(?P<d>\d+)", "m": r"(?P<m>\d+)"}

Style = tuple[str, str]  # a language's code, a format
Template = tuple[str, int, int]  # its text, and the month and weekday that it names


def month_names(code: str) -> tuple[str, ...]:
    """The twelve months in a language."""
    months = Locale.parse(code).months["format"]["wide"]
    return tuple(months[i].lower() for i in range(1, 13))


def languages() -> list[str]:
    """The codes of the languages that CLDR knows well.

    They name the months, and a hundred countries and languages too: of the others it
    has a sketch.
    """
    codes = sorted(code for code in locale_identifiers() if "_" not in code)
    named = [code for code in codes if month_names(code)[0] != "m01"]
    return [code for code in named if min(names_of(code)) >= 100]


def names_of(code: str) -> tuple[int, int]:
    """How many countries and how many languages have a name in a language."""
    locale = Locale.parse(code)
    return len(locale.territories), len(locale.languages)


def english_name(code: str) -> str:
    """What a language is called in English: Basque for eu."""
    return str(Locale.parse("en").languages.get(code, code))


def families(codes: Iterable[str]) -> list[list[str]]:
    """Languages that name all months alike, together: es and gl, fr and mfe."""
    alike = defaultdict(list)
    for code in codes:
        alike[month_names(code)].append(code)
    return list(alike.values())


class DateWriter:
    """Writes dates in the styles of these languages, and reads them.

    >>> writer = DateWriter(["en", "de", "es"])
    >>> day = date(2021, 3, 4)
    >>> writer.write(day, ("de", "full")), writer.write(day, ("en", "medium"))
    ('Donnerstag, 4. März 2021', 'Mar 4, 2021')
    >>> writer.meanings("4. März 2021"), writer.meanings("30. Februar 2021")
    ({datetime.date(2021, 3, 4)}, set())
    """

    def __init__(self, codes: Iterable[str]) -> None:
        self.codes = list(codes)
        self.styles = list(product(self.codes, FORMATS))
        self._templates = {style: templates(*style) for style in self.styles}

    def write(self, day: date, style: Style) -> str:
        template = self._templates[style][day.month, day.weekday()]
        return template.format(y=day.year, m=day.month, d=day.day)

    def meanings(self, text: str) -> set[date]:
        """Every date that some language writes so."""
        found = set()
        for template, month, weekday in self._by_shape.get(shape(text), ()):
            match = re.fullmatch(expression(template), text)
            numbers = {k: int(v) for k, v in match.groupdict().items()} if match else {}
            try:
                day = date(numbers["y"], numbers.get("m", month), numbers["d"])
            except (KeyError, ValueError):  # no match, or a 30th of February
                continue
            written = template.format(y=day.year, m=day.month, d=day.day)
            if written == text and (day.month, day.weekday()) == (month, weekday):
                found.add(day)
        return found

    @cached_property
    def _by_shape(self) -> dict[str, set[Template]]:
        """What can be read, by how it looks without its numbers."""
        found = defaultdict(set)
        for named in self._templates.values():
            for (month, weekday), template in named.items():
                example = template.format(y=2000, m=1, d=1)
                found[shape(example)].add((template, month, weekday))
        return found


def templates(code: str, style: str) -> dict[tuple[int, int], str]:
    """By (month, weekday): the text, with {y}, {m} and {d} in the place of numbers."""
    pattern: Any = get_date_format(style, code)  # type: ignore[arg-type]
    form: str = pattern.format  # "%(EEEE)s, %(d)s. %(MMMM)s %(y)s"
    found = {}
    for month in range(1, 13):
        for monday_to_sunday in range(1, 8):
            day = date(2018, month, monday_to_sunday)
            names = DateTimeFormat(day, code)
            words = {
                field: DIGITS.get(field) or names[field].replace("{", "{{")
                for field in re.findall(r"%\((\w+)\)s", form)
            }
            found[month, day.weekday()] = form % words
    return found


def shape(text: str) -> str:
    """The text with # for each number.

    >>> shape("4. März 2021")
    '#. März #'
    """
    return re.sub(r"[0-9]+", "#", text)


def expression(template: str) -> str:
    """A regular expression for what a template writes."""
    literal, *fields = re.split(r"\{([ymd])(?::02)?\}", template)
    parts = [re.escape(literal)]
    for field, after in zip(fields[::2], fields[1::2], strict=True):
        parts += [PATTERNS[field], re.escape(after)]
    return "".join(parts)
