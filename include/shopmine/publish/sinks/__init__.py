"""Writes a release back to where a shop works: one module a kind of sink, found by its name.

Each module has `write_tables(connection, tables, stamp, options, guard) -> {table: rows}`, which replaces what an earlier
release wrote and nothing else, `has_written(connection, n_rows, stamp, options) -> bool`, by which what is there already
is not written again, and `remove_person(connection, tables, customer, options) -> {table: rows}`.
"""
