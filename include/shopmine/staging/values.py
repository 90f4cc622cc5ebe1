"""Values that are stored: JSON with one way to write it, and hashes over what a frame says, not how it is laid out."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopmine.errors import DataError

JSON: TypeAlias = bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"] | None


def canonical_text(value: object) -> str:
    """JSON with sorted keys and no spaces.

    Raises:
        DataError: it holds something JSON cannot say: NaN, an infinity, an object.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"a value cannot be stored as JSON: {error}; give null, numbers, text, lists, mappings"
        ) from error


def canonical_json(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts of JSON rewritten so that equal values are equal texts, also after a way through jsonb."""
    encoded = pc.dictionary_encode(pa.chunked_array(column.chunks or [pa.array([], column.type)])).combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    texts = [None if text is None else _rewritten(text) for text in encoded.dictionary.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string()).take(encoded.indices)])


def _rewritten(text: str) -> str:
    try:
        return canonical_text(json.loads(text, parse_float=_number))
    except json.JSONDecodeError as error:
        raise DataError(f"a text is no JSON: {error.msg} at character {error.pos}; write it with json.dumps") from error


def _number(text: str) -> float | int:
    """1.50e1 and 15.0 and 15 are one number, as in jsonb."""
    value = float(text)
    return int(value) if value.is_integer() else value


def number_lists_text(lists: pa.Array, begin: str, null: str, end: str) -> pa.Array:
    """(n,) lists of whole numbers as texts, all at once: numbers need no quotes. No list is no text.

    Args:
        lists: (n,) of integers, nulls among them.
        begin: what stands before the first number.
        null: what stands for a null.
        end: what stands behind the last number.
    """
    opened, closed, comma, nothing = (pa.scalar(text, pa.large_string()) for text in (begin, end, ",", ""))
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    starts = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int64())
    numbers = pc.fill_null(lists.flatten().cast(pa.large_string()), null)
    joined = pc.binary_join(pa.LargeListArray.from_arrays(starts, numbers), comma)
    texts = pc.binary_join_element_wise(opened, joined, closed, nothing)
    return pc.if_else(lists.is_valid(), texts, pa.scalar(None, pa.large_string()))


def frame_hash(frame: pa.Table) -> str:
    """sha256 (hex) over names, types, order and values; chunks, offsets, dictionaries, text layouts don't count."""
    digest = hashlib.sha256()
    digest.update(str(frame.num_rows).encode())
    for name, column in zip(frame.column_names, frame.columns, strict=True):
        digest.update(canonical_text(["column", name]).encode())
        _hash_array(digest, _one_array(column))
    return digest.hexdigest()


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _hash_array(digest: Any, array: pa.Array) -> None:
    kind = array.type
    if pa.types.is_dictionary(kind):
        _hash_array(digest, array.dictionary_decode())
    elif pa.types.is_struct(kind):
        _hash_head(digest, "struct", array)
        for at, field in enumerate(kind):
            digest.update(field.name.encode())
            _hash_array(digest, pc.struct_field(array, [at]))
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        _hash_head(digest, "list", array)
        digest.update(_fixed(pc.fill_null(pc.list_value_length(array).cast(pa.int64()), 0)))
        _hash_array(digest, array.flatten())
    elif _is_bytes_like(kind):
        _hash_bytes_like(digest, array)
    else:
        _hash_fixed(digest, array)


def _hash_head(digest: Any, kind: str, array: pa.Array) -> None:
    digest.update(f"{kind} {len(array)}".encode())
    digest.update(np.packbits(array.is_valid().to_numpy(zero_copy_only=False)).tobytes())


def _is_bytes_like(kind: pa.DataType) -> bool:
    tests = ("is_string", "is_large_string", "is_string_view", "is_binary", "is_large_binary", "is_binary_view")
    return any(getattr(pa.types, test)(kind) for test in tests)


def _hash_bytes_like(digest: Any, array: pa.Array) -> None:
    is_text = "string" in str(array.type)
    plain = array.cast(pa.large_string() if is_text else pa.large_binary())
    _hash_head(digest, "text" if is_text else "bytes", plain)
    digest.update(_fixed(pc.fill_null(pc.binary_length(plain), 0)))
    filled = pc.fill_null(plain, "" if is_text else b"")
    offsets = np.frombuffer(filled.buffers()[1], dtype=np.int64)[filled.offset : filled.offset + len(filled) + 1]
    if len(filled) and (data := filled.buffers()[2]) is not None:
        digest.update(memoryview(data)[offsets[0] : offsets[-1]])


def _hash_fixed(digest: Any, array: pa.Array) -> None:
    kind = array.type
    _hash_head(digest, str(kind), array)
    if pa.types.is_null(kind):
        return
    if pa.types.is_boolean(kind):
        digest.update(np.packbits(pc.fill_null(array, False).to_numpy(zero_copy_only=False)).tobytes())
    elif pa.types.is_floating(kind):
        digest.update(_one_float(array))
    elif pa.types.is_decimal(kind):
        _hash_bytes_like(digest, array.cast(pa.string()))
    else:
        digest.update(
            _fixed(pc.fill_null(array, pa.scalar(0, pa.int32() if kind.bit_width == 32 else pa.int64()).cast(kind)))
        )


def _one_float(array: pa.Array) -> bytes:
    """One NaN and one zero: their other bit patterns say the same."""
    values = pc.fill_null(array, 0.0).to_numpy(zero_copy_only=False) + 0.0
    values[np.isnan(values)] = np.nan
    return bytes(values.tobytes())


def _fixed(array: pa.Array) -> memoryview:
    """The bytes of an array of fixed width without nulls, whatever slice of a buffer it is."""
    width = array.type.bit_width // 8
    buffer = array.buffers()[1]
    start = array.offset * width
    return memoryview(b"") if buffer is None else memoryview(buffer)[start : start + len(array) * width]
