"""Gates, releases, rollback, differences and sinks."""
