"""Writes a release back to where a shop works: one module a kind of sink, found by its name.

Each module has `write_tables(connection, tables, stamp, options, guard) -> {table: rows}`, which replaces what an earlier
release wrote and nothing else, and `remove_person(connection, tables, customer, options) -> {table: rows}`.
"""
