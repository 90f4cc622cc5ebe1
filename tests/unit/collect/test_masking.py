"""Masking of free text: what is planted never survives, and what is no phone stays."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shopmine.collect.masking import mask_text

FULL_WIDTH = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)} | {" ": "\u3000"})
PIECES = st.lists(
    st.sampled_from(
        ["电话", "联系我", "😀", "<b>", "&nbsp;", "tel", "order 536365 ", "-", "。", " ", "x", "¥15.30 ", "@王", "("]
    )
    | st.text(max_size=5),
    max_size=6,
).map("".join)


def _has_digit_at(text: str, place: int) -> bool:
    """Whether the nearest character with width on that side is a digit of any script: then a number has no known start."""
    visible = [c for c in text if unicodedata.category(c) != "Cf"]
    return bool(visible) and unicodedata.digit(unicodedata.normalize("NFKC", visible[place])[0], None) is not None


BEFORE, AFTER = PIECES.filter(lambda t: not _has_digit_at(t, -1)), PIECES.filter(lambda t: not _has_digit_at(t, 0))


@st.composite
def phones(draw: st.DrawFn) -> str:
    """A number in one of the ways in which people write theirs."""
    digits = "".join(draw(st.lists(st.sampled_from("0123456789"), min_size=9, max_size=9)))
    mobile = f"1{draw(st.sampled_from('3456789'))}{digits}"
    grouped = draw(st.sampled_from([" ", "-", "\u00a0", "—", ""])).join([mobile[:3], mobile[3:7], mobile[7:]])
    forms = [
        mobile, grouped, f"+86{mobile}", f"+86 {grouped}", f"0086-{grouped}", f"86{mobile}", f"(+86){mobile}",
        " ".join(mobile), "\ufe0f\u20e3".join(mobile) + "\ufe0f\u20e3", f"010-8{digits[:7]}", f"(0755) 2{digits[:7]}",
        f"020 7{digits[:3]} {digits[3:7]}", f"+44 (0)20 7{digits[:3]} {digits[3:7]}", f"(555) {digits[:3]}-{digits[3:7]}",
        f"400-{digits[:3]}-{digits[3:7]}",
    ]  # fmt: skip
    return draw(st.sampled_from(forms))


@given(BEFORE, phones(), AFTER, st.booleans())
@example("电话", "13812345678", "联系我", False)
@example("tel", "+8613812345678", "", False)
@example("0123 456 ", "138 1234 5678", "", False)  # a number that would end within the next
@example("", "138 1234 5678", "😀", True)
def test_a_phone_never_survives_whatever_stands_beside_it(before: str, phone: str, after: str, is_wide: bool) -> None:
    planted = phone.translate(FULL_WIDTH) if is_wide else phone
    masked = mask_text(before + planted + after)
    assert planted not in masked
    digits = "".join(c for c in planted if c.isdigit())
    assert digits[-8:] not in "".join(c for c in masked if c.isdigit()) or digits[-8:] in "".join(
        c for c in before + after if c.isdigit()
    )


@given(PIECES, st.emails(), PIECES, st.booleans())
@example("写信给", "ann@x.org", "谢谢", False)
@example("写信给", "ann@x.org", "谢谢", True)
def test_an_address_never_survives_whatever_stands_beside_it(
    before: str, email: str, after: str, is_wide: bool
) -> None:
    planted = email.translate(FULL_WIDTH) if is_wide else email
    assert planted not in mask_text(before + planted + after)


@given(st.text())
def test_text_without_digits_and_at_signs_stays(text: str) -> None:
    plain = unicodedata.normalize("NFKC", text)
    if "@" not in plain and not any(unicodedata.digit(c, None) is not None for c in plain):
        assert mask_text(text) == text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("请致电 13812345678 谢谢", "请致电 [phone] 谢谢"),
        ("电话13812345678联系我", "电话[phone]联系我"),
        ("电话１３８１２３４５６７８，或ann＠x．org。", "电话[phone]，或[email]。"),
        ("tel+8613812345678", "tel[phone]"),
        ("call +86 138-1234-5678 or +44 (0)20 7946 0958", "call [phone] or [phone]"),
        ("020 7946 0958, (555) 123-4567", "[phone], [phone]"),
        ("write to ann.b+x@mail.example.co.uk!", "write to [email]!"),
        ("联系ann@x.org谢谢，或13812345678@qq.com", "联系[email]谢谢，或[email]"),
        ("张三@例子.中国", "[email]"),
        ("order 536365 of 2010-12-01 08:26:00, 15.30 pounds, SKU 85123A, 12 x 0.55", None),
        ("01-02-2010 12:30, 31.12.2025 1400, 1/3/2026", None),
        ("订单号 202503030001234567，000123456789，2025年3月3日，共12件，@王小明", None),
    ],
)
def test_phones_and_addresses_are_masked_and_other_numbers_are_not(text: str, masked: str | None) -> None:
    assert mask_text(text) == (text if masked is None else masked)


def test_a_long_text_costs_no_more_than_its_length() -> None:
    for run in ("a" * 300_000, "1" * 300_000, "a." * 150_000, "1 " * 150_000, "@" * 300_000, "王" * 300_000 + "@"):
        assert "[phone]" not in mask_text(run)
