"""Statistics for people: figures about the shop, its platform and its data."""
