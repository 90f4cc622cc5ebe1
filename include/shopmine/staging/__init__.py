"""The staging database: everything that passes from one task to the next."""
