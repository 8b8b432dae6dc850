"""The page of a build or a check in a real browser: filters, overlay, keys, schemes, hostile names.

Every test ends with a console that said nothing.
"""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from PIL import Image

import browsing
from seg_datasets.core import report
from seg_datasets.core.classes import ClassTable
from seg_datasets.core.sources import Folder, ImageMaskFolders
from seg_datasets.core.splits import FromFolders
from seg_datasets.core.survey import Declaration, examine

# The folder is called "<", the file "script><img …": together the end of a script element.
OWNED = "document.title=`owned`"
HOSTILE = (
    f"train/</script><img src=x onerror={OWNED}>",
    f"train/\"><svg onload={OWNED}>&lt;b&gt;'",
    "train/\N{RIGHT-TO-LEFT OVERRIDE}gnp.evil \N{FAMILY} e\N{COMBINING ACUTE ACCENT} "
    "\N{LINE SEPARATOR}x",
)
CLASSES = ClassTable("ground", "<i>roof</i>", "road", colours={"road": "#2060ff"})


def draw(root: pathlib.Path) -> None:
    rng = np.random.default_rng(1)
    plain = [f"{split}/{i}" for split in ("train", "test") for i in range(8)]
    for number, name in enumerate([*plain, *HOSTILE]):
        ids = np.zeros((40, 60), np.uint8)
        ids[5:20, 5:30] = 1 if number % 2 else 2
        if number % 4 == 0:
            ids[30:, :] = 255
        if number in (0, 9):
            ids[22:26, 40:50] = 7  # no class has it
        pixels = rng.integers(0, 256, (40, 60, 3), np.uint8)
        for folder, array in (("images", pixels), ("masks", ids)):
            path = root / folder / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(path)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The page of a folder with two bad masks and three hostile names."""
    folder = tmp_path_factory.mktemp("page")
    draw(folder / "raw")
    declaration = Declaration(
        classes=CLASSES,
        source=ImageMaskFolders(),
        splits=FromFolders(train="train", test="test"),
    )
    examined = examine(declaration, Folder(folder / "raw"))
    report.save(folder / "page.html", examined, title="<b>bold</b>", how_to_build="a < b && c")
    return folder / "page.html"


@pytest.fixture
def opened(browser: browsing.Browser, page: pathlib.Path) -> browsing.Browser:
    browser.open(page)
    assert browser.complaints() == []
    return browser


def cards(browser: browsing.Browser) -> int:
    return len(browser.all(".card"))


def choose(browser: browsing.Browser, name: str, value: str) -> int:
    """Sets one filter, as a hand would, and counts the cards."""
    from selenium.webdriver.support.select import Select

    Select(browser.driver.find_element("name", name)).select_by_visible_text(value)
    return cards(browser)


def test_all_samples_are_shown_with_their_pictures(opened: browsing.Browser) -> None:
    assert cards(opened) == 19
    assert opened.ask("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert opened.ask("document.querySelector('.verdict').textContent").startswith("Refused: ")
    assert opened.complaints() == []


def test_filters_change_what_is_shown(opened: browsing.Browser) -> None:
    assert choose(opened, "split", "test") == 8
    assert choose(opened, "class", "void") == 2
    assert choose(opened, "split", "all") == 5
    assert choose(opened, "class", "<i>roof</i>") == 9
    assert choose(opened, "class", "all") == 19
    assert choose(opened, "finding", "SD201 (2)") == 2
    assert choose(opened, "split", "train") == 1
    assert "1 of 19 samples match" in opened.ask("document.getElementById('count').textContent")
    assert opened.complaints() == []


def test_text_filters_by_names_and_may_match_nothing(opened: browsing.Browser) -> None:
    opened.press("/")
    opened.press(*"EVIL")
    assert cards(opened) == 1
    opened.press(*" nothing")
    assert cards(opened) == 0
    assert opened.complaints() == []


def test_a_finding_leads_to_its_samples(opened: browsing.Browser) -> None:
    opened.all('.to-gallery[data-code="SD201"]')[0].click()
    assert cards(opened) == 2
    assert opened.focused() == "finding"
    assert opened.complaints() == []


def test_overlay_and_marks_can_be_taken_away(opened: browsing.Browser) -> None:
    def seen(kind: str) -> tuple[bool, float]:
        layer = f"document.querySelector('#cards .over.{kind}')"
        style = f"getComputedStyle({layer})"
        return opened.ask(f"[{style}.visibility, Number({style}.opacity)]")

    assert seen("mask") == ["visible", pytest.approx(0.55)]
    assert seen("marks")[0] == "visible"
    opened.all("[name=overlay]")[0].click()
    assert seen("mask")[0] == "hidden"
    assert seen("marks")[0] == "visible"
    opened.press("o", "m")
    assert seen("mask")[0] == "visible"
    assert seen("marks")[0] == "hidden"
    opened.ask(
        "((s) => (s.value = 90, s.dispatchEvent(new Event('input', {bubbles: true}))))"
        "(document.querySelector('[name=strength]'))"
    )
    assert seen("mask")[1] == pytest.approx(0.9)
    assert opened.complaints() == []


def test_unknown_pixels_are_what_is_marked(opened: browsing.Browser) -> None:
    choose(opened, "finding", "SD201 (2)")
    marked = opened.ask(
        "[...document.querySelectorAll('#cards .marks')].map((image) => {"
        " const canvas = document.createElement('canvas');"
        " [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];"
        " const context = canvas.getContext('2d'); context.drawImage(image, 0, 0);"
        " const {data} = context.getImageData(0, 0, canvas.width, canvas.height);"
        " return data.filter((v, i) => i % 4 === 3 && v).length; })"
    )
    assert marked == [40, 40]
    assert opened.complaints() == []


def test_keyboard_alone_reaches_filters_pictures_and_the_enlarged_view(
    opened: browsing.Browser,
) -> None:
    from selenium.webdriver.common.keys import Keys

    opened.press(Keys.TAB)
    assert opened.focused() == "Skip to the gallery"
    opened.press(Keys.ENTER)
    order = []
    for _ in range(12):
        opened.press(Keys.TAB)
        order.append(opened.focused())
        assert opened.ask("getComputedStyle(document.activeElement).outlineStyle") != "none"
        if order[-1].startswith("Enlarge"):
            break
    names = ["split", "class", "finding", "text", "overlay", "marks", "strength"]
    assert order[:-1] == names
    first = order[-1]
    opened.press(Keys.ARROW_RIGHT)
    assert opened.focused().startswith("Enlarge ")
    assert opened.focused() != first
    opened.press(Keys.ENTER)
    assert opened.ask("document.getElementById('enlarged').open")
    name = "document.getElementById('enlarged-name').textContent"
    second = opened.ask(name)
    opened.press(Keys.ARROW_LEFT)
    assert f"Enlarge {opened.ask(name)}" == first
    opened.press(Keys.ARROW_RIGHT)
    assert opened.ask(name) == second
    opened.press(Keys.ESCAPE)
    assert not opened.ask("document.getElementById('enlarged').open")
    assert opened.focused() == f"Enlarge {second}"
    assert opened.complaints() == []


def test_dark_is_dark_and_light_is_light(browser: browsing.Browser, page: pathlib.Path) -> None:
    def brightness(what: str) -> float:
        colour = browser.ask(f"getComputedStyle(document.body).{what}")
        red, green, blue = (int(v) / 255 for v in colour.strip("rgb() ").split(","))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for scheme in ("light", "dark"):
        browser.open(page, scheme=scheme)
        paper, ink = brightness("backgroundColor"), brightness("color")
        assert (paper > 0.9 and ink < 0.2) if scheme == "light" else (paper < 0.1 and ink > 0.8)
    assert browser.complaints() == []


def test_narrow_screen_does_not_scroll_sideways(
    browser: browsing.Browser, page: pathlib.Path
) -> None:
    browser.open(page, width=360)
    assert browser.ask("document.documentElement.scrollWidth <= window.innerWidth")
    assert browser.complaints() == []


def test_hostile_names_are_text(opened: browsing.Browser) -> None:
    choose(opened, "split", "train")
    opened.all(".view")[0].click()
    assert opened.ask("document.title") == "<b>bold</b>"
    assert opened.all("img[src=x], svg, main b > b, h1 b, option i") == []
    shown = opened.ask("[...document.querySelectorAll('.card .name')].map(e => e.textContent)")
    assert set(HOSTILE[:2]) <= set(shown)
    # Marks of direction and line ends are shown, not obeyed.
    (turned,) = (name for name in shown if "evil" in name)
    assert turned.startswith("train/\\u202egnp.evil")
    assert "\\u2028" in turned
    assert opened.complaints() == []


def test_page_can_reach_no_network(opened: browsing.Browser) -> None:
    asked = opened.driver.execute_async_script(
        "const done = arguments[0];"
        "fetch('http://localhost:9/').then(() => done('went'), () => done('refused'))"
    )
    assert asked == "refused"
    assert any("Content Security Policy" in line for line in opened.complaints())
