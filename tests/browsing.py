"""A headless Chromium for tests of pages: no network, a fresh profile, all complaints collected."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

ARGUMENTS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--window-size=1200,900",
)


@dataclasses.dataclass
class Browser:
    """What tests do with a page."""

    driver: Any

    def open(self, page: pathlib.Path, *, scheme: str = "light", width: int = 1200) -> None:
        """Opens a file without motion, in a colour scheme and at a width."""
        features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        pairs = [{"name": name, "value": value} for name, value in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": pairs})
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self.driver.get(page.resolve().as_uri())

    def complaints(self) -> list[str]:
        """All that the console said since the last time: errors, and what the policy refused."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def ask(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(f"return {script}", *arguments)

    def becomes(self, script: str, value: Any) -> bool:
        """Whether an expression comes to a value, within seconds: events wait for their turn."""
        from selenium.webdriver.support.ui import WebDriverWait

        return bool(WebDriverWait(self.driver, 5).until(lambda _: self.ask(script) == value))

    def all(self, selector: str) -> list[Any]:
        return self.driver.find_elements("css selector", selector)

    def press(self, *keys: str) -> None:
        """Keys to whatever has the focus, as a keyboard sends them."""
        from selenium.webdriver import ActionChains

        for key in keys:
            ActionChains(self.driver, duration=0).send_keys(key).perform()

    def focused(self) -> str:
        """What has the focus, in words: its label, or its name and text."""
        return self.ask(
            "(e => e.getAttribute('aria-label') || e.name || e.id || e.textContent)"
            "(document.activeElement)"
        )


@contextlib.contextmanager
def opened(profile: pathlib.Path) -> Iterator[Browser]:
    """A browser, or a skip where none is installed; in CI there has to be one."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and chromedriver):
        why = "no chromium and chromedriver here; Debian has them as chromium, chromium-driver"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service(chromedriver))  # a path given: nothing is fetched
    try:
        yield Browser(driver)
    finally:
        driver.quit()
