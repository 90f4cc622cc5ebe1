"""Messages and events that WeChat pushes 消息推送: is it WeChat, what does it say, and into the spool without persons.

Source: developers.weixin.qq.com/doc/service (message push, message encryption and decryption).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import Element, ParseError, fromstring

from shopmine.collect.api_reader import Document, convert_times
from shopmine.collect.documents import change_at, pruned, shortest_paths, tree_of
from shopmine.collect.json_text import Number
from shopmine.collect.wechat_spool import Spool
from shopmine.config.days import EPOCH, local_day
from shopmine.errors import ConfigError, DataError

if TYPE_CHECKING:
    from shopmine.collect.reading import Opening
    from shopmine.config.entities import EntityConfig

MOST_BYTES: Final = 1 << 16
_OLDEST: Final = timedelta(minutes=10)
_BLOCK: Final = 32
_NONCE: Final = 16
_ID_FIELDS: Final = ("FromUserName", "CreateTime", "MsgType", "Event", "EventKey")


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A request as it came: the parameters of its address and its body."""

    params: Mapping[str, str]
    body: bytes = b""


class Receiver:
    """Takes what is pushed to one source. Its connection's extras are `push_token`, `spool` and, for encrypted pushes, `push_aes_key`."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._token = opening.connection.extra.get("push_token", "")
        if not self._token:
            raise ConfigError(
                f"connection {opening.connection.id!r} needs the extra `push_token`, as set on the account's page"
            )
        self._entities = [entity for entity in opening.source.read_entities() if entity.api == "messages"]
        if not self._entities:
            raise ConfigError(
                f'source {opening.source.name!r} reads no pushed messages; give an entity api = "messages"'
            )

    def greet(self, push: Push, now: datetime) -> str:
        """What to answer to the request by which WeChat tries the address.

        Raises:
            DataError: it does not come from WeChat.
        """
        self._check(push, now, self._signature(push), push.params.get("signature", ""))
        return push.params.get("echostr", "")

    def take(self, push: Push, now: datetime) -> None:
        """Put a message or event into the spool; when this returns it is on the disk, and WeChat may be answered `success`.

        Raises:
            DataError: it does not come from WeChat, or says nothing that can be read.
        """
        message = self._message(push, now)
        created = message.get("CreateTime", "")
        if not created.isdecimal() or len(created) > 11:
            raise DataError("the pushed message has no CreateTime")
        day = local_day(EPOCH + timedelta(seconds=int(created)), self._opening.zone)
        for entity in self._entities:
            Spool(self._opening.connection, entity).add(day, self._document(entity, message))

    def _message(self, push: Push, now: datetime) -> dict[str, str]:
        if len(push.body) > MOST_BYTES:
            raise DataError(f"the pushed message has {len(push.body)} bytes; no message is longer than {MOST_BYTES}")
        outer = _fields(push.body)
        sealed = outer.get("Encrypt")
        if sealed is None:
            if self._opening.connection.extra.get("push_aes_key"):
                raise DataError("the pushed message is not encrypted, although the connection has a push_aes_key")
            self._check(push, now, self._signature(push), push.params.get("signature", ""))
            return outer
        self._check(push, now, self._signature(push, sealed), push.params.get("msg_signature", ""))
        return _fields(self._opened(sealed))

    def _signature(self, push: Push, *more: str) -> str:
        parts = sorted([self._token, push.params.get("timestamp", ""), push.params.get("nonce", ""), *more])
        return hashlib.sha1("".join(parts).encode(), usedforsecurity=False).hexdigest()

    def _check(self, push: Push, now: datetime, expected: str, given: str) -> None:
        timestamp = push.params.get("timestamp", "")
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise DataError("the signature is not WeChat's; is push_token the one on the account's page?")
        if not timestamp.isdecimal() or abs(now - EPOCH - timedelta(seconds=int(timestamp[:11]))) > _OLDEST:
            raise DataError("the signature is of another time; are this machine's clocks right?")

    def _opened(self, sealed: str) -> bytes:
        """AES-256-CBC: 16 random bytes, the length, the message, the AppID, padded to whole blocks of 32."""
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        try:
            key = base64.b64decode(self._opening.connection.extra.get("push_aes_key", "") + "=", validate=True)
            decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
            plain = decryptor.update(base64.b64decode(sealed, validate=True)) + decryptor.finalize()
            plain = plain[: -plain[-1]] if 1 <= plain[-1] <= _BLOCK else plain
            (length,) = struct.unpack(">I", plain[_NONCE : _NONCE + 4])
        except (ValueError, IndexError, struct.error) as error:
            raise DataError(
                "the pushed message cannot be decrypted; is push_aes_key the account's EncodingAESKey?"
            ) from error
        message, appid = plain[_NONCE + 4 :][:length], plain[_NONCE + 4 + length :]
        if appid.decode("utf-8", "replace") != self._opening.connection.user:
            raise DataError("the pushed message is for another account")
        return message

    def _document(self, entity: EntityConfig, message: Mapping[str, str]) -> Document:
        """The message as it lands: with an `id`, treated, and of it only what is mapped."""
        document: Document = {**message, "CreateTime": Number(message["CreateTime"])}
        named = "\x1f".join(message.get(name, "") for name in _ID_FIELDS)
        document["id"] = message.get("MsgId") or self._opening.key.hash_text(named)
        convert_times(document, ("CreateTime",), int)
        for path, how in entity.personal.items():
            change_at(document, path.split("."), None if how == "drop" else self._opening.key.treatment(entity, path))
        kept = pruned(document, tree_of(shortest_paths(self._opening.source.columns(entity.name))))
        return dict(kept)


def _fields(body: bytes) -> dict[str, str]:
    """The texts of a message's elements; those within others under names with `_` between."""
    # No message has a document type; with one a few bytes could grow to a memory full.
    if b"<!" in body.replace(b"<![CDATA[", b""):
        raise DataError("the pushed message has a document type, which no message of WeChat has")
    try:
        root = fromstring(body)  # noqa: S314  without a document type there are no entities to expand
    except ParseError as error:
        raise DataError(f"the pushed message is no XML: {error}") from error
    found: dict[str, str] = {}
    _collect(root, "", found)
    return found


def _collect(element: Element, before: str, found: dict[str, str]) -> None:
    for child in element:
        name = f"{before}{child.tag}"
        if len(child):
            _collect(child, f"{name}_", found)
        else:
            found[name] = (child.text or "").strip()
