"""The page of a run in a real browser: overlays, keys, the enlarged view, no script, no network.

Every test ends with a console that said nothing.
"""

import itertools
import pathlib
from collections.abc import Iterator

import pytest

import browsing
import drawn_run
from recipes.core.dataset import Dataset

HOSTILE = "</script><img src=x onerror=document.title=`owned`>"
LAYERS = ("truth", "prediction", "error")


@pytest.fixture
def run_page(plain: Dataset, tmp_path: pathlib.Path) -> pathlib.Path:
    """The page of a run with hostile names of a class and an image."""
    plan = drawn_run.planned(plain, ("ground", "<i>roof</i>", "road"))
    some = drawn_run.images(3, names=[HOSTILE] * 14)
    html = drawn_run.rendered(plan, some, tmp_path)
    (tmp_path / "index.html").write_text(html, encoding="utf-8")
    return tmp_path / "index.html"


@pytest.fixture
def opened(browser: browsing.Browser, run_page: pathlib.Path) -> browsing.Browser:
    browser.open(run_page)
    assert browser.complaints() == []
    return browser


def seen(browser: browsing.Browser, within: str = ".shots") -> list[str]:
    """The layers that lie over the first picture."""
    script = (
        "arguments[1].filter((name) => getComputedStyle(document.querySelector("
        "`${arguments[0]} .layer.${name}`)).visibility === 'visible')"
    )
    return browser.ask(script, within, list(LAYERS))


def test_pictures_open_with_their_errors_marked(opened: browsing.Browser) -> None:
    assert len(opened.all(".shots .card")) == 12
    assert opened.ask("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert seen(opened) == ["error"]
    assert opened.complaints() == []


def test_overlays_toggle_by_key_and_by_checkbox(opened: browsing.Browser) -> None:
    opened.press("t", "e")
    assert seen(opened) == ["truth"]
    opened.press("P", "e")
    assert seen(opened) == list(LAYERS)
    for name in LAYERS:
        opened.all(f".overlays [name={name}]")[0].click()
    assert seen(opened) == []
    opened.all(".overlays [name=error]")[0].click()
    assert seen(opened) == ["error"]
    opened.ask(
        "((s) => (s.value = 90, s.dispatchEvent(new Event('input', {bubbles: true}))))"
        "(document.querySelector('[name=strength]'))"
    )
    opacity = opened.ask("getComputedStyle(document.querySelector('.shots .error')).opacity")
    assert float(opacity) == pytest.approx(0.9)
    assert opened.complaints() == []


def test_overlay_lies_exactly_on_its_picture(opened: browsing.Browser) -> None:
    assert opened.ask(
        "[...document.querySelectorAll('.layers')].every((layers) => {"
        " const boxes = [...layers.children].map((image) => image.getBoundingClientRect());"
        " return boxes.every((box) => ['x', 'y', 'width', 'height'].every("
        "  (key) => Math.abs(box[key] - boxes[0][key]) < 0.01)); })"
    )
    assert opened.complaints() == []


def test_keyboard_alone_reaches_overlays_pictures_and_the_enlarged_view(
    opened: browsing.Browser,
) -> None:
    from selenium.webdriver.common.keys import Keys

    opened.press(Keys.TAB)
    assert opened.focused() == "Skip to the pictures"
    opened.press(Keys.ENTER)
    order = []
    for _ in range(6):
        opened.press(Keys.TAB)
        order.append(opened.focused())
        assert opened.ask("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert order[:4] == [*LAYERS, "strength"]
    assert order[4] == order[5] == f"Enlarge {HOSTILE}"
    place = "document.getElementById('enlarged-place').textContent"
    opened.press(Keys.ARROW_LEFT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ENTER)
    assert opened.ask("document.getElementById('enlarged').open")
    assert opened.ask(place) == "3 of 12"
    opened.press(Keys.ARROW_LEFT, "t")
    assert opened.ask(place) == "2 of 12"
    assert seen(opened, "#enlarged figure") == ["truth", "error"]
    assert opened.ask("document.querySelectorAll('#enlarged .fixed').length") == 3
    opened.press(Keys.ESCAPE)
    assert not opened.ask("document.getElementById('enlarged').open")
    views = "[...document.querySelectorAll('.view')]"
    assert opened.becomes(f"{views}.indexOf(document.activeElement)", 1)
    assert opened.complaints() == []


def test_hostile_names_are_text(opened: browsing.Browser) -> None:
    opened.all(".view")[0].click()
    assert opened.ask("document.getElementById('enlarged-name').textContent") == HOSTILE
    assert opened.all("img[src=x], main i:not(.range i), #enlarged i") == []
    assert opened.ask("document.title") == "U-Net on aerial:1.0.0"
    assert opened.complaints() == []


@pytest.fixture
def unscripted(browser: browsing.Browser) -> Iterator[browsing.Browser]:
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    yield browser
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_without_a_script_image_and_errors_stand_side_by_side(
    unscripted: browsing.Browser, run_page: pathlib.Path
) -> None:
    unscripted.open(run_page)
    images = unscripted.all(".shots .layers")[0].find_elements("css selector", "img")
    boxes = [image.rect for image in images]
    assert all(image.is_displayed() for image in images)
    assert len({box["y"] for box in boxes}) == 1
    assert all(a["x"] + a["width"] <= b["x"] for a, b in itertools.pairwise(boxes))
    assert not unscripted.all(".overlays")[0].is_displayed()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits_a_narrow_screen_in_both_schemes(
    browser: browsing.Browser, run_page: pathlib.Path, scheme: str
) -> None:
    browser.open(run_page, scheme=scheme, width=360)
    assert browser.ask("document.documentElement.scrollWidth <= window.innerWidth")
    paper = browser.ask("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    assert browser.complaints() == []


def test_no_request_leaves_the_file(opened: browsing.Browser) -> None:
    assert (
        opened.ask(
            "performance.getEntriesByType('resource')"
            ".filter((entry) => !entry.name.startsWith('data:')).length"
        )
        == 0
    )
    asked = opened.driver.execute_async_script(
        "const done = arguments[0];"
        "fetch('http://localhost:9/').then(() => done('went'), () => done('refused'))"
    )
    assert asked == "refused"
    assert any("Content Security Policy" in line for line in opened.complaints())
