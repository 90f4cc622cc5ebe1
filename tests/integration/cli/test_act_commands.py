"""The commands that change what is shown."""

import json
from datetime import date

import pyarrow as pa
import pytest

from shopmine.staging.artifacts import read_artifact, write_artifact
from shopmine.staging.releases import current_release, is_pinned
from shopmine.staging.runs import open_run


def test_rollback_pins_and_approve_unpins_and_the_sinks_follow(command, staging, two_releases, tmp_path) -> None:
    old, new = two_releases
    stamp = tmp_path / "files" / "shopmine_release.json"
    result = command("rollback", "shop", str(old))
    assert f"release {new} (2011-12-09) -> release {old} (2011-12-08)" in result.stdout
    assert (current_release(staging, "shop").release, is_pinned(staging, "shop")) == (old, True)
    assert json.loads(stamp.read_text())["release"] == old
    assert "pinned: later ones wait" in command("releases", "shop").stdout
    command("approve", "shop", str(new))
    assert (current_release(staging, "shop").release, is_pinned(staging, "shop")) == (new, False)
    assert json.loads(stamp.read_text())["release"] == new
    assert "no release 99" in str(command("rollback", "shop", "99").exception)


def test_opt_out_holds_at_once_in_every_release_and_proves_it(command, two_releases) -> None:
    result = command("opt-out", "shop", "ann")
    assert result.exit_code == 0
    for line in ("published.customers ", "published.all_recommendations ", "published.audiences "):
        (told,) = [row for row in result.stdout.splitlines() if line in row]
        assert told.split()[-1] == "0"
        assert told.split()[-3] != "0"
    for release in map(str, two_releases):
        hidden = command("show", "shop", "customer", "ann", "--release", release)
        assert "hidden by their own right (no_profiling" in str(hidden.exception)
    assert "their own right" in str(command("why", "shop", "ann", "A").exception)
    again = json.loads(command("opt-out", "shop", "ann", "--json").stdout)
    assert again["is_complete"] is True
    assert set(again["before"].values()) == {0}


def test_opt_out_can_keep_the_profile(command, two_releases) -> None:
    command("opt-out", "shop", "ann", "--keep-profile")
    text = command("show", "shop", "customer", "ann").stdout
    assert "Lists: none (by the person's own right)" in text


@pytest.mark.parametrize("name", ["opt-out", "forget"])
def test_a_mistyped_customer_is_refused(command, two_releases, name) -> None:
    result = command(name, "shop", "amn", *(["--yes"] if name == "forget" else []))
    assert result.exit_code == 1
    assert "near ones are ann" in str(result.exception)
    assert "nothing was recorded" in str(result.exception)


def test_forget_removes_the_person_prints_the_receipt_and_knows_the_person_afterwards(
    command, staging, two_releases
) -> None:
    first = write_artifact(
        staging,
        key="k",
        shop="shop",
        name="n",
        day=date(2011, 12, 9),
        frames={"f": pa.table({"customer": ["ann", "bob"]}), "g": pa.table({"a": [1]})},
        meta={},
        run=1,
    )
    result = command("forget", "shop", "ann", "--yes")
    assert result.exit_code == 0
    assert "published.stored_recommendations" in result.stdout
    frames = read_artifact(staging, first.artifact).frames
    assert (frames["f"]["customer"].to_pylist(), frames["g"].num_rows) == (["bob"], 1)
    with staging.snapshot() as connection:
        stored = "SELECT count(*) FROM published.stored_recommendations WHERE customer = 'ann'"
        assert connection.exec_driver_sql(stored).scalar_one() == 0
        others = "SELECT count(*) FROM published.stored_recommendations"
        assert connection.exec_driver_sql(others).scalar_one() == 6
        assert connection.exec_driver_sql("SELECT count(*) FROM work.rights WHERE customer = 'ann'").scalar_one() == 0
    assert "hidden by their own right (deletion" in str(command("show", "shop", "customer", "ann").exception)
    assert json.loads(command("forget", "shop", "ann", "--yes", "--json").stdout)["is_complete"] is True


def test_forget_says_what_is_left(command, staging, two_releases) -> None:
    open_run(staging, shop="shop", day=date(2011, 12, 9), known_at=None, started_by="somebody", config={})
    result = command("forget", "shop", "ann", "--yes")
    assert result.exit_code == 1
    assert "this is left: 1 of work.runs (under way). Run forget again" in str(result.exception)
