"""A real browser for the tests: the Chromium that is installed, and a JupyterLab of its own. Nothing leaves the machine."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-features=OptimizationHints,MediaRouter",
]
# JupyterLab asks for no news, and keeps cells that are out of sight in the page.
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}


def _stays_here(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("file", "data", "blob", "about") or parts.hostname in ("127.0.0.1", "localhost")


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """The installed Chromium, started once; the test is skipped, with the reason, where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = os.environ.get("LABKIT_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(CHROMIUMS)} is installed; set LABKIT_CHROMIUM to one")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield started
        started.close()


@pytest.fixture
def new_page(browser, request) -> Iterator:
    """Opens fresh tabs, with playwright's options for a context.

    A request that would leave the machine is stopped, and fails the test when it ends. With `LABKIT_SCREENSHOTS` set to a
    folder, a picture of what each tab showed last is kept there, under the test's name.
    """
    strays: list[str] = []
    contexts: list = []

    def watch(route) -> None:
        if _stays_here(route.request.url):
            route.continue_()
        else:
            strays.append(route.request.url)
            route.abort()

    def opened(**options):
        contexts.append(context := browser.new_context(**options))
        context.route("**/*", watch)
        return context.new_page()

    yield opened
    kept = os.environ.get("LABKIT_SCREENSHOTS")
    for number, context in enumerate(contexts):
        for tab in context.pages if kept else ():
            name = re.sub(r"[^\w.-]+", "_", request.node.name) + (f"_{number}" if number else "")
            tab.screenshot(path=Path(kept, f"{name}.png"), full_page=True, animations="disabled")
        context.close()
    assert not strays, f"the page asked for something outside this machine: {strays}"


@pytest.fixture
def page(new_page):
    """A fresh tab, as wide as a desk's screen."""
    return new_page(viewport={"width": 1280, "height": 1000})


@pytest.fixture
def serious():
    """What axe finds on a page that is serious or critical: the rule, and the beginning of each element at fault."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def found(page) -> list[tuple[str, list[str]]]:
        # Without `preload` axe fetches no styles, which the page's policy would forbid.
        result = axe.run(page, options={"resultTypes": ["violations"], "preload": False}).response["violations"]
        wrong = [one for one in result if one["impact"] in ("serious", "critical")]
        return [(one["id"], [node["html"][:120] for node in one["nodes"][:5]]) for one in wrong]

    return found


@pytest.fixture(scope="session")
def jupyterlab(tmp_path_factory) -> Iterator:
    """A JupyterLab on the loopback address, with folders of its own: `open(name) -> url` and `folder` for notebooks."""
    home = tmp_path_factory.mktemp("jupyter")
    lab = JupyterLab(home)
    try:
        lab.wait()
        yield lab
    finally:
        lab.stop()


class JupyterLab:
    """The server process, the folder it serves, and the address of a notebook in it."""

    def __init__(self, home: Path, without: Sequence[str] = ()) -> None:
        """Start the server in the folder `home`, with the extensions in `without` switched off."""
        self.folder = home / "notebooks"
        self.folder.mkdir()
        self._runtime = home / "runtime"
        self._log = home / "log.txt"
        self._token = secrets.token_hex(16)
        environment = {
            **os.environ,
            "HOME": str(home),
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTER_DATA_DIR": str(home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self._runtime),
            "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
            "IPYTHONDIR": str(home / "ipython"),
            "OMP_NUM_THREADS": "1",
        }
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser", "--allow-root"]
        settings = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": "0",
            "ServerApp.root_dir": str(self.folder),
            "IdentityProvider.token": self._token,
            "LabApp.news_url": "None",
            "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        }
        command += [f"--{name}={value}" for name, value in settings.items()]
        for place, settings_of in SETTINGS.items():
            file = home / "settings" / "@jupyterlab" / f"{place}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(settings_of))
        page = home / "config" / "labconfig" / "page_config.json"
        page.parent.mkdir(parents=True)
        page.write_text(json.dumps({"disabledExtensions": dict.fromkeys(without, True)}))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def wait(self, seconds: float = 90) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._process.poll() is None:
            for file in self._runtime.glob("jpserver-*.json"):
                try:
                    self._url = json.loads(file.read_text())["url"]
                    urllib.request.urlopen(f"{self._url}api/status?token={self._token}", timeout=5).close()
                    return
                except (OSError, ValueError):
                    pass  # half written, or not listening yet
            time.sleep(0.3)
        raise RuntimeError(f"JupyterLab did not start:\n{self._log.read_text()[-3000:]}")

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def open(self, name: str) -> str:
        """The address of the notebook `name`, lying in `folder`."""
        return f"{self._url}lab/tree/{name}?token={self._token}&reset"


@pytest.fixture(scope="module")
def shared_page(browser) -> Iterator:
    """One tab for all tests of a file, whose requests stay on this machine as those of `page` do."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    strays: list[str] = []
    context.route(lambda url: not _stays_here(url), lambda route: (strays.append(route.request.url), route.abort()))
    yield context.new_page()
    context.close()
    assert not strays, f"the page asked for something outside this machine: {strays}"
