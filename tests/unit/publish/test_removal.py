"""Taking a person out of lines and frames: nobody else loses anything, not a byte."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from shopmine.collect.forgotten import Forgotten
from shopmine.config.fields import FieldConfig
from shopmine.publish.removal import frames_without, holds_elsewhere, lines_without
from shopmine.staging.batches import Batch, BatchColumn
from shopmine.staging.rights import tombstone

KEY = "ann\t1"
TEXTS = st.sampled_from([KEY, " ann\t1 ", "ANN\t1", "bob", "ann", "", None])


def batch(form: str) -> Batch:
    at = datetime(2024, 1, 1, tzinfo=UTC)
    return Batch(
        batch=1,
        shop="shop",
        source="s",
        entity="orders",
        day=date(2024, 1, 1),
        known_at=at,
        known_at_assumed=False,
        content_hash="",
        n_rows=0,
        columns=tuple(BatchColumn(name=name, type="text") for name in ("id", "who")) if form == "copy" else (),
        format=form,  # type: ignore[arg-type]
    )


def forgotten(*columns: str, key: str = KEY) -> Forgotten:
    fields = tuple((column, FieldConfig(column=column)) for column in columns)
    return Forgotten(shop="shop", persons=frozenset({tombstone("shop", key)}), fields=fields)


def escaped(text: str | None) -> str:
    return "\\N" if text is None else text.replace("\t", "\\t")


@given(st.lists(TEXTS, max_size=8))
def test_rows_of_others_stay_as_they_landed(persons: list[str | None]) -> None:
    lines = [f"{number}\t{escaped(person)}".encode() for number, person in enumerate(persons)]
    kept = lines_without(batch("copy"), lines, KEY, forgotten("who"), None)
    assert kept == [line for line, person in zip(lines, persons, strict=True) if (person or "").strip() != KEY]


def test_documents_lose_the_person_and_lists_only_their_elements() -> None:
    mine, both = b'{"_id":1,"who":"ann"}', b'{"_id":2,"items":[{"who":"ann"},{"who":"bob","n":{"$numberLong":"5"}}]}'
    others = b'{"_id": 3,  "who":"annabel"}'
    found = lines_without(
        batch("jsonl"), [mine, both, others], "ann", forgotten("who", "items.who", key="ann"), "items"
    )
    assert found[0].startswith(b'{"_id":{"$numberInt":"2"},"items":[{"who":"bob"')
    assert b"ann" not in found[0]
    assert found[1] == others, "not a byte of it changed"


def test_what_is_no_longer_mapped_is_judged_by_the_word() -> None:
    lines = [b"1\tann", b"2\tannabel", b"3\tjo-ann"]
    assert lines_without(batch("copy"), lines, "ann", Forgotten(), None) == [b"2\tannabel"]


def test_a_long_key_is_found_in_the_lines_of_others_a_short_one_may_be_a_number() -> None:
    assert holds_elsewhere([b"7\t17850"], "17850") == 0
    assert holds_elsewhere([b"7\tfriend of 0123456789abcdef"], "0123456789abcdef") == 1


def test_frames_without_the_person_are_not_rewritten() -> None:
    frames = {
        "lists": pa.table({"customer": ["ann", None, "bob"]}),
        "actions": pa.table({"entity": ["customer", "product"], "key": ["ann", "ann"]}),
        "model": pa.table({"value": [1.0]}),
    }
    kept = frames_without(frames, "ann")
    assert kept is not None
    assert kept["lists"]["customer"].to_pylist() == [None, "bob"]
    assert kept["actions"]["entity"].to_pylist() == ["product"]
    assert kept["model"].equals(frames["model"])
    assert frames_without(kept, "ann") is None
