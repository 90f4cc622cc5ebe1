"""A shop whose source changes while days of it are collected."""

from integration.collect.conftest import execute, write_shop

__all__ = ["execute", "write_shop"]
