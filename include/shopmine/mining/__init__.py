"""Models. Each is a config, a result, and pure functions over frames; only `tasks.py` sees the staging database."""
