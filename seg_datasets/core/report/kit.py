"""The kit of every page: its look, its frame, and the pieces that pages are put together from.

A page asks nothing of a network and cannot: its policy allows inline pictures, its own style, and
the one script whose digest it states.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import json
import re
import unicodedata
from collections.abc import Sequence
from importlib import resources
from typing import Any

# Text is shown as it is, but for what would change how the rest of the line is shown: controls and
# marks of direction (Cc, Cf), halves of characters (Cs), line and paragraph separators (Zl, Zp).
_SHOWN_AS_CODE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

# Joiners make one sign of several, in emoji and in whole scripts.
_JOINERS = "\u200c\u200d"


def visible(value: object) -> str:
    """Text in which every character can be seen: controls and marks of direction as `\\u202e`."""
    text = str(value)
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        f"\\u{ord(c):04x}" if unicodedata.category(c) in _SHOWN_AS_CODE and c not in _JOINERS else c
        for c in text
    )


def text(value: object) -> str:
    """Foreign text as inert HTML."""
    return html.escape(visible(value))


def prose(value: object) -> str:
    """Foreign text as inert HTML, with what stands in backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text(value))


@functools.cache
def resource(name: str) -> str:
    """A style sheet or script that lies beside this module."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def page(
    title: str, body: Sequence[str], *, style: str = "", script: str = "", data: Any = None
) -> str:
    """A whole page.

    Args:
      title: plain text.
      body: pieces of HTML.
      style: added to the style that all pages have.
      script: the page's own, run at its end; it finds `data` in the element of that id.
      data: what the script reads, anything JSON can hold.
    """
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'"
    scripts = ""
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        policy += f"; script-src 'sha256-{digest}'"
        scripts = (
            f'<script type="application/json" id="data">{inert_json(data)}</script>\n'
            f"<script>{script}</script>\n"
        )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}; form-action \'none\'">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{text(title)}</title>\n<style>\n{resource('style.css')}{style}</style></head>\n"
        "<body>\n" + "\n".join(body) + f"\n{scripts}</body></html>\n"
    )


def inert_json(data: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    packed = json.dumps(data, separators=(",", ":"))  # ASCII: no half characters, no separators
    return packed.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")


def verdict(headline: str, *paragraphs: str, good: bool = True) -> str:
    """What a page says first; the pieces are HTML."""
    mood = "good" if good else "bad"
    rest = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return f'<div class="verdict {mood}"><p class="headline">{headline}</p>{rest}</div>'


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, last: str = "", kind: str = ""
) -> str:
    """A table of HTML cells; the first cell of a row names it.

    Args:
      head: titles of columns.
      rows: cells.
      last: class of the last row, for sums and means.
      kind: class of the table.
    """
    titles = "".join(f'<th scope="col">{title}</th>' for title in head)
    lines = []
    for index, (first, *cells) in enumerate(rows):
        mark = f' class="{last}"' if last and index == len(rows) - 1 else ""
        body = "".join(f"<td>{cell}</td>" for cell in cells)
        lines.append(f'<tr{mark}><th scope="row">{first}</th>{body}</tr>')
    # Focusable, because a keyboard cannot scroll what it cannot reach.
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="Table"><table class="{kind}">'
        f"<thead><tr>{titles}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def swatch(colour: Sequence[int]) -> str:
    """The colour of a class."""
    red, green, blue = colour
    return f'<span class="swatch" style="background:rgb({red},{green},{blue})"></span>'


def bar(share: float) -> str:
    """A bar as long as a share of 1; what is there at all can be seen."""
    width = max(share * 100, 0.6) if share else 0
    return f'<span class="bar" aria-hidden="true"><i style="width:{width:.1f}%"></i></span>'


def commands(lines: str) -> str:
    """Commands to copy."""
    return f'<pre tabindex="0">{text_block(lines)}</pre>'


def text_block(lines: str) -> str:
    """Foreign text of several lines as inert HTML."""
    return "\n".join(text(line) for line in lines.split("\n"))


def folded(title: str, inner: str) -> str:
    """A part that opens on demand."""
    return f"<details><summary>{title}</summary>{inner}</details>"


def data_uri(data: bytes, kind: str) -> str:
    """A picture as the page holds it."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def count(number: int, noun: str) -> str:
    """`1 error`, `1,200 errors`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
