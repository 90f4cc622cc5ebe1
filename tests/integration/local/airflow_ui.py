"""Airflow's web UI as somebody of the shop uses it: a real Chromium in the shop's time zone, signed in like a person."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pytest

from pages.browser import ARGUMENTS, find_browser

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from shopmine.local.installation import Installation

_LONGEST_MILLISECONDS: Final = 600_000
_CHECK_MARK: Final = "M20 6 9 17l-5-5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ui:
    """The web UI of an installation, open in a browser."""

    page: Page
    url: str

    def sign_in(self, user: str, password: str) -> None:
        """Fill the form that is shown to whom is not known and send it."""
        self.page.goto(f"{self.url}/")
        self.page.get_by_label("Username").fill(user)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()

    def open(self, path: str) -> None:
        """Go to a page of the UI."""
        self.page.goto(f"{self.url}/{path}")

    def trigger(self, dag: str, day: date) -> str:
        """Start a run for a shop's day by the button and its dialog; the id of the run."""
        self.open(f"dags/{dag}")
        self.page.get_by_role("button", name="Trigger Dag").click()
        dialog = self.page.get_by_role("dialog")
        dialog.locator("input[type=date]").fill(day.isoformat())
        with self.page.expect_response(lambda answer: answer.request.method == "POST") as answer:
            dialog.get_by_role("button", name="Trigger").click()
        assert answer.value.ok, answer.value.text()
        return str(answer.value.json()["dag_run_id"])

    def backfill(self, dag: str, first: date, last: date, *, says: str) -> None:
        """Start a backfill by the same dialog, three days at a time; `says` is what it announces before the button."""
        self.open(f"dags/{dag}")
        self.page.get_by_role("button", name="Trigger Dag").click()
        dialog = self.page.get_by_role("dialog").first
        dialog.get_by_text("Backfill", exact=True).click()
        for label, day in (("From", first), ("To", last)):
            dialog.locator(f"[data-part=root]:has(> label:text-is('{label}'))").get_by_test_id("datetime-input").click()
            self.page.get_by_placeholder("YYYY/MM/DD").fill(day.strftime("%Y/%m/%d"))
            self.page.keyboard.press("Escape")
            self.page.get_by_placeholder("YYYY/MM/DD").wait_for(state="hidden")
        dialog.get_by_text("Max Active Runs").locator("..").locator("input").first.fill("3")
        dialog.get_by_text(says).wait_for()
        dialog.get_by_role("button", name="Run Backfill").click()
        self.page.get_by_text("Backfill in progress").wait_for()

    def wait_for_success(self, dag: str, run: str, count: int = 1) -> None:
        """Watch the table of runs until so many, whose ids begin like this, say success, and there are no others."""
        self.open(f"dags/{dag}/runs")
        rows = self.page.locator("tbody tr").filter(has=self.page.locator(f"a[href*='/runs/{run}']"))
        rows.filter(has_text="Success").nth(count - 1).wait_for(timeout=_LONGEST_MILLISECONDS)
        assert rows.count() == count

    def grid(self, dag: str, run: str) -> list[bool]:
        """Of each cell of a run in the grid, whether it shows the mark of success."""
        self.open(f"dags/{dag}/runs/{run}")
        cells = self.page.locator(f"[data-testid^='grid-{run}-']")
        cells.first.wait_for()
        return [bool(cell.locator(f"path[d='{_CHECK_MARK}']").count()) for cell in cells.all()]

    def text_of(self, path: str, wanted: str) -> str:
        """Text of a page once it shows what is wanted."""
        self.open(path)
        self.page.get_by_text(wanted).first.wait_for()
        return self.page.locator("body").inner_text()

    def asset_event(self, dag: str, run: str) -> dict[str, Any]:
        """What the tab of the asset's events says of a run's task `publish`."""
        self.open(f"dags/{dag}/runs/{run}/tasks/publish/asset_events")
        named = self.page.get_by_text('"release"')
        folded = self.page.locator(".codicon-folding-collapsed")
        named.or_(folded).first.wait_for()
        if not named.count():
            folded.first.click()
            named.wait_for()
        shown = self.page.locator(".view-lines").first.inner_text().replace("\N{NO-BREAK SPACE}", " ").strip()
        return dict(json.loads(shown if shown.endswith("}") else f"{shown}}}"))

    def answer(self, path: str) -> str:
        """What the server sends the signed-in browser."""
        answer = self.page.request.get(f"{self.url}/api/v2/{path}")
        assert answer.ok, f"{path}: {answer.status}"
        return answer.text()

    def everything_of(self, dag: str, run: str) -> str:
        """All that the UI can be sent of a run and its tasks: details, rendered fields, logs, what they returned."""
        at = f"dags/{dag}/dagRuns/{quote(run)}"
        tasks = json.loads(self.answer(f"{at}/taskInstances"))["task_instances"]
        found = [self.answer(at), self.answer(f"{at}/taskInstances")]
        for task in tasks:
            one = f"{at}/taskInstances/{task['task_id']}"
            found += [self.answer(one), self.answer(f"{one}/logs/{max(task['try_number'], 1)}?full_content=true")]
            found.append(self.answer(f"{one}/xcomEntries"))
        return "\n".join(found)


@contextmanager
def web_ui(installation: Installation, *, zone: str) -> Iterator[Ui]:
    """The UI in a new browser in a time zone; nobody is signed in yet. The test is skipped where there is no Chromium."""
    from playwright.sync_api import sync_playwright

    browser = find_browser()
    if isinstance(browser, str):
        pytest.skip(browser)
    environment: dict[str, str | float | bool] = {**os.environ, **browser.environment}
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser.program, args=list(ARGUMENTS), env=environment)
        context = chromium.new_context(viewport={"width": 1600, "height": 1200}, timezone_id=zone)
        yield Ui(page=context.new_page(), url=f"http://127.0.0.1:{installation.port('airflow')}")
        context.close()
        chromium.close()
